//! Field ownership and server-side apply.
//!
//! [`track_update`] is called for every write that is not an apply, [`apply`] for every one that is; both are pure. Fed by the
//! write path; knows the type model and `metadata.managedFields`, no kind, no storage, no clock.
//!
//! ```text
//! element -> fieldset -> fields_v1            a set of paths and its wire form
//! topology, zero                              how a type is owned; what Go structs hold when JSON is silent
//! compare, extract, join, remove, check       walks over typed values
//! ledger                                      managedFields as records
//! track                                       ordinary writes
//! applying (prune, conflict, last_applied)    apply
//! scale                                       records across /scale
//! overlay                                     a configuration without owners
//! ```

mod applying;
mod check;
pub mod compare;
pub mod conflict;
pub mod element;
mod extract;
pub mod fields_v1;
pub mod fieldset;
mod join;
pub mod last_applied;
pub mod ledger;
mod overlay;
mod prune;
mod remove;
pub mod reset;
pub mod scale;
pub mod topology;
pub mod track;
mod zero;

#[cfg(test)]
mod tests;

pub use applying::apply;
pub use conflict::{ApplyError, Cause, Conflicts};
pub use fieldset::FieldSet;
pub use ledger::validate;
pub use overlay::overlay;
pub use reset::Reset;
pub use topology::{Origin, Subject};
pub use track::{Write, settle_times, track_update};
