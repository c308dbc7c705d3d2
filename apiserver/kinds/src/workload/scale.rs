//! The `scale` subresource: an autoscaling/v1 Scale made from an object, and put back into it.
//!
//! Fed by the subresource station. Must not know who scales.

use super::meta;
use super::read::{Faults, Read, nonnegative, object_in};
use crate::field::FieldError;
use serde_json::{Map, Value, json};

/// The Scale of a Deployment, ReplicaSet, ReplicationController or StatefulSet.
#[must_use]
pub fn scale_of(kind: &str, object: &Value) -> Option<Value> {
    if !matches!(kind, "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet") {
        return None;
    }
    let mut metadata = Map::new();
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.at("metadata").and_then(|m| m.at(key)) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    let selector = spec.at("selector").map(|selector| {
        if kind == "ReplicationController" { meta::spell_labels(selector) } else { meta::spell_selector(selector) }
    });
    let mut wanted = Map::new();
    // Go leaves a zero out of the spec, but not out of the status.
    if spec.number("replicas") != 0 {
        wanted.insert("replicas".into(), spec.number("replicas").into());
    }
    let mut status = Map::new();
    status.insert("replicas".into(), object.at("status").map_or(0, |s| s.number("replicas")).into());
    if let Some(selector) = selector.filter(|s| !s.is_empty()) {
        status.insert("selector".into(), selector.into());
    }
    Some(json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": wanted,
        "status": status,
    }))
}

/// Puts the wanted count of a Scale into the object it stands for.
pub fn apply_scale(object: &mut Value, replicas: i64) {
    if let Some(spec) = object_in(object, "spec") {
        spec.insert("replicas".into(), replicas.into());
    }
}

/// Every fault of a Scale that a client sends.
#[must_use]
pub fn validate_scale(scale: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    nonnegative(&mut out, scale.at("spec").unwrap_or(&Value::Null), "spec", "replicas");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_scale_get() {
        let mut d = json!({"kind": "Deployment", "metadata": {"name": "d", "namespace": "n", "uid": "u", "generation": 1,
            "resourceVersion": "7", "creationTimestamp": "t"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "d"}}}});
        let want = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "d", "namespace": "n",
            "uid": "u", "resourceVersion": "7", "creationTimestamp": "t"}, "spec": {}, "status": {"replicas": 0, "selector": "app=d"}});
        assert_eq!(scale_of("Deployment", &d), Some(want));
        apply_scale(&mut d, 3);
        assert_eq!(scale_of("Deployment", &d).and_then(|s| s.pointer("/spec/replicas").cloned()), Some(json!(3)));
        assert_eq!(scale_of("Pod", &d), None);
        let faults: Vec<String> = validate_scale(&json!({"spec": {"replicas": -1}})).iter().map(ToString::to_string).collect();
        assert_eq!(faults, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]);
    }
}
