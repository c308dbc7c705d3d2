//! StatefulSets: defaults, checks, and the few fields that may change.
//!
//! Fed by `workload::strategy`. Must not know claims or pods of a set.

use super::read::{Faults, Read, fill, nonnegative, object_in, same, unsupported};
use super::{defaults, rollout, template};
use crate::field::FieldError;
use crate::strategy::{Strategy, reset_status};
use serde_json::{Value, json};

/// The strategy of StatefulSets.
pub const STRATEGY: Strategy =
    Strategy { default, validate, validate_update, prepare_create: reset_status, prepare_update: super::keep_status_and_bump };

const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

fn default(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) else { return };
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
    fill(spec, "podManagementPolicy", "OrderedReady");
    object_in(spec, "updateStrategy");
    if let Some(strategy) = spec.get_mut("updateStrategy") {
        if strategy.text("type").is_empty() {
            fill(strategy, "type", "RollingUpdate");
            object_in(strategy, "rollingUpdate");
        }
        // A stated strategy gets a partition only where it already has room for one.
        if strategy.text("type") == "RollingUpdate"
            && let Some(rolling) = strategy.get_mut("rollingUpdate").filter(|r| r.is_object())
        {
            fill(rolling, "partition", 0);
        }
    }
    object_in(spec, "persistentVolumeClaimRetentionPolicy");
    if let Some(policy) = spec.get_mut("persistentVolumeClaimRetentionPolicy") {
        fill(policy, "whenDeleted", "Retain");
        fill(policy, "whenScaled", "Retain");
    }
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    for claim in super::read::items_mut(spec, "volumeClaimTemplates") {
        default_claim(claim);
    }
}

/// Claims inside a set are whole objects, and read back with their kind and phase.
fn default_claim(claim: &mut Value) {
    fill(claim, "apiVersion", "v1");
    fill(claim, "kind", "PersistentVolumeClaim");
    if let Some(spec) = claim.get_mut("spec").filter(|s| s.is_object()) {
        fill(spec, "volumeMode", "Filesystem");
    }
    object_in(claim, "status");
    if let Some(status) = claim.get_mut("status") {
        fill(status, "phase", "Pending");
    }
}

fn check_strategy(out: &mut Faults, spec: &Value) {
    let nothing = Value::Null;
    let strategy = spec.at("updateStrategy").unwrap_or(&nothing);
    let path = "spec.updateStrategy";
    let rolling = strategy.at("rollingUpdate");
    match (strategy.text("type"), rolling) {
        ("", _) => out.push(FieldError::required(path, "")),
        ("OnDelete", Some(rolling)) => {
            let shown = json!({"Partition": rolling.number("partition"), "MaxUnavailable": rolling.get("maxUnavailable")});
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            out.push(FieldError::invalid(format!("{path}.rollingUpdate"), shown, detail));
        }
        ("RollingUpdate", Some(rolling)) => {
            nonnegative(out, rolling, &format!("{path}.rollingUpdate"), "partition");
            if let Some(value) = rolling.at("maxUnavailable") {
                let field = format!("{path}.rollingUpdate.maxUnavailable");
                rollout::positive(out, Some(value), &field);
                if rollout::bare(Some(value)) == 0 {
                    out.push(FieldError::invalid(field.clone(), value.clone(), "cannot be 0"));
                }
                rollout::at_most_all(out, Some(value), &field);
            }
        }
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => {
            let detail = "must be 'RollingUpdate' or 'OnDelete'";
            out.push(FieldError::invalid(path, strategy.clone(), detail));
        }
    }
}

fn check_numbers(out: &mut Faults, spec: &Value) {
    let nothing = Value::Null;
    let policy = spec.at("persistentVolumeClaimRetentionPolicy").unwrap_or(&nothing);
    for key in ["whenDeleted", "whenScaled"] {
        let value = policy.text(key);
        if !matches!(value, "Retain" | "Delete") && policy.is_object() {
            let field = format!("spec.persistentVolumeClaimRetentionPolicy.{key}");
            out.push(unsupported(field, value, &["Retain", "Delete"]));
        }
    }
    nonnegative(out, spec, "spec", "replicas");
    nonnegative(out, spec, "spec", "minReadySeconds");
    if let Some(ordinals) = spec.at("ordinals") {
        nonnegative(out, ordinals, "spec.ordinals", "start");
    }
    nonnegative(out, spec, "spec", "revisionHistoryLimit");
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    match spec.text("podManagementPolicy") {
        "" => out.push(FieldError::required("spec.podManagementPolicy", "")),
        "OrderedReady" | "Parallel" => {}
        other => {
            let detail = "must be 'OrderedReady' or 'Parallel'";
            out.push(FieldError::invalid("spec.podManagementPolicy", other, detail));
        }
    }
    check_strategy(&mut out, spec);
    check_numbers(&mut out, spec);
    template::selector(&mut out, spec, "spec", "statefulset");
    template::fits(&mut out, spec, "spec");
    // The template's mounts may name claims of the set, so upstream leaves the pods themselves to pod creation.
    template::check_metadata(&mut out, spec.at("template").unwrap_or(&nothing), "spec.template");
    template::long_running(&mut out, spec, "spec", "StatefulSet");
    out
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate(new);
    let rest = |object: &Value| {
        let mut spec = object.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        for key in MUTABLE {
            spec.remove(key);
        }
        Value::Object(spec)
    };
    if !same(&rest(new), &rest(old)) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        out.push(FieldError::forbidden("spec", detail));
    }
    out
}

/// Every fault of a new status.
pub(crate) fn validate_status(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let status = new.at("status").unwrap_or(&nothing);
    let counts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
    for key in ["replicas", "observedGeneration", "collisionCount"].iter().chain(&counts) {
        nonnegative(&mut out, status, "status", key);
    }
    let (total, ready) = (status.number("replicas"), status.number("readyReplicas"));
    for key in counts {
        let count = status.number(key);
        if count > total {
            let detail = "cannot be greater than status.replicas";
            out.push(FieldError::invalid(format!("status.{key}"), count, detail));
        }
    }
    let available = status.number("availableReplicas");
    if available > ready {
        let detail = "cannot be greater than status.readyReplicas";
        out.push(FieldError::invalid("status.availableReplicas", available, detail));
    }
    super::not_fewer_collisions(&mut out, new, old);
    out
}
