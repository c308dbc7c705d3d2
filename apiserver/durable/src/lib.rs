//! skiff-durable
