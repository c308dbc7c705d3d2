//! skiff-conformance
