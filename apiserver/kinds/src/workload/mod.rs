//! Kinds that hold a Pod template: what they fill in and refuse.
pub mod syntax;

use crate::strategy::Strategy;

/// The strategy of a workload kind.
#[must_use]
pub fn strategy(_group: &str, _kind: &str) -> Option<Strategy> {
    None
}
