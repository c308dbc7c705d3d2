//! Annotations that mean something to pods: mirror pods, deletion cost, old seccomp and AppArmor profiles.
//!
//! Fed by `pod` and `template`. Must not check what any annotation must obey (that is in `meta`).

use super::mount::local_path;
use super::read::{Faults, Read};
use crate::field::FieldError;
use serde_json::Value;

/// Marks the copy of a pod that a node made by itself.
pub(crate) const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

fn pairs(annotations: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    annotations.and_then(Value::as_object).into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or("")))
}

/// Every fault of the annotations of a pod or template; `path` is that of the annotations.
pub(crate) fn check(out: &mut Faults, annotations: Option<&Value>, spec: &Value, path: &str) {
    for (key, value) in pairs(annotations) {
        if key == MIRROR && spec.text("nodeName").is_empty() {
            let detail = "must set spec.nodeName if mirror pod annotation is set";
            out.push(FieldError::invalid(format!("{path}[{key}]"), value, detail));
        }
        if key == DELETION_COST && !is_cost(value) {
            out.push(FieldError::invalid(format!("{path}[{key}]"), value, "must be a 32bit integer"));
        }
        if key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER) {
            seccomp(out, value, &format!("{path}.{key}"));
        }
        if let Some(container) = key.strip_prefix(APP_ARMOR) {
            app_armor(out, spec, container, value, &format!("{path}[{key}]"));
        }
    }
}

/// A 32 bit number without a plus or leading zeros.
fn is_cost(value: &str) -> bool {
    value.parse::<i32>().is_ok_and(|n| n.to_string() == value)
}

fn seccomp(out: &mut Faults, profile: &str, field: &str) {
    match profile.strip_prefix("localhost/") {
        Some(local) => local_path(out, local, field, false),
        None if matches!(profile, "runtime/default" | "docker/default" | "unconfined") => {}
        None => out.push(FieldError::invalid(field, profile, "must be a valid seccomp profile")),
    }
}

fn app_armor(out: &mut Faults, spec: &Value, container: &str, profile: &str, field: &str) {
    let known = ["containers", "initContainers", "ephemeralContainers"];
    if !known.iter().any(|kind| spec.list(kind).iter().any(|c| c.text("name") == container)) {
        out.push(FieldError::invalid(field, container, "container not found"));
    }
    if !matches!(profile, "" | "runtime/default" | "unconfined") && !profile.starts_with("localhost/") {
        let detail = format!("invalid AppArmor profile name: {profile:?}");
        out.push(FieldError::invalid(field, profile, detail));
    }
}

/// What may not change once the pod exists.
pub(crate) fn check_update(out: &mut Faults, new: &Value, old: &Value) {
    let path = "metadata.annotations";
    let at = |pod: &Value, key: &str| pod.pointer("/metadata/annotations").map(|a| a.text(key).to_owned());
    let held = |pod: &Value, key: &str| pod.pointer("/metadata/annotations").is_some_and(|a| a.has(key));
    for (key, _) in pairs(old.pointer("/metadata/annotations")) {
        if at(new, key) == at(old, key) && held(new, key) {
            continue;
        }
        if key.starts_with(APP_ARMOR) {
            out.push(FieldError::forbidden(format!("{path}[{key}]"), "may not remove or update AppArmor annotations"));
        }
        if key == MIRROR {
            out.push(FieldError::forbidden(format!("{path}[{key}]"), "may not remove or update mirror pod annotation"));
        }
    }
    for (key, _) in pairs(new.pointer("/metadata/annotations")) {
        if held(old, key) {
            continue;
        }
        if key.starts_with(APP_ARMOR) {
            out.push(FieldError::forbidden(format!("{path}[{key}]"), "may not add AppArmor annotations"));
        }
        if key == MIRROR {
            out.push(FieldError::forbidden(format!("{path}[{key}]"), "may not add mirror pod annotation"));
        }
    }
}
