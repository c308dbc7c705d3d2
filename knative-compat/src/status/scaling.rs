//! The views of `PodAutoscaler`, Metric and `ServerlessService` of a revision: nothing of them is stored.

use super::Uids;
use super::condition::{Condition, Conditions, Since, State};
use super::live::RevisionLive;
use super::revision;
use crate::duration::SECOND;
use crate::kind::Kind;
use crate::scale::ScaleSettings;
use crate::traffic::Readiness;
use crate::{doc, keys, pod};
use serde_json::{Map, Value, json};

/// Metadata of something made for a revision.
pub(super) fn metadata(revision: &Value, name: &str, uid: String, annotations: Map<String, Value>, owner: Value) -> Value {
    let mut meta = Map::new();
    if !annotations.is_empty() {
        meta.insert("annotations".into(), Value::Object(annotations));
    }
    let created = doc::text(revision, "/metadata/creationTimestamp");
    if !created.is_empty() {
        meta.insert("creationTimestamp".into(), created.into());
    }
    meta.insert("generation".into(), 1.into());
    meta.insert("labels".into(), Value::Object(pod::labels(revision)));
    meta.insert("name".into(), name.into());
    meta.insert("namespace".into(), doc::namespace(revision).into());
    meta.insert("ownerReferences".into(), Value::Array(vec![owner]));
    meta.insert("uid".into(), uid.into());
    Value::Object(meta)
}

/// The annotations of a revision, with the class and, if wanted, the metric that the autoscaler's webhook adds.
pub(super) fn annotations(revision: &Value, settings: &ScaleSettings, metric: bool) -> Map<String, Value> {
    use crate::scale::{Class, Metric};
    let class = match &settings.class {
        Class::Kpa => keys::KPA,
        Class::Hpa => keys::HPA,
        Class::Other(other) => other,
    };
    let measured = match &settings.metric {
        Metric::Concurrency => "concurrency",
        Metric::Rps => "rps",
        Metric::Cpu => "cpu",
        Metric::Memory => "memory",
        Metric::Other(other) => other,
    };
    let mut map = pod::annotations(revision);
    map.insert(keys::CLASS.0[0].into(), class.into());
    if metric {
        map.insert(keys::METRIC.0[0].into(), measured.into());
    } else {
        map.shift_remove(keys::METRIC.0[0]);
    }
    map.sort_keys();
    map
}

/// The owner reference to the autoscaler of a revision.
fn owned_by_autoscaler(revision: &Value, uids: Uids<'_>) -> Value {
    let name = doc::name(revision);
    json!({
        "apiVersion": Kind::PodAutoscaler.api_version(), "blockOwnerDeletion": true, "controller": true,
        "kind": "PodAutoscaler", "name": name, "uid": uids("PodAutoscaler", name),
    })
}

fn scale_target(revision: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": super::workload::deployment_name(revision)})
}

fn protocol(revision: &Value) -> &'static str {
    if pod::serving_port(revision).1 { "h2c" } else { "http1" }
}

/// The `PodAutoscaler` of a revision.
#[must_use]
pub fn pod_autoscaler(revision: &Value, settings: &ScaleSettings, live: &RevisionLive, uids: Uids<'_>) -> Value {
    let name = doc::name(revision);
    let reachability = match doc::label(revision, keys::ROUTING_STATE) {
        _ if revision::readiness(live) == Readiness::Failed => Some("Unreachable"),
        Some("active") => Some("Reachable"),
        Some("reserve") => Some("Unreachable"),
        _ => None,
    };
    let mut spec = Map::new();
    if settings.container_concurrency != 0 {
        spec.insert("containerConcurrency".into(), settings.container_concurrency.into());
    }
    spec.insert("protocolType".into(), protocol(revision).into());
    if let Some(reachability) = reachability {
        spec.insert("reachability".into(), reachability.into());
    }
    spec.insert("scaleTargetRef".into(), scale_target(revision));
    let initialised = if live.initial_scale_reached {
        Condition::yes("ScaleTargetInitialized")
    } else {
        Condition::unknown("ScaleTargetInitialized", "", "")
    };
    let served = if live.ready > 0 {
        Condition::yes("SKSReady")
    } else {
        Condition::unknown("SKSReady", "NotReady", "K8s Service is not ready")
    };
    let conditions = Conditions::of(vec![served, initialised, revision::active(live)]);
    let owner = doc::owner_reference(Kind::Revision, revision);
    // Its spec changes once in a revision's life: when nothing is to reach it any more.
    let generation = if reachability == Some("Unreachable") { 2 } else { 1 };
    let mut meta = metadata(revision, name, uids("PodAutoscaler", name), annotations(revision, settings, true), owner);
    if let Some(map) = meta.as_object_mut() {
        map.insert("generation".into(), generation.into());
    }
    json!({
        "apiVersion": Kind::PodAutoscaler.api_version(),
        "kind": "PodAutoscaler",
        "metadata": meta,
        "spec": spec,
        "status": {
            "actualScale": live.actual,
            "conditions": conditions.shown(&live.since),
            "desiredScale": live.desired.map_or(-1, i64::from),
            "metricsServiceName": format!("{name}-private"),
            "observedGeneration": generation,
            "serviceName": name,
        },
    })
}

/// The Metric of a revision.
#[must_use]
pub fn metric(revision: &Value, settings: &ScaleSettings, since: &Since, uids: Uids<'_>) -> Value {
    let name = doc::name(revision);
    // With the activator always in the path, only activators are asked.
    let target = if settings.target_burst_capacity < 0.0 { String::new() } else { format!("{name}-private") };
    let ready = Conditions::of(Vec::new());
    json!({
        "apiVersion": Kind::Metric.api_version(),
        "kind": "Metric",
        "metadata": metadata(revision, name, uids("Metric", name), annotations(revision, settings, true), owned_by_autoscaler(revision, uids)),
        "spec": {
            "panicWindow": i64::from(settings.panic_window_s()) * SECOND,
            "scrapeTarget": target,
            "stableWindow": i64::from(settings.window_s) * SECOND,
        },
        "status": {"conditions": ready.shown(since), "observedGeneration": 1},
    })
}

/// The `ServerlessService` of a revision. Its generation tells how far its spec is from the one at birth.
#[must_use]
pub fn serverless_service(revision: &Value, settings: &ScaleSettings, live: &RevisionLive, uids: Uids<'_>) -> Value {
    let name = doc::name(revision);
    let direct = settings.serves_directly(live.desired.unwrap_or(0), live.ready, 0.0);
    let activators = settings.activators(live.ready);
    let generation = 1 + i64::from(activators != 2) + i64::from(direct);
    let backed = Condition {
        reason: "ActivatorEndpointsPopulated".into(),
        message: "Revision is backed by Activator".into(),
        ..Condition::new("ActivatorEndpointsPopulated", if direct { State::False } else { State::True }, "", "")
    };
    let populated = if live.ready > 0 {
        Condition::yes("EndpointsPopulated")
    } else {
        Condition::unknown("EndpointsPopulated", "NoHealthyBackends", "K8s Service is not ready")
    };
    let conditions = Conditions::of(vec![backed.as_info(), populated]);
    let mut meta = metadata(
        revision,
        name,
        uids("ServerlessService", name),
        annotations(revision, settings, false),
        owned_by_autoscaler(revision, uids),
    );
    if let Some(map) = meta.as_object_mut() {
        map.insert("generation".into(), generation.into());
    }
    json!({
        "apiVersion": Kind::ServerlessService.api_version(),
        "kind": "ServerlessService",
        "metadata": meta,
        "spec": {
            "mode": if direct { "Serve" } else { "Proxy" },
            "numActivators": activators,
            "objectRef": scale_target(revision),
            "protocolType": protocol(revision),
        },
        "status": {
            "conditions": conditions.shown(&live.since),
            "observedGeneration": generation,
            "privateServiceName": format!("{name}-private"),
            "serviceName": name,
        },
    })
}
