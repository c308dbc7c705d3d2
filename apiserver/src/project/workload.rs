//! Status of Deployments, ReplicaSets and ReplicationControllers from counters.

use crate::clock::rfc3339;
use serde_json::{Map, Value, json};
use skiff_engine::World;
use skiff_engine::record::{Counts, Function, Plan, Progress};

fn put(map: &mut Map<String, Value>, key: &str, count: u32) {
    if count > 0 {
        map.insert(key.into(), count.into());
    }
}

/// `status` of a Deployment. `generation` is its document's; `current` the name of its newest ReplicaSet.
#[must_use]
pub fn deployment(world: &World, serial: u32, generation: i64, current: &str) -> Value {
    let Some(function) = world.functions.get(&serial) else { return json!({}) };
    let mut sum = Counts::default();
    for revision in function.revisions.iter().filter_map(|r| world.revisions.get(r)) {
        sum.active += revision.counts.active;
        sum.ready += revision.counts.ready;
        sum.available += revision.counts.available;
        sum.stopping += revision.counts.stopping;
    }
    let updated = world.revisions.get(&function.current).map_or(0, |r| r.counts.active);
    let wanted = match function.plan {
        Plan::Rolling { wanted, .. } => wanted,
        _ => 0,
    };
    let mut status = Map::new();
    status.insert("observedGeneration".into(), generation.into());
    put(&mut status, "replicas", sum.active);
    put(&mut status, "updatedReplicas", updated);
    put(&mut status, "readyReplicas", sum.ready);
    put(&mut status, "availableReplicas", sum.available);
    put(&mut status, "unavailableReplicas", wanted.max(sum.active).saturating_sub(sum.available));
    put(&mut status, "terminatingReplicas", sum.stopping);
    status.insert("conditions".into(), conditions(function, current));
    Value::Object(status)
}

fn conditions(function: &Function, current: &str) -> Value {
    let condition = |kind: &str, status: &str, updated: u32, since: u32, reason: &str, message: String| {
        json!({"type": kind, "status": status, "lastUpdateTime": rfc3339(u64::from(updated)),
            "lastTransitionTime": rfc3339(u64::from(since)), "reason": reason, "message": message})
    };
    let available = if function.available {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let since = function.available_since_s;
    let available = condition("Available", available.0, since, since, available.1, available.2.into());
    let paused = matches!(function.plan, Plan::Rolling { paused: true, .. });
    let (status, reason, message) = match function.progress {
        _ if paused => ("Unknown", "DeploymentPaused", "Deployment is paused".to_owned()),
        Progress::Created => ("True", "NewReplicaSetCreated", format!("Created new replica set {current:?}")),
        Progress::Moving => ("True", "ReplicaSetUpdated", format!("ReplicaSet {current:?} is progressing.")),
        Progress::Done => ("True", "NewReplicaSetAvailable", format!("ReplicaSet {current:?} has successfully progressed.")),
        Progress::Late => ("False", "ProgressDeadlineExceeded", format!("ReplicaSet {current:?} has timed out progressing.")),
    };
    let progressing = condition("Progressing", status, function.progress_moved_s, function.progress_since_s, reason, message);
    // Upstream's order: the condition that changed first stands first.
    if function.progress == Progress::Done && function.available {
        json!([available, progressing])
    } else {
        json!([progressing, available])
    }
}

/// `status` of a ReplicaSet or ReplicationController.
#[must_use]
pub fn replica_set(world: &World, serial: u32, generation: i64) -> Value {
    let counts = world.revisions.get(&serial).map(|r| r.counts).unwrap_or_default();
    let mut status = Map::new();
    status.insert("replicas".into(), counts.active.into());
    put(&mut status, "fullyLabeledReplicas", counts.active);
    put(&mut status, "readyReplicas", counts.ready);
    put(&mut status, "availableReplicas", counts.available);
    put(&mut status, "terminatingReplicas", counts.stopping);
    status.insert("observedGeneration".into(), generation.into());
    Value::Object(status)
}

/// Replicas that the Deployment of a revision wants, and the most that it may have.
#[must_use]
pub fn wanted(world: &World, serial: u32) -> Option<(u32, u32)> {
    match world.functions.get(&world.revisions.get(&serial)?.function)?.plan {
        Plan::Rolling { wanted, surge, recreate, .. } => Some((wanted, if recreate { wanted } else { wanted + surge })),
        _ => None,
    }
}

/// `spec.replicas` that a revision has now, where its function moves it.
#[must_use]
pub fn desired(world: &World, serial: u32) -> Option<u32> {
    let revision = world.revisions.get(&serial)?;
    (revision.function != serial).then_some(revision.desired)
}
