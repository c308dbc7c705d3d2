//! Pods as a kind: what is filled in, what is refused at birth, and the hooks that the generic stations call.
//!
//! Fed by `workload::strategy`. Changes of living pods are judged in `pod_update`, their status in `pod_status`.

use super::podspec::{self, Holder};
use super::read::{Faults, Read, same};
use super::{container, defaults, pod_notes, pod_update, qos};
use crate::field::FieldError;
use crate::strategy::Strategy;
use serde_json::{Value, json};

/// The strategy of pods.
pub const STRATEGY: Strategy =
    Strategy { default: defaults::pod, validate, validate_update: pod_update::validate_update, prepare_create, prepare_update };

/// What holds of a pod at any time: its spec and its annotations.
pub(crate) fn check(out: &mut Faults, pod: &Value) {
    let nothing = Value::Null;
    let metadata = pod.at("metadata").unwrap_or(&nothing);
    let spec = pod.at("spec").unwrap_or(&nothing);
    pod_notes::check(out, metadata.at("annotations"), spec, "metadata.annotations");
    podspec::check(out, spec, "spec", Holder { is_pod: true, name: metadata.text("name") });
    if spec.text("serviceAccountName").is_empty() {
        token_without_account(out, spec);
    }
    container::pod_only(out, spec, "spec");
}

fn token_without_account(out: &mut Faults, spec: &Value) {
    for (i, volume) in spec.list("volumes").iter().enumerate() {
        let sources = volume.at("projected").map_or(&[][..], |p| p.list("sources"));
        for (j, _) in sources.iter().enumerate().filter(|(_, s)| s.has("serviceAccountToken")) {
            let field = format!("spec.volumes[{i}].projected.sources[{j}].serviceAccountToken");
            out.push(FieldError::forbidden(field, "must not be specified when serviceAccountName is not set"));
        }
    }
}

fn validate(pod: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    check(&mut out, pod);
    let nothing = Value::Null;
    let spec = pod.at("spec").unwrap_or(&nothing);
    if !spec.list("ephemeralContainers").is_empty() {
        out.push(FieldError::forbidden("spec.ephemeralContainers", "cannot be set on create"));
    }
    if !spec.text("nodeName").is_empty() && !spec.list("schedulingGates").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        out.push(FieldError::forbidden("spec.nodeName", detail));
    }
    out
}

fn prepare_create(pod: &mut Value) {
    let mut status = json!({"phase": "Pending", "qosClass": qos::qos(pod)});
    // A pod that waits behind gates says so from the start.
    let gated = pod.at("spec").is_some_and(|s| !s.list("schedulingGates").is_empty());
    if gated {
        status["conditions"] = json!([{"type": "PodScheduled", "status": "False", "lastProbeTime": null,
            "lastTransitionTime": null, "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates"}]);
    }
    if let Some(map) = pod.as_object_mut() {
        map.insert("status".into(), status);
    }
    if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("generation".into(), 1.into());
    }
}

/// Keeps the status; the generation grows with the spec.
pub(crate) fn prepare_update(new: &mut Value, old: &Value) {
    if let Some(map) = new.as_object_mut() {
        match old.get("status") {
            Some(status) => map.insert("status".into(), status.clone()),
            None => map.remove("status"),
        };
    }
    bump(new, old, "spec");
}

/// Carries the generation over, one higher when what stands under `key` has changed.
pub(crate) fn bump(new: &mut Value, old: &Value, key: &str) {
    let nothing = Value::Null;
    let changed = !same(new.get(key).unwrap_or(&nothing), old.get(key).unwrap_or(&nothing));
    set_generation(new, old, changed);
}

/// Carries the generation over, one higher when `changed`.
pub(crate) fn set_generation(new: &mut Value, old: &Value, changed: bool) {
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let now = before + i64::from(changed);
    if now > 0
        && let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("generation".into(), now.into());
    }
}
