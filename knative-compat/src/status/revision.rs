//! The status of a Revision.

use super::condition::{Condition, Conditions, State};
use super::live::{Digests, Failure, RevisionLive};
use crate::doc;
use crate::traffic::Readiness;
use serde_json::{Map, Value, json};

const NEVER_REACHED: &str = "Initial scale was never achieved";

/// `status` of a Revision.
#[must_use]
pub fn revision_status(revision: &Value, live: &RevisionLive) -> Value {
    let conditions = conditions(live);
    let mut out = Map::new();
    let resolved = match &live.digests {
        Digests::Resolved(map) if !matches!(live.failure, Some(Failure::Image { .. })) => Some(map),
        _ => None,
    };
    if resolved.is_some() {
        out.insert("actualReplicas".into(), live.actual.into());
    }
    out.insert("conditions".into(), conditions.shown(&live.since));
    if let Some(map) = resolved {
        let entry = |container: &Value| {
            let name = doc::text(container, "/name");
            match map.get(name).map(String::as_str).or_else(|| pinned(container)) {
                Some(digest) => json!({"imageDigest": digest, "name": name}),
                None => json!({"name": name}),
            }
        };
        out.insert("containerStatuses".into(), doc::items(revision, "/spec/containers").map(entry).collect());
        if let Some(desired) = live.desired {
            out.insert("desiredReplicas".into(), desired.into());
        }
    }
    out.insert("observedGeneration".into(), doc::generation(revision).max(1).into());
    Value::Object(out)
}

/// An image that is a digest already.
fn pinned(container: &Value) -> Option<&str> {
    Some(doc::text(container, "/image")).filter(|image| image.contains("@sha256:"))
}

/// Whether a revision can take requests, will, or never will.
#[must_use]
pub fn readiness(live: &RevisionLive) -> Readiness {
    match conditions(live).ready().state {
        State::True => Readiness::Ready,
        State::False => Readiness::Failed,
        State::Unknown => Readiness::Pending,
    }
}

/// All conditions of a revision.
pub(super) fn conditions(live: &RevisionLive) -> Conditions {
    let (resources, health) = (resources(live), health(live));
    let resolving = live.digests == Digests::Resolving || matches!(live.failure, Some(Failure::Image { .. }));
    let mut list = vec![resources, health];
    if !resolving {
        list.push(active(live).as_info());
    }
    Conditions::of(list)
}

/// Whether the target gets traffic; the same for the revision and its autoscaler.
pub(super) fn active(live: &RevisionLive) -> Condition {
    match live.active {
        Some(true) => Condition::yes("Active"),
        Some(false) => Condition::no("Active", "NoTraffic", "The target is not receiving traffic."),
        None => Condition::unknown("Active", "Queued", "Requests to the target are being buffered as resources are provisioned."),
    }
}

fn resources(live: &RevisionLive) -> Condition {
    let kind = "ResourcesAvailable";
    match &live.failure {
        Some(Failure::Image { .. }) => Condition::unknown(kind, "ResolvingDigests", ""),
        _ if live.initial_scale_reached => Condition::yes(kind),
        Some(Failure::Unschedulable { message }) => Condition::no(kind, "Unschedulable", message),
        Some(Failure::Waiting { reason, message }) if live.deadline_exceeded => Condition::no(kind, reason, message),
        _ if live.deadline_exceeded => Condition::no(kind, "ProgressDeadlineExceeded", NEVER_REACHED),
        _ if live.digests == Digests::Resolving => Condition::unknown(kind, "ResolvingDigests", ""),
        _ => Condition::unknown(kind, "Deploying", ""),
    }
}

fn health(live: &RevisionLive) -> Condition {
    let kind = "ContainerHealthy";
    match &live.failure {
        Some(Failure::Image { message }) => Condition::no(kind, "ContainerMissing", message),
        _ if live.initial_scale_reached => Condition::yes(kind),
        Some(Failure::Exit { code, message }) => {
            let text = if message.is_empty() {
                "Container exited with no error".to_owned()
            } else {
                format!("Container failed with: {message}")
            };
            Condition::no(kind, &format!("ExitCode{code}"), &text)
        }
        _ if live.digests == Digests::Resolving => Condition::unknown(kind, "ResolvingDigests", ""),
        _ => Condition::unknown(kind, "Deploying", ""),
    }
}
