//! The rules about quantities that several kinds share. Knows no kind and no resource.

use super::at::{At, Faults};
use skiff_schema::Quantity;

/// A quantity of zero or more.
pub(super) fn not_negative(out: &mut Faults, at: &At) {
    if at.raw().and_then(Quantity::of_json).is_some_and(|quantity| quantity.is_negative()) {
        out.push(at.invalid("must be greater than or equal to 0"));
    }
}

/// Upstream's rule for quantities that must be there and more than nothing.
pub(super) fn is_positive(at: &At) -> bool {
    at.raw().and_then(Quantity::of_json).is_some_and(|quantity| !quantity.is_negative() && !quantity.is_zero())
}
