//! skiff-patch
