//! `x-kubernetes-validations`: rules in CEL, compiled once per version and asked about each object.
//!
//! Fed by `tree` with rules as written and by `validate` with objects. The language and Kubernetes' functions are the crate
//! `kube-cel`'s; names, transition rules, messages and reasons are here.

mod check;
mod compile;
mod rewrite;
mod value;

pub use check::check;
pub use compile::{Fault, Rule};
