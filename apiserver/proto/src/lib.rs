//! skiff-proto
