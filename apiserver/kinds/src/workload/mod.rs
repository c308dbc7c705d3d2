//! Kinds that hold pods or pod templates: what they fill in, what they refuse, which changes count.
//!
//! Fed by the generic stations through [`strategy`], and by the subresource stations through the public functions. Everything
//! is a pure function of JSON objects; other objects of the cluster, time and chance come in as arguments.
//!
//! Reading order: `read` (zero values), `syntax` (texts), `meta` (labels), `container` and its parts, `podspec`, `template`,
//! then one file for each kind.

mod admit;
mod affinity;
mod container;
pub mod cron;
mod cronjob;
mod daemonset;
mod defaults;
mod deployment;
mod disk;
mod env;
mod godump;
mod job;
mod job_policy;
mod job_update;
pub mod meta;
mod mount;
mod pod;
mod pod_notes;
mod pod_status;
mod pod_update;
mod podspec;
mod probe;
mod qos;
mod read;
mod replicaset;
mod resources;
mod revision;
mod rollout;
pub mod scale;
mod security;
mod statefulset;
pub mod syntax;
pub mod template;
mod toleration;
mod unidiff;
mod volume;

#[cfg(test)]
mod recorded;

pub use admit::{admit_changed_pod, admit_pod};
pub use affinity::node_selector;
pub use meta::label_selector;
pub use pod_update::{validate_ephemeral_update, validate_resize};
pub use qos::qos;
pub use scale::{apply_scale, scale_of, validate_scale};

use crate::field::FieldError;
use crate::strategy::Strategy;
use read::{Faults, Read};
use serde_json::Value;

/// The strategy of a workload kind.
#[must_use]
pub fn strategy(group: &str, kind: &str) -> Option<Strategy> {
    Some(match (group, kind) {
        ("", "Pod") => pod::STRATEGY,
        ("", "PodTemplate") => revision::POD_TEMPLATE,
        ("", "ReplicationController") => replicaset::CONTROLLER,
        ("apps", "Deployment") => deployment::STRATEGY,
        ("apps", "ReplicaSet") => replicaset::STRATEGY,
        ("apps", "StatefulSet") => statefulset::STRATEGY,
        ("apps", "DaemonSet") => daemonset::STRATEGY,
        ("apps", "ControllerRevision") => revision::REVISION,
        ("batch", "Job") => job::STRATEGY,
        ("batch", "CronJob") => cronjob::STRATEGY,
        _ => return None,
    })
}

/// Every fault of a write to the `status` subresource of a workload kind; other kinds have none here.
#[must_use]
pub fn validate_status_update(group: &str, kind: &str, new: &Value, old: &Value) -> Vec<FieldError> {
    match (group, kind) {
        ("", "Pod") => pod_status::validate(new, old),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => replicaset::validate_status(new, old),
        ("apps", "Deployment") => deployment::validate_status(new, old),
        ("apps", "StatefulSet") => statefulset::validate_status(new, old),
        ("apps", "DaemonSet") => daemonset::validate_status(new, old),
        ("batch", "Job") => job_update::validate_status(new, old),
        _ => Vec::new(),
    }
}

/// Keeps the old status; the generation is settled by the caller.
fn keep_status(new: &mut Value, old: &Value) {
    if let Some(map) = new.as_object_mut() {
        match old.get("status") {
            Some(status) => map.insert("status".into(), status.clone()),
            None => map.remove("status"),
        };
    }
}

/// Keeps the old status; the generation grows with the spec, where empty and absent lists are the same.
fn keep_status_and_bump(new: &mut Value, old: &Value) {
    keep_status(new, old);
    pod::bump(new, old, "spec");
}

/// The count of name collisions of a controller never falls.
fn not_fewer_collisions(out: &mut Faults, new: &Value, old: &Value) {
    let count = |object: &Value| object.at("status").and_then(|s| s.int("collisionCount"));
    let (now, before) = (count(new), count(old));
    if before.is_some() && now.unwrap_or(-1) < before.unwrap_or(0) {
        out.push(FieldError::invalid("status.collisionCount", now.unwrap_or(0), "cannot be decremented"));
    }
}
