//! Requests that are answered and never stored: access reviews, token reviews, Binding, Eviction.
//!
//! Fed through the strategy table; validation only. The answers are access control's and the pods' business.

use super::at::{At, Faults};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::Value;

pub(super) const ACCESS: Strategy = Strategy { validate: validate_access, ..PLAIN };
pub(super) const SELF_ACCESS: Strategy = Strategy { validate: validate_self, ..PLAIN };
pub(super) const LOCAL_ACCESS: Strategy = Strategy { validate: validate_local, ..PLAIN };
pub(super) const TOKEN: Strategy = Strategy { validate: validate_token, ..PLAIN };
pub(super) const BINDING: Strategy = Strategy { validate: validate_binding, ..PLAIN };

/// A review has no name: `metadata` must be empty but for what the server itself manages.
fn nameless(out: &mut Faults, object: &Value, allowed: &[&str]) {
    let meta = At::root(object).get("metadata");
    let extra = meta.raw().and_then(Value::as_object).into_iter().flatten();
    let named = extra.filter(|(k, v)| k.as_str() != "managedFields" && !allowed.contains(&k.as_str()) && !super::at::is_zero(v));
    if named.count() > 0 {
        out.push(meta.invalid("must be empty"));
    }
}

fn attributes(out: &mut Faults, spec: &At) {
    let (resource, other) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    if resource.is_set() && other.is_set() {
        let why = "cannot be specified in combination with resourceAttributes";
        out.push(other.invalid(why));
    }
    if !resource.is_set() && !other.is_set() {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        out.push(FieldError::invalid(resource.path(), Value::Null, why));
    }
    for (name, parsed, raw) in
        [("fieldSelector", "requirements", "rawSelector"), ("labelSelector", "requirements", "rawSelector")]
    {
        let selector = resource.get(name);
        if selector.is_set() && !selector.get(parsed).is_empty() && !selector.get(raw).is_empty() {
            out.push(selector.get(raw).invalid("may not specified at the same time as requirements"));
        }
    }
}

fn validate_self(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    attributes(&mut out, &At::root(object).get("spec"));
    nameless(&mut out, object, &[]);
    out
}

fn subject_access(out: &mut Faults, spec: &At) {
    attributes(out, spec);
    if spec.get("user").text().is_empty() && spec.get("groups").is_empty() {
        out.push(FieldError::invalid(spec.get("user").path(), "", "at least one of user or group must be specified"));
    }
}

fn validate_access(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    subject_access(&mut out, &At::root(object).get("spec"));
    nameless(&mut out, object, &[]);
    out
}

fn validate_local(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    subject_access(&mut out, &spec);
    nameless(&mut out, object, &["namespace"]);
    let (inner, own) = (spec.get("resourceAttributes").get("namespace"), root.get("metadata").get("namespace"));
    if spec.get("resourceAttributes").is_set() && inner.text() != own.text() {
        out.push(inner.invalid_text("must match metadata.namespace"));
    }
    if spec.get("nonResourceAttributes").is_set() {
        let why = "disallowed on this kind of request";
        out.push(spec.get("nonResourceAttributes").invalid(why));
    }
    out
}

fn validate_token(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    rule::present(&mut out, &At::root(object).get("spec").get("token"));
    out
}

fn validate_binding(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let target = At::root(object).get("target");
    let kind = target.get("kind");
    if !matches!(kind.text(), "" | "Node") {
        out.push(kind.unsupported(&["Node", "<empty>"]));
    }
    rule::present(&mut out, &target.get("name"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reviews_ask_one_thing() {
        let resource = json!({"resourceAttributes": {"verb": "list", "resource": "pods"}});
        assert_eq!(validate_self(&json!({"spec": resource})), []);
        assert_eq!(validate_self(&json!({"spec": {}}))[0].field, "spec.resourceAttributes");
        assert_eq!(
            validate_access(&json!({"spec": resource}))[0].to_string(),
            "spec.user: Invalid value: \"\": at least one of user or group must be specified"
        );
        assert_eq!(validate_self(&json!({"metadata": {"name": "x"}, "spec": resource})).len(), 1);
    }

    #[test]
    fn bindings_have_a_target() {
        assert_eq!(validate_binding(&json!({"target": {"kind": "Node", "name": "n"}})), []);
        assert_eq!(validate_binding(&json!({"target": {"kind": "Pod"}})).len(), 2);
    }
}
