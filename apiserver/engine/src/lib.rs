//! The heart: what the world is, how it may change, and what follows from a change.
//!
//! One turn: take commands, apply them (`command/`), react (`react.rs` asks `policy/`), hand out events (`event.rs`).
//! Must not know: Kubernetes, HTTP, openraft, tokio, the clock, chance. Time and seeds are arguments.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod agenda;
pub mod command;
pub mod event;
pub mod invariant;
pub mod journal;
pub mod policy;
pub mod react;
pub mod record;
pub mod wire;
pub mod world;

pub use event::{Event, Order, Outcome, Said, SandboxAt};
pub use journal::{Entry, Gone, Journal};
pub use world::{Turn, World};
