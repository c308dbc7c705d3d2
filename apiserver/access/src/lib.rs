//! skiff-access
