//! Custom resources in the house: definitions become kinds of the registry, their objects pass their schemas, and a definition
//! that goes takes its objects along.
//!
//! Fed with CRD documents after each turn and by the verbs at the places where a write passes. What a definition means is
//! `skiff-custom`'s business; no verb but these functions asks whether a kind is custom.

mod definitions;
pub mod removal;
pub mod scale;
mod write;

pub use definitions::{Definitions, follow, load, refresh, settle};
pub use write::{check_alive, decode, prepare_create, prepare_update, validate};
