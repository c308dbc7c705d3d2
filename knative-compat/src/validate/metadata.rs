//! Rules on `metadata`: names, labels that claim an owner, annotations in the wrong place, who made and changed a thing.

use super::Faults;
use crate::admit::{Operation, Request};
use crate::{doc, duration, keys, names};
use serde_json::Value;

/// Name rules of everything under Knative's webhook. Only what users write by name goes through the label rule.
pub(super) fn object(object: &Value) -> Faults {
    let (name, prefix) = (doc::name(object), doc::text(object, "/metadata/generateName"));
    let mut out = Faults::none();
    if !name.is_empty() {
        let wrong = names::label_1035(name);
        if !wrong.is_empty() {
            out.also(Faults::generic(format!("not a DNS 1035 label: [{}]", wrong.join(" ")), &["name"]));
        }
    }
    if !prefix.is_empty() {
        let wrong = names::label_1035_prefix(prefix);
        if !wrong.is_empty() {
            out.also(Faults::generic(format!("not a DNS 1035 label prefix: [{}]", wrong.join(" ")), &["generateName"]));
        }
    }
    if name.is_empty() && prefix.is_empty() {
        out.also(Faults::generic("name or generateName is required", &["name"]));
    }
    out
}

/// Autoscaling annotations do nothing on a ksvc, a Configuration or a Route, so they are refused there.
pub(super) fn no_autoscaling(object: &Value) -> Faults {
    let mut out = Faults::none();
    for (key, _) in doc::entries(object, "/metadata/annotations").filter(|(k, _)| k.starts_with(keys::AUTOSCALING_PREFIX)) {
        let advice = "autoscaling annotations must be put under \"spec.template.metadata.annotations\" to work";
        out.also(Faults::key_name(&key, "annotations", advice));
    }
    out
}

/// A label that names an owner must agree with an owner reference.
pub(super) fn owner_label(object: &Value, label: &str, kind: &str) -> Faults {
    let Some(value) = doc::label(object, label) else { return Faults::none() };
    let owned = doc::items(object, "/metadata/ownerReferences")
        .any(|owner| doc::text(owner, "/kind") == kind && doc::text(owner, "/name") == value);
    if owned { Faults::none() } else { Faults::missing(&[label]).via("labels") }
}

/// How long a route may shift.
pub(super) fn rollout_duration(object: &Value) -> Faults {
    seconds(keys::ROLLOUT_DURATION.get(doc::annotations(object)), "rollout-duration")
}

/// A duration in whole, positive seconds.
pub(super) fn seconds(given: Option<(&'static str, &str)>, title: &str) -> Faults {
    let Some((key, value)) = given.filter(|(_, value)| !value.is_empty()) else { return Faults::none() };
    match duration::parse(value) {
        None => Faults::invalid(value, key),
        Some(time) if time % duration::SECOND != 0 => {
            Faults::generic(format!("{title}={value} is not at second precision"), &[key])
        }
        Some(time) if time < 0 => Faults::generic(format!("{title}={value} must be positive"), &[key]),
        Some(_) => Faults::none(),
    }
}

/// Nobody rewrites who made a thing, and only a changed spec changes who changed it.
pub(super) fn signatures(request: &Request<'_>, object: &Value) -> Faults {
    let Operation::Update(old) = request.operation else { return Faults::none() };
    let pair = |key| (doc::annotation(old, key).unwrap_or(""), doc::annotation(object, key).unwrap_or(""));
    let mut out = Faults::none();
    let (before, after) = pair(keys::CREATOR);
    if before != after {
        out.also(Faults::generic("annotation value is immutable", &[keys::CREATOR]));
    }
    let (before, after) = pair(keys::LAST_MODIFIER);
    if before != after && old.get("spec") == object.get("spec") {
        out.also(Faults::invalid(after, keys::LAST_MODIFIER));
    }
    out.via("metadata.annotations")
}
