//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy: which requests they are about, and what becomes of those.
//!
//! Fed by the house with policy documents, with requests, and with what only it knows of other objects ([`Surroundings`]); gives
//! back verdicts and changed objects in upstream's words. Pure: knows no store, no HTTP and no kind.
//!
//! ```text
//! request        what is asked, and what the house must answer about it
//! matching       resource rules, selectors, equivalent versions
//! environment    variables of expressions and their types
//! program        an expression from text to something that runs
//! policy         a document compiled, with all faults of its expressions
//! binding        where a policy holds, with which parameters
//! run            one policy about one request: variables, conditions, evaluation
//! validating     verdicts, warnings, audit
//! mutating       patches, one after the other
//! typing         what expressions mean for the kinds that a policy is about (status.typeChecking)
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod binding;
mod environment;
pub mod matching;
pub mod mutating;
pub mod policy;
mod program;
pub mod request;
mod run;
pub mod typing;
pub mod validating;

#[cfg(test)]
mod tests;

pub use binding::{Binding, Hook};
pub use policy::{Flavour, Policy};
pub use request::{Operation, Request, Resource, Surroundings};
