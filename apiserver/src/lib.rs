//! The house: the only place that knows sockets, disks, openraft and Kubernetes.
//!
//! `ls` follows a request: listen, decode, admit, verbs, store, then project and watch on the way back; agents is the way to
//! nodes and gateways. The heart (records, commands, policies) is the crate `skiff-engine`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admit;
pub mod agents;
mod bootstrap;
pub mod clock;
pub mod custom;
pub mod decode;
pub mod listen;
pub mod observe;
pub mod project;
pub mod registry;
mod run;
pub mod status;
pub mod store;
pub mod verbs;
pub mod watch;

pub use run::{Settings, run};
