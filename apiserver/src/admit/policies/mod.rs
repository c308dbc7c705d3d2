//! Policies of admission in the house: compiled when their documents change, asked about every write that a rule may mean.
//!
//! Fed with policy documents after each turn and by the verbs at the places where a write passes. What a policy means is
//! `skiff-admission`'s business; without a policy in force, a write costs one look at an atomic.

mod book;
mod pass;
mod registration;
mod surroundings;

pub use book::{PolicyBook, follow, load};
pub use pass::{Pass, Written};
pub use registration::{blind_spot, check, settle};
