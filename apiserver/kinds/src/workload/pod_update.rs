//! Which changes of a living pod are let through: almost none, and the refusal shows the difference.
//!
//! Fed by `pod` (the main resource) and by the `ephemeralcontainers` and `resize` subresources. Must not change anything.

use super::pod_notes::{self, MIRROR};
use super::read::{Faults, Read, same};
use super::{godump, pod, qos, syntax, toleration, unidiff};
use crate::field::FieldError;
use serde_json::{Map, Value};
use skiff_schema::Quantity;
use std::cmp::Ordering;

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const DEADLINE_MAX: i64 = 0x7fff_ffff;

/// Every fault of a change of a pod.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    pod::check(&mut out, new);
    pod_notes::check_update(&mut out, new, old);
    let nothing = Value::Null;
    let (fresh, held) = (new.at("spec").unwrap_or(&nothing), old.at("spec").unwrap_or(&nothing));
    for kind in ["containers", "initContainers"] {
        if fresh.list(kind).len() != held.list(kind).len() {
            let detail = "pod updates may not add or remove containers";
            out.push(FieldError::forbidden(format!("spec.{kind}"), detail));
            return out;
        }
    }
    if !deadline(&mut out, fresh, held) {
        return out;
    }
    toleration::only_added(&mut out, fresh.list("tolerations"), held.list("tolerations"), "spec.tolerations");
    gates(&mut out, fresh, held);
    if same(fresh, held) {
        return out;
    }
    let munged = munge(&mut out, fresh, held);
    if !same(&munged, held) {
        let before = godump::print(&godump::pod_spec(held));
        let after = godump::print(&godump::pod_spec(&munged));
        let difference = unidiff::unified(&before, &after);
        let detail = format!("pod updates may not change fields other than {UPDATABLE}\n{difference}");
        out.push(FieldError::forbidden("spec", detail));
    }
    out
}

/// A deadline may be set, or drawn nearer. False when nothing more should be said.
fn deadline(out: &mut Faults, fresh: &Value, held: &Value) -> bool {
    let field = "spec.activeDeadlineSeconds";
    match (fresh.int("activeDeadlineSeconds"), held.int("activeDeadlineSeconds")) {
        (Some(now), _) if !(0..=DEADLINE_MAX).contains(&now) => {
            out.push(FieldError::invalid(field, now, syntax::range(0, DEADLINE_MAX)));
            false
        }
        (Some(now), Some(before)) if before < now => {
            out.push(FieldError::invalid(field, now, "must be less than or equal to previous value"));
            false
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            out.push(FieldError::invalid(field, Value::Null, detail));
            true
        }
        _ => true,
    }
}

fn gates(out: &mut Faults, fresh: &Value, held: &Value) {
    let old: Vec<&str> = held.list("schedulingGates").iter().map(|g| g.text("name")).collect();
    for (i, gate) in fresh.list("schedulingGates").iter().enumerate() {
        let name = gate.text("name");
        if !old.contains(&name) {
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            out.push(FieldError::forbidden(format!("spec.schedulingGates[{i}].name"), detail));
        }
    }
}

/// Sets `key` of `target` to what `source` has, absence included.
fn restore(target: &mut Map<String, Value>, source: &Value, key: &str) {
    match source.get(key) {
        Some(value) => target.insert(key.to_owned(), value.clone()),
        None => target.remove(key),
    };
}

/// The new spec with everything that may change set back to the old; what differs then may not.
fn munge(out: &mut Faults, fresh: &Value, held: &Value) -> Value {
    let mut spec = fresh.clone();
    for kind in ["containers", "initContainers"] {
        for (container, before) in super::read::items_mut(&mut spec, kind).iter_mut().zip(held.list(kind)) {
            if let Some(map) = container.as_object_mut() {
                restore(map, before, "image");
            }
        }
    }
    let gated = !held.list("schedulingGates").is_empty();
    let Some(map) = spec.as_object_mut() else { return spec };
    for key in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        restore(map, held, key);
    }
    let grace = "terminationGracePeriodSeconds";
    if held.number(grace) < 0 && fresh.int(grace) == Some(1) {
        restore(map, held, grace);
    }
    if gated {
        gated_changes(out, map, fresh, held);
    }
    spec
}

/// While a pod waits behind gates, its node selector may grow and its node affinity may narrow.
fn gated_changes(out: &mut Faults, spec: &mut Map<String, Value>, fresh: &Value, held: &Value) {
    let kept = |(key, value): &(&str, &Value)| fresh.at("nodeSelector").and_then(|s| s.get(key)) == Some(*value);
    if !held.pairs("nodeSelector").iter().all(kept) {
        let shown = fresh.get("nodeSelector").cloned().unwrap_or_default();
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        out.push(FieldError::invalid("spec.nodeSelector", shown, detail));
    }
    restore(spec, held, "nodeSelector");
    let nodes = |s: &Value| s.pointer("/affinity/nodeAffinity").cloned().unwrap_or_default();
    let (now, before) = (nodes(fresh), nodes(held));
    if same(&now, &before) {
        return;
    }
    narrowed(out, &now, &before);
    let mut affinity = fresh.at("affinity").and_then(Value::as_object).cloned().unwrap_or_default();
    if before.is_null() {
        affinity.remove("nodeAffinity");
    } else {
        affinity.insert("nodeAffinity".into(), before);
    }
    if affinity.is_empty() && !held.has("affinity") {
        spec.remove("affinity");
    } else {
        spec.insert("affinity".into(), Value::Object(affinity));
    }
}

fn narrowed(out: &mut Faults, now: &Value, before: &Value) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let terms = |v: &Value| v.at(required).map(|r| r.list("nodeSelectorTerms").to_vec()).unwrap_or_default();
    let (new, old) = (terms(now), terms(before));
    let path = format!("spec.affinity.nodeAffinity.{required}.nodeSelectorTerms");
    if !old.is_empty() && old.len() != new.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        out.push(FieldError::invalid(path, new, detail));
        return;
    }
    for (i, (n, o)) in new.iter().zip(&old).enumerate() {
        let grown =
            |key: &str| n.list(key).len() >= o.list(key).len() && n.list(key).iter().zip(o.list(key)).all(|(x, y)| same(x, y));
        let was_empty = o.list("matchExpressions").is_empty() && o.list("matchFields").is_empty();
        let is_empty = n.list("matchExpressions").is_empty() && n.list("matchFields").is_empty();
        if !grown("matchExpressions") || !grown("matchFields") || was_empty && !is_empty {
            let detail = "only additions are allowed (no mutations or deletions)";
            out.push(FieldError::invalid(format!("{path}[{i}]"), n.clone(), detail));
        }
    }
}

fn is_mirror(pod: &Value) -> bool {
    pod.pointer("/metadata/annotations").is_some_and(|a| a.has(MIRROR))
}

/// Every fault of a write to the `ephemeralcontainers` subresource: they may be added, never changed or removed.
#[must_use]
pub fn validate_ephemeral_update(new: &Value, old: &Value) -> Vec<FieldError> {
    if is_mirror(old) {
        return vec![FieldError::forbidden("", "static pods do not support ephemeral containers")];
    }
    let mut out = Faults::new();
    pod::check(&mut out, new);
    pod_notes::check_update(&mut out, new, old);
    let list = |pod: &Value| pod.at("spec").map(|s| s.list("ephemeralContainers").to_vec()).unwrap_or_default();
    let (now, field) = (list(new), "spec.ephemeralContainers");
    for before in list(old) {
        let name = before.text("name");
        match now.iter().find(|c| c.text("name") == name) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                out.push(FieldError::forbidden(field, detail));
            }
            Some(after) if !same(after, &before) => {
                let [x, y] = [&before, after].map(|c| godump::print(&godump::ephemeral_container(c)));
                let difference = unidiff::unified(&x, &y);
                let detail = format!("existing ephemeral containers {name:?} may not be changed\n{difference}");
                out.push(FieldError::forbidden(field, detail));
            }
            Some(_) => {}
        }
    }
    out
}

/// Every fault of a write to the `resize` subresource: processor and memory of containers, nothing else.
#[must_use]
pub fn validate_resize(new: &Value, old: &Value) -> Vec<FieldError> {
    if is_mirror(old) {
        return vec![FieldError::forbidden("", "static pods cannot be resized")];
    }
    if old.pointer("/spec/os/name").is_some_and(|n| n == "windows") {
        return vec![FieldError::forbidden("", "windows pods cannot be resized")];
    }
    let mut out = Faults::new();
    pod::check(&mut out, new);
    let nothing = Value::Null;
    if qos::qos(new) != qos::qos(old) {
        let shown = new.at("status").map_or("", |s| s.text("qosClass"));
        out.push(FieldError::invalid("spec", shown, "Pod QOS Class may not change as a result of resizing"));
    }
    let (fresh, held) = (new.at("spec").unwrap_or(&nothing), old.at("spec").unwrap_or(&nothing));
    let mut bare = fresh.clone();
    for kind in ["initContainers", "containers"] {
        if fresh.list(kind).len() != held.list(kind).len() {
            continue;
        }
        for (i, (after, before)) in fresh.list(kind).iter().zip(held.list(kind)).enumerate() {
            resized(&mut out, after, before, &format!("spec.{kind}[{i}].resources"));
        }
        for (after, before) in super::read::items_mut(&mut bare, kind).iter_mut().zip(held.list(kind)) {
            if kind == "containers" || before.text("restartPolicy") == "Always" {
                set_back(after, before);
            }
        }
    }
    if out.is_empty() && !same(&bare, held) {
        out.push(FieldError::forbidden("spec", "only cpu and memory resources are mutable"));
    }
    out
}

fn resized(out: &mut Faults, after: &Value, before: &Value, path: &str) {
    let nothing = Value::Null;
    let (now, was) = (after.at("resources").unwrap_or(&nothing), before.at("resources").unwrap_or(&nothing));
    for side in ["requests", "limits"] {
        let held = now.at(side);
        if was.pairs(side).iter().any(|(name, _)| !held.is_some_and(|h| h.has(name))) {
            out.push(FieldError::forbidden(format!("{path}.{side}"), format!("resource {side} cannot be removed")));
        }
    }
    let policy = after.list("resizePolicy").iter().find(|p| p.text("resourceName") == "memory");
    let restarts = policy.is_some_and(|p| p.text("restartPolicy") == "RestartContainer");
    let limit = |r: &Value| r.at("limits").map(|l| l.text("memory").to_owned()).unwrap_or_default();
    let (now, was) = (limit(now), limit(was));
    if !restarts && !now.is_empty() && !was.is_empty() && Quantity::compare(&now, &was) == Ordering::Less {
        let detail = "memory limits cannot be decreased unless resizePolicy is RestartContainer";
        out.push(FieldError::forbidden(format!("{path}.limits[memory]"), detail));
    }
}

/// Puts processor and memory of a container back.
fn set_back(after: &mut Value, before: &Value) {
    for side in ["requests", "limits"] {
        let old = before.at("resources").and_then(|r| r.at(side)).cloned().unwrap_or_default();
        let Some(resources) = super::read::object_in(after, "resources") else { continue };
        let Some(amounts) = resources.get_mut(side).and_then(Value::as_object_mut) else { continue };
        for name in ["cpu", "memory"] {
            restore(amounts, &old, name);
        }
    }
}
