//! LimitRange as an object: its defaults and rules.
//!
//! Fed through the strategy table. What it does to pods is in `limit_apply`.

use super::amount;
use super::at::{At, Faults};
use super::fill::{made, unset};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::{Map, Value};
use skiff_schema::quantity::{Format, Quantity};

pub(super) const LIMIT_RANGE: Strategy = Strategy { default, validate, validate_update: |new, _| validate(new), ..PLAIN };

fn default(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    super::fill::each(spec, "limits", |limit| {
        if super::fill::text(limit, "type") == "Container" {
            fill_container(limit);
        }
    });
}

/// Limits default to the maximum; requests to the limit, then to the minimum.
fn fill_container(limit: &mut Map<String, Value>) {
    let list = |limit: &Map<String, Value>, field: &str| -> Vec<(String, Value)> {
        let map = limit.get(field).and_then(Value::as_object);
        map.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")] {
        for (resource, amount) in list(limit, from) {
            unset(limit, to, Map::new());
            if let Some(map) = limit.get_mut(to).and_then(Value::as_object_mut) {
                unset(map, &resource, amount);
            }
        }
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let mut types = Vec::new();
    for limit in At::root(object).get("spec").get("limits").items() {
        let kind = limit.get("type");
        rule::qualified(&mut out, &kind);
        if types.contains(&kind.text()) {
            out.push(kind.duplicate());
        }
        types.push(kind.text());
        if kind.text() == "Pod" {
            for field in ["default", "defaultRequest"] {
                if !limit.get(field).is_empty() {
                    let why = "may not be specified when `type` is 'Pod'";
                    out.push(limit.get(field).forbidden(why));
                }
            }
        }
        if kind.text() == "PersistentVolumeClaim" {
            let bound = |field: &str| limit.get(field).key("storage").is_set();
            if !bound("min") && !bound("max") {
                out.push(limit.required("either minimum or maximum storage value is required, but neither was provided"));
            }
        }
        validate_bounds(&mut out, &limit);
    }
    out
}

fn validate_bounds(out: &mut Faults, limit: &At) {
    let mut resources: Vec<&str> = Vec::new();
    for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        for (resource, value) in limit.get(field).entries() {
            if field != "maxLimitRequestRatio" {
                amount::not_negative(out, &value);
            }
            if !resources.contains(&resource) {
                resources.push(resource);
            }
        }
    }
    for resource in resources {
        let read = |field: &str| limit.get(field).key(resource).raw().and_then(Quantity::of_json);
        let shown = |field: &str| limit.get(field).key(resource).text().to_owned();
        // (what must not be more, than what, which of the two is blamed, their names)
        for (low, high, blamed, low_name, high_name) in [
            ("min", "max", "min", "min", "max"),
            ("min", "defaultRequest", "defaultRequest", "min", "default request"),
            ("defaultRequest", "max", "defaultRequest", "default request", "max"),
            ("defaultRequest", "default", "defaultRequest", "default request", "default limit"),
            ("min", "default", "default", "min", "default"),
            ("default", "max", "default", "default", "max"),
        ] {
            if let (Some(a), Some(b)) = (read(low), read(high))
                && a > b
            {
                let (at, text) = (limit.get(blamed).key(resource), shown(high));
                let why = format!("{low_name} value {} is greater than {high_name} value {text}", shown(low));
                out.push(at.invalid(why));
            }
        }
        let ratio = limit.get("maxLimitRequestRatio").key(resource);
        if ratio.raw().and_then(Quantity::of_json).is_some_and(|ratio| ratio < Quantity::from_units(1, Format::Decimal)) {
            out.push(ratio.invalid(format!("ratio {} is less than 1", ratio.text())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_flow_into_defaults() {
        let mut range = json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"memory": "1Mi"}}]}});
        default(&mut range);
        let limit = &range["spec"]["limits"][0];
        assert_eq!(limit["default"], json!({"cpu": "1"}));
        assert_eq!(limit["defaultRequest"], json!({"cpu": "1", "memory": "1Mi"}));
        assert_eq!(validate(&range), []);
        let bad = json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "2"}}]}});
        assert_eq!(
            validate(&bad)[0].to_string(),
            "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1"
        );
    }
}
