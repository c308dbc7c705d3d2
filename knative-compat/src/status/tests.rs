//! What the recorded flows do not reach: the stages of a watch, domain mappings, a taken placeholder.

use super::*;
use crate::config::Config;
use serde_json::{Value, json};

const NOW: &str = "2026-11-24T13:00:00Z";

fn since() -> Since {
    Since { at: NOW.into(), ..Since::default() }
}

fn documents() -> (Value, Value, Value, Value) {
    let owner = |kind: &str, uid: &str| json!([{"kind": kind, "name": "tab", "uid": uid, "controller": true}]);
    let spec = json!({"containers": [{"image": "dev.local/hello:1", "name": "user-container"}]});
    let ksvc = json!({"metadata": {"name": "tab", "namespace": "ns", "uid": "s", "generation": 1}});
    let configuration = json!({
        "metadata": {"name": "tab", "namespace": "ns", "uid": "c", "generation": 1, "ownerReferences": owner("Service", "s")},
        "spec": {"template": {"spec": spec}},
    });
    let route = json!({
        "metadata": {"name": "tab", "namespace": "ns", "uid": "r", "generation": 1, "ownerReferences": owner("Service", "s")},
        "spec": {"traffic": [{"configurationName": "tab", "latestRevision": true, "percent": 100}]},
    });
    let revision = json!({
        "metadata": {"name": "tab-00001", "namespace": "ns", "uid": "v", "ownerReferences": owner("Configuration", "c"), "labels": {
            "serving.knative.dev/configuration": "tab", "serving.knative.dev/configurationGeneration": "1",
        }},
        "spec": spec,
    });
    (ksvc, configuration, route, revision)
}

fn conditions(status: &Value) -> Vec<(String, String, String)> {
    let text = |c: &Value, key: &str| c[key].as_str().unwrap_or("").to_owned();
    status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| (text(c, "type"), text(c, "status"), text(c, "reason")))
        .collect()
}

#[test]
fn kn_tables_watch_create_to_ready() {
    let (ksvc, configuration, route, revision) = documents();
    let mut config = Config::default();
    config.domains.fallback = "example.com".into();
    let route_live = RouteLive { assigned: None, ingress_ready: true, placeholder_taken: None, since: since() };
    let children = Children { configuration: Some(&configuration), route: Some(&route) };
    let look = |live: &RevisionLive, stage| {
        let scene = Scene { configurations: vec![&configuration], revisions: vec![RevisionState { document: &revision, live }] };
        service_status(&ksvc, children, &scene, &route_live, &since(), stage, &config)
    };
    let born = RevisionLive::new(NOW);
    let up = RevisionLive { initial_scale_reached: true, active: Some(true), ready: 1, actual: 1, ..born.clone() };
    let seen: Vec<Value> = [
        look(&born, Stage::Accepted),
        look(&born, Stage::Reconciled),
        look(&up, Stage::Reconciled),
        look(&up, Stage::Routed),
        look(&up, Stage::Settled),
    ]
    .into();
    let reasons: Vec<String> = seen.iter().map(|s| conditions(s)[1].2.clone()).collect();
    assert_eq!(reasons, ["OutOfDate", "RevisionMissing", "RevisionMissing", "IngressNotConfigured", ""]);
    assert_eq!(seen[0], json!({"conditions": seen[0]["conditions"], "observedGeneration": 1}));
    assert_eq!(
        seen[0]["conditions"][0]["message"],
        "The Configuration is still working to reflect the latest desired specification."
    );
    assert_eq!(seen[1]["latestCreatedRevisionName"], "tab-00001");
    assert_eq!(seen[1]["url"], "http://tab.ns.example.com");
    assert!(seen[1].get("latestReadyRevisionName").is_none() && seen[1].get("address").is_none());
    assert_eq!(seen[2]["latestReadyRevisionName"], "tab-00001");
    assert!(seen[2].get("traffic").is_none());
    assert_eq!(seen[3]["address"]["url"], "http://tab.ns.svc.cluster.local");
    assert_eq!(seen[4]["traffic"], json!([{"latestRevision": true, "percent": 100, "revisionName": "tab-00001"}]));
    assert_eq!(conditions(&seen[4])[1], ("Ready".into(), "True".into(), String::new()));
}

#[test]
fn kn_domains_conditions() {
    let mapping = json!({"metadata": {"name": "app.example.org", "namespace": "ns", "generation": 1}, "spec": {"ref": {
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "absent", "namespace": "ns"}}});
    let live = |claim, unresolved| MappingLive { claim, unresolved, ingress_ready: true, since: since() };
    let taken = domain_mapping_status(&mapping, &live(Claim::Taken, None));
    assert_eq!(conditions(&taken)[3], ("Ready".into(), "False".into(), "DomainAlreadyClaimed".into()));
    let why = MappingLive::missing(&mapping);
    assert_eq!(why, "failed to get object ns/absent: services.serving.knative.dev \"absent\" not found");
    let missing = domain_mapping_status(&mapping, &live(Claim::Ours, Some(why)));
    assert_eq!(conditions(&missing)[3], ("Ready".into(), "False".into(), "ResolveFailed".into()));
    assert_eq!(conditions(&missing)[2], ("IngressReady".into(), "Unknown".into(), "IngressNotConfigured".into()));
    let fine = domain_mapping_status(&mapping, &live(Claim::Ours, None));
    assert!(conditions(&fine).iter().all(|(_, state, _)| state == "True"));
    assert_eq!(fine["url"], "http://app.example.org");
}
