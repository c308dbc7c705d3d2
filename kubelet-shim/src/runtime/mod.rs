//! Everything said to containerd: the connection, images, containers and tasks, executed commands, events.
//! Fed by the sandbox and stream rooms; must not know the wire, restart policies or probes.

pub mod containerd;
pub mod events;
pub mod exec;
pub mod fifo;
pub mod images;
pub mod oci;
pub mod users;

pub use containerd::{Containerd, RuntimeError};
