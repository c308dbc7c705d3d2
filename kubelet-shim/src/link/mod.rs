//! The stream to the control plane: dialling, TLS, upgrade, frames, and the session that lives on it.
//! Must not know containers: it hands orders to the node room and takes reports from its outbox.

mod dial;
pub mod outbox;
pub mod session;
pub mod tls;

pub use dial::{Frames, LinkError, dial, dial_saying, frames};
