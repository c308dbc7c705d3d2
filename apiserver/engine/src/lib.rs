//! The heart: what the world is, how it may change, and what follows from a change.
//!
//! Must not know: Kubernetes, HTTP, openraft, tokio, the clock, chance. Time and seeds are arguments.
#![no_std]

extern crate alloc;

pub mod wire;
