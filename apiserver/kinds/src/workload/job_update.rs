//! Which changes of a Job are let through.
//!
//! Fed by `job`. Must not know the controller of Jobs beyond what a suspended Job is.

use super::read::{Faults, IMMUTABLE, Read, immutable, nonnegative, same};
use super::{godump, job};
use crate::field::FieldError;
use serde_json::{Map, Value};

/// Every fault of a change of a Job.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let (fresh, held) = (new.at("spec").unwrap_or(&nothing), old.at("spec").unwrap_or(&nothing));
    job::check(&mut out, fresh, "spec");
    completions(&mut out, fresh, held);
    immutable(&mut out, fresh.get("selector"), held.get("selector"), "spec.selector");
    template(&mut out, fresh, held, old);
    for key in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        immutable(&mut out, fresh.get(key), held.get(key), &format!("spec.{key}"));
    }
    out
}

/// Completions may change only in an indexed Job, and only together with its parallelism.
fn completions(out: &mut Faults, fresh: &Value, held: &Value) {
    if held.text("completionMode") != "Indexed" {
        immutable(out, fresh.get("completions"), held.get("completions"), "spec.completions");
        return;
    }
    let (now, before) = (fresh.int("completions"), held.int("completions"));
    if now != before && now != fresh.int("parallelism") {
        let shown = fresh.get("completions").cloned().unwrap_or_default();
        let detail = "can only be modified in tandem with spec.parallelism";
        out.push(FieldError::invalid("spec.completions", shown, detail));
    }
}

/// Has this Job been suspended, and never or no longer begun? Then its pods may still be steered elsewhere.
fn is_at_rest(job: &Value) -> bool {
    let status = job.at("status");
    let started = status.is_some_and(|s| s.has("startTime"));
    let resting =
        status.is_some_and(|s| s.list("conditions").iter().any(|c| c.text("type") == "Suspended" && c.text("status") == "True"));
    job.at("spec").is_some_and(|s| s.flag("suspend")) && (!started || resting && status.is_none_or(|s| s.number("active") == 0))
}

fn template(out: &mut Faults, fresh: &Value, held: &Value, old: &Value) {
    let nothing = Value::Null;
    let (now, before) = (fresh.at("template").unwrap_or(&nothing), held.at("template").unwrap_or(&nothing));
    let mut compared = now.clone();
    if is_at_rest(old) {
        loosen(&mut compared, before);
    }
    if !same(&compared, before) {
        out.push(FieldError::invalid("spec.template", godump::template(now), IMMUTABLE));
    }
}

/// Takes over from `before` what a Job at rest may change.
fn loosen(compared: &mut Value, before: &Value) {
    let take = |target: &mut Map<String, Value>, source: Option<&Value>, key: &str| match source.and_then(|s| s.get(key)) {
        Some(value) => target.insert(key.to_owned(), value.clone()),
        None => target.remove(key),
    };
    if let Some(metadata) = super::read::object_in(compared, "metadata") {
        for key in ["annotations", "labels"] {
            take(metadata, before.at("metadata"), key);
        }
    }
    let Some(spec) = super::read::object_in(compared, "spec") else { return };
    let held = before.at("spec");
    for key in ["nodeSelector", "tolerations", "schedulingGates"] {
        take(spec, held, key);
    }
    let nodes = before.pointer("/spec/affinity/nodeAffinity").cloned();
    let mut affinity = spec.get("affinity").and_then(Value::as_object).cloned().unwrap_or_default();
    match nodes {
        Some(nodes) => affinity.insert("nodeAffinity".into(), nodes),
        None => affinity.remove("nodeAffinity"),
    };
    if affinity.is_empty() && !held.is_some_and(|h| h.has("affinity")) {
        spec.remove("affinity");
    } else {
        spec.insert("affinity".into(), Value::Object(affinity));
    }
    if let Some(containers) = spec.get_mut("containers").and_then(Value::as_array_mut) {
        let old = held.map(|h| h.list("containers")).unwrap_or_default();
        for (container, was) in containers.iter_mut().zip(old) {
            if let Some(map) = container.as_object_mut() {
                take(map, Some(was), "resources");
            }
        }
    }
}

/// Every fault of a new status.
pub(crate) fn validate_status(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let (now, was) = (new.at("status").unwrap_or(&nothing), old.at("status").unwrap_or(&nothing));
    for key in ["active", "succeeded", "failed", "ready", "terminating"] {
        nonnegative(&mut out, now, "status", key);
    }
    let ended = |status: &Value, kind: &str| {
        status.list("conditions").iter().any(|c| c.text("type") == kind && c.text("status") == "True")
    };
    if ended(now, "Complete") && ended(now, "Failed") {
        let detail = "cannot set Complete=True and Failed=true conditions";
        out.push(FieldError::invalid("status.conditions", Value::Null, detail));
    }
    for kind in ["Complete", "Failed"] {
        if ended(was, kind) && !ended(now, kind) {
            let detail = format!("cannot disable the terminal {kind}=True condition");
            out.push(FieldError::invalid("status.conditions", Value::Null, detail));
        }
    }
    out
}
