//! What the recorded flows do not reach: collection of revisions, and that a second turn writes nothing.

use super::*;
use crate::duration::SECOND;
use serde_json::json;

const HOUR: i64 = 3600 * SECOND;

fn revision(name: &str, state: &str, changed: &str) -> Value {
    json!({"metadata": {
        "name": name, "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"serving.knative.dev/routingState": state},
        "annotations": {"serving.knative.dev/routingStateModified": changed},
    }})
}

fn collected(config: &Config, revisions: &[Value]) -> Vec<String> {
    let ctx = Context { config, now: "2026-02-01T00:00:00Z" };
    let documents: Vec<&Value> = revisions.iter().collect();
    collect(&ctx, &documents, Some("ready"))
        .into_iter()
        .filter_map(|write| match write {
            ChildWrite::Delete { name, .. } => Some(name),
            _ => None,
        })
        .collect()
}

#[test]
fn old_revisions_out_of_use_are_collected() {
    let mut config = Config::default();
    config.gc.min_non_active = 1;
    let revisions = [
        revision("active", "active", "2026-01-02T00:00:00Z"),
        revision("ready", "reserve", "2026-01-02T00:00:00Z"),
        revision("b", "reserve", "2026-01-03T00:00:00Z"),
        revision("a", "reserve", "2026-01-02T00:00:00Z"),
        revision("fresh", "reserve", "2026-01-31T23:00:00Z"),
    ];
    assert_eq!(collected(&config, &revisions), ["a", "b"]);
    config.gc.min_non_active = 2;
    assert_eq!(collected(&config, &revisions), ["a"]);
    config.gc.retain_since_active = Some(24 * 40 * HOUR);
    assert!(collected(&config, &revisions).is_empty());
    config.gc.min_non_active = 0;
    config.gc.max_non_active = Some(1);
    assert_eq!(collected(&config, &revisions), ["a", "b"]);
}

#[test]
fn a_second_turn_writes_nothing() {
    let config = Config::default();
    let ctx = Context { config: &config, now: "2026-02-01T00:00:00Z" };
    let ksvc = json!({
        "metadata": {"name": "s", "namespace": "ns", "uid": "u", "labels": {"team": "a"}, "annotations": {
            "serving.knative.dev/creator": "admin", "serving.knative.dev/rollout-duration": "10s",
            "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "spec": {"template": {"spec": {"containers": []}}, "traffic": [{"latestRevision": true, "percent": 100}]},
    });
    let writes = reconcile_service(&ctx, &ksvc, &Children::default());
    let [ChildWrite::Create(_, configuration), ChildWrite::Create(_, route)] = writes.as_slice() else {
        panic!("expected two new children, got {writes:?}");
    };
    assert_eq!(configuration["metadata"]["annotations"], json!({"serving.knative.dev/creator": "admin"}));
    assert_eq!(route["metadata"]["annotations"]["serving.knative.dev/rollout-duration"], "10s");
    assert_eq!(route["metadata"]["labels"], json!({"serving.knative.dev/service": "s", "team": "a"}));
    let children = Children { configuration: Some(configuration.clone()), route: Some(route.clone()) };
    assert!(reconcile_service(&ctx, &ksvc, &children).is_empty());
}
