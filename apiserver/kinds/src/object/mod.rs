//! All other built-in kinds: what they fill in and refuse.
use crate::strategy::Strategy;

/// The strategy of a kind without a Pod template.
#[must_use]
pub fn strategy(_group: &str, _kind: &str) -> Option<Strategy> {
    None
}
