//! skiff-knative
