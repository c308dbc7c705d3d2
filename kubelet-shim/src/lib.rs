//! skiff-kubelet
mod cgroup; mod env; mod pod; mod settings; mod runtime; mod network; pub mod image;
pub use settings::{Settings, NodeTls};
