//! PodDisruptionBudget.
//!
//! Fed through the strategy table. Whether an eviction may go on is decided where pods are deleted.

use super::at::{At, Faults};
use super::fill::{made, unset};
use super::lifecycle::fresh_status;
use super::rule;
use crate::field::FieldError;
use crate::strategy::{Strategy, keep_status, reset_status};
use serde_json::{Map, Value};

pub(super) const BUDGET: Strategy = Strategy {
    default: |object| {
        made(object, "spec");
        if let Some(status) = made(object, "status") {
            counts(status);
        }
    },
    validate,
    validate_update: |new, _| validate(new),
    prepare_create: |object| {
        reset_status(object);
        let mut status = Map::new();
        counts(&mut status);
        fresh_status(object, status.into());
    },
    prepare_update: keep_status,
};

/// Go writes these numbers even when they are zero.
fn counts(status: &mut Map<String, Value>) {
    for field in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
        unset(status, field, 0);
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if least.is_set() && most.is_set() {
        out.push(spec.invalid("minAvailable and maxUnavailable cannot be both set"));
    }
    for bound in [least, most] {
        if bound.is_set() {
            rule::count_or_percent(&mut out, &bound);
        }
    }
    rule::selector(&mut out, &spec.get("selector"));
    rule::optional_choice(&mut out, &spec.get("unhealthyPodEvictionPolicy"), &["AlwaysAllow", "IfHealthyBudget"]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds() {
        let cases = [
            (json!({"minAvailable": 1}), None),
            (json!({"minAvailable": "50%"}), None),
            (json!({"minAvailable": -1}), Some("spec.minAvailable: Invalid value: -1: must be greater than or equal to 0")),
            (
                json!({"maxUnavailable": "101%"}),
                Some("spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"),
            ),
        ];
        for (spec, wanted) in cases {
            let faults = validate(&json!({"spec": spec}));
            assert_eq!(faults.first().map(ToString::to_string).as_deref(), wanted);
        }
    }
}
