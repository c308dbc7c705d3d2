//! Ordinary writes.

use super::types::{Kind, config_map, deployment, gadget};
use super::{later, records, times, write, write_status};
use crate::apply::track::{Write, settle_times, track_update};
use serde_json::{Value, json};

fn create(kind: &Kind, write: Write<'_>, mut new: Value) -> Value {
    track_update(kind.subject(), &write, None, &mut new);
    // What the server sets after tracking.
    new["metadata"]["uid"] = "u".into();
    new["metadata"]["resourceVersion"] = "1".into();
    new
}

fn update(kind: &Kind, write: Write<'_>, live: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut new = live.clone();
    change(&mut new);
    track_update(kind.subject(), &write, Some(live), &mut new);
    new
}

fn map() -> (Kind, Value) {
    let kind = config_map();
    let new = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "n", "labels": {"l": "1"}}, "data": {"x": "1", "y": "2"}});
    let live = create(&kind, write("exchanges", "v1"), new);
    (kind, live)
}

#[test]
fn create_owns_maps_and_their_keys() {
    // patch.json, step "create".
    let (_, live) = map();
    let want = json!([{"manager": "exchanges", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T01:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {
            "f:data": {".": {}, "f:x": {}, "f:y": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}}}]);
    assert_eq!(live["metadata"]["managedFields"], want);
}

#[test]
fn a_patch_moves_only_what_it_changes() {
    // patch.json, step "merge".
    let (kind, live) = map();
    let new = update(&kind, later(write("exchanges", "v1")), &live, |o| o["data"] = json!({"y": "2", "z": "3"}));
    let fields = json!({"f:data": {".": {}, "f:y": {}, "f:z": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}});
    assert_eq!(records(&new), [("exchanges Update".to_owned(), fields)]);
    assert_eq!(times(&new), ["2026-01-01T02:00:00Z"]);
    // Another manager takes y; the first keeps the rest and its time.
    let new = update(&kind, later(write("other", "v1")), &live, |o| o["data"]["y"] = "9".into());
    let first = json!({"f:data": {".": {}, "f:x": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}});
    let second = json!({"f:data": {"f:y": {}}});
    assert_eq!(records(&new), [("exchanges Update".to_owned(), first), ("other Update".to_owned(), second)]);
    assert_eq!(times(&new), ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]);
    // A removal changes the set, but is nobody's gain: no new time.
    let new = update(&kind, later(write("other", "v1")), &live, |o| drop(o["data"].as_object_mut().unwrap().remove("y")));
    assert_eq!(records(&new).len(), 1);
    assert_eq!(times(&new), ["2026-01-01T01:00:00Z"]);
}

#[test]
fn no_change_no_trace() {
    let (kind, live) = map();
    let new = update(&kind, later(write("other", "v1")), &live, |_| {});
    assert_eq!(new, live);
    // A client that does not know managedFields sends none.
    let new = update(&kind, later(write("other", "v1")), &live, |o| {
        o["metadata"].as_object_mut().unwrap().remove("managedFields");
    });
    assert_eq!(new, live);
}

#[test]
fn requests_may_reset_and_replace_records() {
    let (kind, live) = map();
    for reset in [json!([]), json!([{}])] {
        let new = update(&kind, later(write("m", "v1")), &live, |o| {
            o["metadata"]["managedFields"] = reset;
            o["data"]["x"] = "2".into();
        });
        assert!(new["metadata"].get("managedFields").is_none());
        // And it stays so until the first apply.
        let new = update(&kind, later(write("m", "v1")), &new, |o| o["data"]["x"] = "3".into());
        assert!(new["metadata"].get("managedFields").is_none());
    }
    let sent = json!([{"manager": "mine", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:x": {}}}}]);
    let new = update(&kind, later(write("m", "v1")), &live, |o| o["metadata"]["managedFields"] = sent.clone());
    assert_eq!(new["metadata"]["managedFields"], sent);
    // Invalid ones are ignored, and so are all that come through a subresource.
    let bad = json!([{"manager": "mine", "operation": "Frob"}]);
    let new = update(&kind, later(write("m", "v1")), &live, |o| o["metadata"]["managedFields"] = bad);
    assert_eq!(new, live);
    let new = update(&kind, later(write_status("m", "v1")), &live, |o| o["metadata"]["managedFields"] = sent);
    assert_eq!(new, live);
}

#[test]
fn go_structs_are_there_before_they_are_filled() {
    // patch.json, step "deploy", shortened: no "." where Go embeds a struct or has no omitempty.
    let kind = deployment();
    let container = json!({"name": "c", "image": "img:1", "resources": {}});
    let spec = json!({"replicas": 0, "paused": true, "selector": {"matchLabels": {"app": "d"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
        "template": {"metadata": {"labels": {"app": "d"}},
            "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "securityContext": {}}}});
    let new = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec,
        "status": {"replicas": 3}});
    let live = create(&kind, write("exchanges", "apps/v1"), new);
    let fields = json!({"f:spec": {
        "f:paused": {}, "f:replicas": {}, "f:selector": {},
        "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
        "f:template": {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}}},
                "f:dnsPolicy": {}, "f:securityContext": {}}}}});
    assert_eq!(records(&live), [("exchanges Update".to_owned(), fields.clone())]);
    // pods.json, step "status-patch": /status owns its own fields, without ".", and no spec.
    let new = update(&kind, later(write_status("exchanges", "apps/v1")), &live, |o| {
        o["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        o["spec"]["replicas"] = 7.into();
    });
    let status = json!({"f:status": {"f:conditions":
        {".": {}, "k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}, "f:type": {}}}}});
    assert_eq!(records(&new), [("exchanges Update".to_owned(), fields), ("exchanges Update status".to_owned(), status)]);
}

#[test]
fn whole_items_and_sets() {
    let kind = deployment();
    let new = json!({"metadata": {"finalizers": ["x/y"], "ownerReferences": [{"uid": "1", "name": "o", "kind": "K"}]},
        "spec": {"template": {"spec": {"imagePullSecrets": [{"name": "s"}], "nodeSelector": {"a": "b"}}}}});
    let live = create(&kind, write("m", "apps/v1"), new);
    let fields = json!({
        "f:metadata": {
            "f:finalizers": {".": {}, "v:\"x/y\"": {}},
            "f:ownerReferences": {".": {}, "k:{\"uid\":\"1\"}": {}}},
        "f:spec": {"f:template": {"f:spec": {
            "f:imagePullSecrets": {".": {}, "k:{\"name\":\"s\"}": {}}, "f:nodeSelector": {}}}}});
    assert_eq!(records(&live)[0].1, fields);
}

#[test]
fn custom_resources_own_their_parents() {
    // crd.json, steps "create" and "status".
    let kind = gadget();
    let new = json!({"apiVersion": "pub.example.com/v1", "kind": "Gadget", "metadata": {"name": "a"},
        "spec": {"color": "red", "items": [{"name": "x", "v": 1}], "size": 1}});
    let live = create(&kind, write("exchanges", "pub.example.com/v1"), new);
    let spec = json!({"f:spec": {".": {}, "f:color": {},
        "f:items": {".": {}, "k:{\"name\":\"x\"}": {".": {}, "f:name": {}, "f:v": {}}}, "f:size": {}}});
    assert_eq!(records(&live)[0].1, spec);
    let new = update(&kind, write_status("exchanges", "pub.example.com/v1"), &live, |o| {
        o["status"] = json!({"phase": "Up", "replicas": 2});
    });
    assert_eq!(records(&new)[1].1, json!({"f:status": {".": {}, "f:phase": {}, "f:replicas": {}}}));
}

#[test]
fn old_updaters_are_united() {
    let (kind, mut live) = map();
    for i in 0..12 {
        let name = format!("m{i:02}");
        let now = format!("2026-01-02T00:00:{i:02}Z");
        let write = Write { now: &now, ..write(&name, "v1") };
        live = update(&kind, write, &live, |o| o["data"][format!("k{i}")] = "1".into());
    }
    let all = records(&live);
    assert_eq!(all.len(), 10);
    assert_eq!(all[0].0, "ancient-changes Update");
    let ancient = json!({"f:data": {".": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}, "f:x": {}, "f:y": {}},
        "f:metadata": {"f:labels": {".": {}, "f:l": {}}}});
    assert_eq!(all[0].1, ancient);
}

#[test]
fn times_alone_are_no_change() {
    let (_, live) = map();
    let mut new = live.clone();
    new["metadata"]["managedFields"][0]["time"] = "2027-01-01T00:00:00Z".into();
    assert!(settle_times(&live, &mut new));
    assert_eq!(new, live);
    new["data"]["x"] = "7".into();
    assert!(!settle_times(&live, &mut new));
}
