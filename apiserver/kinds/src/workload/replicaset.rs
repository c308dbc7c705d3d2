//! ReplicaSets and their elders, ReplicationControllers.
//!
//! Fed by `workload::strategy`. Must not know Deployments.

use super::read::{Faults, Read, fill, immutable, nonnegative, replicas_fit};
use super::{defaults, template};
use crate::field::FieldError;
use crate::strategy::{Strategy, reset_status};
use serde_json::Value;

/// The strategy of ReplicaSets.
pub const STRATEGY: Strategy =
    Strategy { default, validate, validate_update, prepare_create: reset_status, prepare_update: super::keep_status_and_bump };

/// The strategy of ReplicationControllers.
pub const CONTROLLER: Strategy = Strategy {
    default: default_controller,
    validate: validate_controller,
    validate_update: |new, _| validate_controller(new),
    prepare_create: reset_status,
    prepare_update: super::keep_status_and_bump,
};

fn default(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) else { return };
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
    fill(spec, "replicas", 1);
}

/// A controller without selector or labels takes those of its template; ReplicaSets of apps/v1 do not.
fn default_controller(object: &mut Value) {
    let labels = object.pointer("/spec/template/metadata/labels").filter(|l| l.is_object()).cloned();
    if let Some(labels) = labels {
        let bare = |v: Option<&Value>| v.and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
        if bare(object.pointer("/spec/selector"))
            && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        {
            spec.insert("selector".into(), labels.clone());
        }
        if bare(object.pointer("/metadata/labels"))
            && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.insert("labels".into(), labels);
        }
    }
    default(object);
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    nonnegative(&mut out, spec, "spec", "replicas");
    nonnegative(&mut out, spec, "spec", "minReadySeconds");
    // The message names the wrong kind; so does upstream's.
    template::selector(&mut out, spec, "spec", "deployment");
    template::fits(&mut out, spec, "spec");
    template::check(&mut out, spec.at("template").unwrap_or(&nothing), "spec.template");
    template::long_running(&mut out, spec, "spec", "ReplicaSet");
    out
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate(new);
    immutable(&mut out, new.pointer("/spec/selector"), old.pointer("/spec/selector"), "spec.selector");
    out
}

fn validate_controller(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    nonnegative(&mut out, spec, "spec", "minReadySeconds");
    let wanted = spec.pairs("selector");
    if wanted.is_empty() {
        out.push(FieldError::required("spec.selector", ""));
    }
    nonnegative(&mut out, spec, "spec", "replicas");
    let Some(body) = spec.at("template") else {
        out.push(FieldError::required("spec.template", ""));
        return out;
    };
    let labels = body.pointer("/metadata/labels").cloned().unwrap_or_default();
    if !wanted.iter().all(|(k, v)| labels.get(k) == Some(*v)) {
        out.push(template::mismatch("spec", labels));
    }
    template::check(&mut out, body, "spec.template");
    template::long_running(&mut out, spec, "spec", "ReplicationController");
    out
}

/// Every fault of a new status, of both kinds.
pub(crate) fn validate_status(new: &Value, _old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let status = new.at("status").unwrap_or(&nothing);
    for key in ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"] {
        nonnegative(&mut out, status, "status", key);
    }
    replicas_fit(&mut out, status, &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]);
    out
}
