//! HorizontalPodAutoscaler, versions 1 and 2, and Scale.
//!
//! Fed through the strategy table. The version is read off the object; computing replicas is a controller's business.

use super::amount;
use super::at::{At, Faults};
use super::fill::{made, object_at, unset};
use super::lifecycle::{drop_status, fresh_status, hold_status};
use super::rule;
use crate::convert::{METRICS, conversion};
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::{Map, Value, json};

pub(super) const AUTOSCALER: Strategy = Strategy {
    default,
    validate,
    validate_update: |new, _| validate(new),
    prepare_create: |object| {
        drop_status(object);
        let status = if is_v1(object) {
            json!({"currentReplicas": 0, "desiredReplicas": 0})
        } else {
            json!({"desiredReplicas": 0, "currentMetrics": null})
        };
        fresh_status(object, status);
    },
    prepare_update: hold_status,
};
pub(super) const SCALE: Strategy = Strategy {
    validate: |object| {
        let mut out = Faults::new();
        rule::not_negative(&mut out, &At::root(object).get("spec").get("replicas"));
        out
    },
    ..PLAIN
};

const CPU_PERCENT: i64 = 80;
const STABILIZATION_SECONDS_MAX: i64 = 3600;
const PERIOD_SECONDS_MAX: i64 = 1800;
const SOURCES: &[(&str, &str)] = &[
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

fn is_v1(object: &Value) -> bool {
    object.get("apiVersion").and_then(Value::as_str) == Some("autoscaling/v1")
}

fn default(object: &mut Value) {
    let v1 = is_v1(object);
    let others = object.pointer("/metadata/annotations").is_some_and(|notes| notes.get(METRICS).is_some());
    let Some(spec) = made(object, "spec") else { return };
    unset(spec, "minReplicas", 1);
    if v1 {
        // Other metrics, which travel in an annotation, take the place of the default.
        if !others {
            unset(spec, "targetCPUUtilizationPercentage", CPU_PERCENT);
        }
    } else if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let target = json!({"type": "Utilization", "averageUtilization": CPU_PERCENT});
        spec.insert("metrics".into(), json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
    }
    if let Some(behavior) = object_at(object, "/spec/behavior") {
        let per = |kind: &str, value: i64| json!({"type": kind, "value": value, "periodSeconds": 15});
        fill_rules(behavior, "scaleUp", json!([per("Pods", 4), per("Percent", 100)]));
        fill_rules(behavior, "scaleDown", json!([per("Percent", 100)]));
    }
    if let Some(status) = made(object, "status") {
        if v1 {
            unset(status, "currentReplicas", 0);
        } else {
            status.entry("currentMetrics").or_insert(Value::Null);
        }
        unset(status, "desiredReplicas", 0);
    }
}

/// Only scaling up has a default window; the one for scaling down is a flag of the controller.
fn fill_rules(behavior: &mut Map<String, Value>, direction: &str, policies: Value) {
    unset(behavior, direction, Map::new());
    let Some(rules) = behavior.get_mut(direction).and_then(Value::as_object_mut) else { return };
    unset(rules, "selectPolicy", "Max");
    unset(rules, "policies", policies);
    if direction == "scaleUp" {
        unset(rules, "stabilizationWindowSeconds", 0);
    }
}

/// Both versions are judged in the stored shape, as upstream does.
fn validate(object: &Value) -> Vec<FieldError> {
    if let Some(conversion) = is_v1(object).then(|| conversion("autoscaling", "v1", "HorizontalPodAutoscaler")).flatten() {
        let mut stored = object.clone();
        conversion.store(&mut stored);
        return validate(&stored);
    }
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let (least, most) = (spec.get("minReplicas"), spec.get("maxReplicas"));
    let max = most.int().unwrap_or(0);
    let top = |why: &str| FieldError::invalid(most.path(), max, why);
    if least.int().is_some_and(|n| n < 1) {
        out.push(least.invalid("must be greater than or equal to 1"));
    }
    if max < 1 {
        out.push(if max == 0 {
            most.required("must be set and greater than 0")
        } else {
            top("must be greater than or equal to 1")
        });
    }
    if least.int().is_some_and(|n| max < n) {
        out.push(top("must be greater than or equal to `minReplicas`"));
    }
    reference(&mut out, &spec.get("scaleTargetRef"));
    for metric in spec.get("metrics").items() {
        validate_metric(&mut out, &metric);
    }
    let from_outside = |metric: &At| matches!(metric.get("type").text(), "Object" | "External");
    if least.int() == Some(0) && !spec.get("metrics").items().any(|metric| from_outside(&metric)) {
        let why = "must specify at least one Object or External metric to support scaling to zero replicas";
        out.push(spec.get("metrics").forbidden(why));
    }
    for direction in ["scaleUp", "scaleDown"] {
        validate_rules(&mut out, &spec.get("behavior").get(direction));
    }
    out
}

fn reference(out: &mut Faults, at: &At) {
    rule::path_segment(out, &at.get("kind"));
    rule::path_segment(out, &at.get("name"));
}

fn validate_metric(out: &mut Faults, metric: &At) {
    let kind = metric.get("type");
    let known: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
    if kind.text().is_empty() {
        out.push(kind.required("must specify a metric source type"));
    }
    if !known.contains(&kind.text()) {
        out.push(kind.unsupported(&known));
    }
    let given: Vec<&str> = SOURCES.iter().map(|(_, field)| *field).filter(|f| metric.get(f).is_set()).collect();
    if let Some(first) = given.first() {
        validate_source(out, &metric.get(first), first);
    }
    let wanted = SOURCES.iter().find(|(name, _)| *name == kind.text()).map_or("", |(_, field)| *field);
    if !given.contains(&wanted) && (!wanted.is_empty() || kind.text().is_empty()) {
        out.push(metric.get(wanted).required("must populate information for the given metric source"));
    }
    if given.len() != 1 {
        for other in given.iter().filter(|field| **field != wanted) {
            out.push(metric.get(other).forbidden("must populate the given metric source only"));
        }
    }
}

fn validate_source(out: &mut Faults, source: &At, kind: &str) {
    let target = source.get("target");
    match kind {
        "resource" | "containerResource" => {
            if source.get("name").text().is_empty() {
                out.push(source.get("name").required("must specify a resource name"));
            }
            if kind == "containerResource" && source.get("container").text().is_empty() {
                out.push(source.get("container").required("must specify a container"));
            }
        }
        _ => {
            rule::path_segment(out, &source.get("metric").get("name"));
            rule::selector(out, &source.get("metric").get("selector"));
            if kind == "object" {
                reference(out, &source.get("describedObject"));
            }
        }
    }
    validate_target(out, &target);
    let (percent, average, value) = (target.get("averageUtilization"), target.get("averageValue"), target.get("value"));
    match kind {
        "resource" | "containerResource" => {
            if !percent.is_set() && !average.is_set() {
                out.push(percent.required("must set either a target raw value or a target utilization"));
            }
            if percent.is_set() && average.is_set() {
                out.push(average.forbidden("may not set both a target raw value and a target utilization"));
            }
        }
        "pods" if !amount::is_positive(&average) => out.push(average.required("must specify a positive target averageValue")),
        "object" | "external" if !value.is_set() && !average.is_set() => {
            out.push(average.required("must set either a target value or averageValue"));
        }
        "external" if value.is_set() && average.is_set() => {
            out.push(value.forbidden("may not set both a target value for metric and a per-pod target"));
        }
        _ => {}
    }
}

fn validate_target(out: &mut Faults, target: &At) {
    let kind = target.get("type");
    if kind.text().is_empty() {
        out.push(kind.required("must specify a metric target type"));
    }
    if !["AverageValue", "Utilization", "Value"].contains(&kind.text()) {
        let why = "must be either Utilization, Value, or AverageValue";
        out.push(kind.invalid_text(why));
    }
    let percent = target.get("averageUtilization");
    if percent.int().is_some_and(|n| n < 1) {
        out.push(percent.invalid("must be greater than 0"));
    }
    for field in ["value", "averageValue"] {
        if target.get(field).is_set() && !amount::is_positive(&target.get(field)) {
            out.push(target.get(field).invalid("must be positive"));
        }
    }
}

fn validate_rules(out: &mut Faults, rules: &At) {
    if !rules.is_set() {
        return;
    }
    let window = rules.get("stabilizationWindowSeconds");
    rule::not_negative(out, &window);
    if window.int().is_some_and(|n| n > STABILIZATION_SECONDS_MAX) {
        out.push(window.invalid("must be less than or equal to 3600"));
    }
    rule::optional_choice(out, &rules.get("selectPolicy"), &["Disabled", "Max", "Min"]);
    let policies = rules.get("policies");
    if policies.is_empty() {
        out.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        rule::optional_choice(out, &policy.get("type"), &["Percent", "Pods"]);
        let (value, period) = (policy.get("value"), policy.get("periodSeconds"));
        for number in [&value, &period] {
            if number.int().unwrap_or(0) <= 0 {
                out.push(FieldError::invalid(number.path(), number.int().unwrap_or(0), "must be greater than zero"));
            }
        }
        if period.int().is_some_and(|n| n > PERIOD_SECONDS_MAX) {
            out.push(period.invalid("must be less than or equal to 1800"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaler(version: &str, more: &Value) -> Value {
        let mut spec = json!({"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}});
        if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
            spec.extend(more.clone());
        }
        let mut object = json!({"apiVersion": version, "spec": spec});
        default(&mut object);
        object
    }

    #[test]
    fn defaults_by_version() {
        assert_eq!(scaler("autoscaling/v1", &json!({}))["spec"]["targetCPUUtilizationPercentage"], 80);
        let two = scaler("autoscaling/v2", &json!({"behavior": {"scaleDown": {"selectPolicy": "Min"}}}));
        assert_eq!(two["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
        assert_eq!(two["spec"]["behavior"]["scaleUp"]["policies"].as_array().map(Vec::len), Some(2));
        assert_eq!(two["spec"]["behavior"]["scaleDown"]["selectPolicy"], "Min");
        assert_eq!(validate(&two), []);
    }

    #[test]
    fn refusals() {
        let cases = [
            (json!({"minReplicas": 5}), "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"),
            (json!({"maxReplicas": 0}), "spec.maxReplicas: Required value: must be set and greater than 0"),
            (json!({"scaleTargetRef": {"kind": "X"}}), "spec.scaleTargetRef.name: Required value"),
        ];
        for (more, wanted) in cases {
            let faults = validate(&scaler("autoscaling/v2", &more));
            assert_eq!(faults[0].to_string(), wanted);
        }
    }
}
