//! The views of a revision's Deployment and of its image caches.

use super::Uids;
use super::live::RevisionLive;
use super::scaling::metadata;
use crate::config::Config;
use crate::duration::{self, SECOND};
use crate::kind::Kind;
use crate::{doc, keys, names, pod};
use serde_json::{Map, Value, json};

/// The label that tells one template of a Deployment from another.
const HASH_LABEL: &str = "pod-template-hash";

/// The name of a revision's Deployment.
#[must_use]
pub fn deployment_name(revision: &Value) -> String {
    names::child(doc::name(revision), "-deployment")
}

/// The Deployment of a revision; `template` is the pods' template.
#[must_use]
pub fn deployment(revision: &Value, template: Value, live: &RevisionLive, config: &Config, uids: Uids<'_>) -> Value {
    let name = deployment_name(revision);
    let mut annotations = pod::annotations(revision);
    annotations.insert("deployment.kubernetes.io/revision".into(), "1".into());
    annotations.sort_keys();
    let deadline = keys::PROGRESS_DEADLINE.of(revision).and_then(duration::parse).unwrap_or(config.deployment.progress_deadline);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(revision, &name, uids("Deployment", &name), annotations, doc::owner_reference(Kind::Revision, revision)),
        "spec": {
            "progressDeadlineSeconds": deadline / SECOND,
            "replicas": live.wanted,
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {keys::REVISION_UID: doc::uid(revision)}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}, "type": "RollingUpdate"},
            "template": template,
        },
        "status": deployment_status(live),
    })
}

/// The ReplicaSet of a revision's Deployment; `template` is the pods' template with its hash.
#[must_use]
pub fn replica_set(revision: &Value, mut template: Value, hash: &str, live: &RevisionLive, uid: String, uids: Uids<'_>) -> Value {
    let deployment = deployment_name(revision);
    let mut annotations = pod::annotations(revision);
    for key in ["deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"] {
        // Surge of 25 %, rounded up.
        let most = if key.ends_with("max-replicas") { live.wanted.div_ceil(4) } else { 0 };
        annotations.insert(key.into(), (live.wanted + most).to_string().into());
    }
    annotations.insert("deployment.kubernetes.io/revision".into(), "1".into());
    annotations.sort_keys();
    doc::set_meta(&mut template, "labels", HASH_LABEL, Some(hash));
    let owner = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment,
        "uid": uids("Deployment", &deployment), "controller": true, "blockOwnerDeletion": true});
    let mut set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata(revision, &format!("{deployment}-{hash}"), uid, annotations, owner),
        "spec": {
            "replicas": live.wanted,
            "selector": {"matchLabels": {HASH_LABEL: hash, keys::REVISION_UID: doc::uid(revision)}},
            "template": template,
        },
        "status": replica_set_status(live),
    });
    doc::set_meta(&mut set, "labels", HASH_LABEL, Some(hash));
    set
}

fn replica_set_status(live: &RevisionLive) -> Value {
    let mut out = Map::new();
    let pairs = [("availableReplicas", live.ready), ("fullyLabeledReplicas", live.actual), ("readyReplicas", live.ready)];
    for (key, count) in pairs.into_iter().filter(|(_, count)| *count > 0) {
        out.insert(key.into(), count.into());
    }
    out.insert("observedGeneration".into(), 1.into());
    out.insert("replicas".into(), live.actual.into());
    out.sort_keys();
    Value::Object(out)
}

/// Counters that are zero are left out, as a Deployment does.
fn deployment_status(live: &RevisionLive) -> Value {
    let mut out = Map::new();
    let pairs = [
        ("availableReplicas", live.ready),
        ("readyReplicas", live.ready),
        ("replicas", live.actual),
        ("unavailableReplicas", live.actual.saturating_sub(live.ready)),
        ("updatedReplicas", live.actual),
    ];
    out.insert("observedGeneration".into(), 1.into());
    for (key, count) in pairs.into_iter().filter(|(_, count)| *count > 0) {
        out.insert(key.into(), count.into());
    }
    out.sort_keys();
    Value::Object(out)
}

/// The image cache of one container of a revision; `image` is its resolved image, empty if it was not resolved.
#[must_use]
pub fn image(revision: &Value, container: &str, image: &str, uids: Uids<'_>) -> Value {
    let name = names::child(doc::name(revision), &format!("-cache-{container}"));
    let owner = doc::owner_reference(Kind::Revision, revision);
    json!({
        "apiVersion": Kind::Image.api_version(),
        "kind": "Image",
        "metadata": metadata(revision, &name, uids("Image", &name), pod::annotations(revision), owner),
        "spec": {"image": image},
    })
}
