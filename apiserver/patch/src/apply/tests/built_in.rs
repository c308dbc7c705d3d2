//! Creates of real kinds with the built-in types: which parents Go's zero values hold already.

use super::{records, write};
use crate::apply::{Origin, Subject, track_update};
use serde_json::{Value, json};
use skiff_schema::{Gvk, built_in};

fn created(mut new: Value) -> Value {
    let api_version = new["apiVersion"].as_str().unwrap().to_owned();
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let root = built_in().kind(&Gvk::new(group, version, new["kind"].as_str().unwrap())).unwrap();
    let subject = Subject { schema: &built_in().schema, root, origin: Origin::BuiltIn };
    track_update(subject, &write("exchanges", &api_version), None, &mut new);
    records(&new)[0].1.clone()
}

#[test]
fn replica_set_template_is_embedded() {
    // workloads.json, step "rs", shortened.
    let template = json!({"metadata": {"labels": {"app": "d"}}, "spec": {
        "containers": [{"name": "c", "resources": {}, "ports": [{"containerPort": 80}]}], "nodeSelector": {"a": "b"}}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "d"}}, "template": template});
    let fields = created(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r"}, "spec": spec}));
    let container = json!({".": {}, "f:name": {}, "f:resources": {}, "f:ports": {".": {},
        "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}});
    let want = json!({"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {"f:containers": {"k:{\"name\":\"c\"}": container}, "f:nodeSelector": {}}}}});
    assert_eq!(fields, want);
}

#[test]
fn whole_fields_and_allocated_parents() {
    // services.json, step "headless"; access.json, step "binding".
    let spec = json!({"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]});
    let fields = created(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}));
    let port = json!({".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}});
    let ports = json!({".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": port});
    assert_eq!(fields, json!({"f:spec": {"f:clusterIP": {}, "f:ports": ports, "f:selector": {}}}));
    let fields = created(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "b"}, "roleRef": {"apiGroup": "g", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}]}));
    assert_eq!(fields, json!({"f:roleRef": {}, "f:subjects": {}}));
}
