//! Lease and LeaseCandidate.
//!
//! Fed through the strategy table. Nobody here takes part in an election.

use super::at::{At, Faults};
use super::fill::made;
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::Value;

pub(super) const LEASE: Strategy = Strategy {
    default: |object| {
        made(object, "spec");
    },
    validate,
    validate_update: |new, _| validate(new),
    ..PLAIN
};

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let seconds = spec.get("leaseDurationSeconds");
    if seconds.int().is_some_and(|n| n <= 0) {
        out.push(seconds.invalid("must be greater than 0"));
    }
    let transitions = spec.get("leaseTransitions");
    if transitions.int().is_some_and(|n| n < 0) {
        out.push(transitions.invalid("must be greater than or equal to 0"));
    }
    let (strategy, preferred) = (spec.get("strategy"), spec.get("preferredHolder"));
    if strategy.is_set() {
        rule::qualified(&mut out, &strategy);
    }
    if !preferred.is_empty() && !strategy.is_set() {
        out.push(preferred.forbidden("may only be specified when `strategy` is defined"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_positive() {
        assert_eq!(validate(&json!({"spec": {"leaseDurationSeconds": 15}})), []);
        let faults = validate(&json!({"spec": {"leaseDurationSeconds": 0}}));
        assert_eq!(faults[0].to_string(), "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0");
    }
}
