//! Recorded answers of a real server, shortened: the step's id is in the test's name, the file before it.

use super::meta::{validate_meta, validate_meta_update};
use super::{name_rule, needs_cluster_ip, node_ports_needed, settle_addresses};
use crate::FieldError;
use crate::strategy::strategy;
use serde_json::{Value, json};

/// Default and prepare a new object as the generic station does.
fn create(group: &str, kind: &str, mut object: Value) -> Value {
    let rules = strategy(group, kind);
    (rules.prepare_create)(&mut object);
    (rules.default)(&mut object);
    object
}

fn causes(faults: &[FieldError]) -> Vec<[String; 3]> {
    faults.iter().map(|f| [f.reason().to_owned(), f.body(), f.field.clone()]).collect()
}

fn refused(group: &str, kind: &str, object: Value) -> Vec<[String; 3]> {
    causes(&(strategy(group, kind).validate)(&create(group, kind, object)))
}

fn cause(reason: &str, message: &str, field: &str) -> [String; 3] {
    [reason.to_owned(), message.to_owned(), field.to_owned()]
}

fn spec_of(body: Value) -> Value {
    let mut service = create("", "Service", json!({"metadata": {"name": "s"}, "spec": body}));
    settle_addresses(&mut service);
    assert_eq!((strategy("", "Service").validate)(&service), []);
    service
}

#[test]
fn crud_create_bad_name() {
    let object = json!({"metadata": {"name": "Bad_Name", "namespace": "x"}});
    let faults = validate_meta(&object, true, name_rule("", "ConfigMap"));
    let message = "Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    assert_eq!(causes(&faults), [cause("FieldValueInvalid", message, "metadata.name")]);
}

#[test]
fn crud_immutable_put() {
    let old = json!({"data": {"k": "v"}, "immutable": true});
    let new = json!({"data": {"k": "other"}, "immutable": true});
    let faults = (strategy("", "ConfigMap").validate_update)(&new, &old);
    assert_eq!(causes(&faults), [cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", "data")]);
}

#[test]
fn pods_invalid_label() {
    let object = json!({"metadata": {"name": "bad", "namespace": "x", "labels": {"a b": "c/d!"}}});
    let faults = causes(&validate_meta(&object, true, name_rule("", "Pod")));
    assert_eq!(faults.len(), 2);
    assert!(faults.iter().all(|f| f[2] == "metadata.labels"));
    assert!(faults[1][1].starts_with("Invalid value: \"c/d!\": a valid label must be an empty string or consist of"));
}

#[test]
fn services_cluster_ip() {
    let body = json!({"selector": {"app": "x"}, "ports": [{"port": 80, "targetPort": 8080}]});
    let mut service = spec_of(body);
    assert!(needs_cluster_ip(&service));
    service["spec"]["clusterIP"] = "10.96.0.9".into();
    settle_addresses(&mut service);
    assert!(!needs_cluster_ip(&service));
    assert_eq!(
        service,
        json!({"metadata": {"name": "s"},
            "spec": {"ports": [{"protocol": "TCP", "port": 80, "targetPort": 8080}], "selector": {"app": "x"}, "clusterIP": "10.96.0.9",
                "clusterIPs": ["10.96.0.9"], "type": "ClusterIP", "sessionAffinity": "None", "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"},
            "status": {"loadBalancer": {}}})
    );
}

#[test]
fn services_headless() {
    let service = spec_of(json!({"clusterIP": "None", "selector": {"app": "x"}, "ports": [{"name": "a", "port": 80}]}));
    assert!(!needs_cluster_ip(&service));
    assert_eq!(service["spec"]["clusterIPs"], json!(["None"]));
    assert_eq!(service["spec"]["ports"], json!([{"name": "a", "protocol": "TCP", "port": 80, "targetPort": 80}]));
}

#[test]
fn services_external_name() {
    let service = spec_of(json!({"type": "ExternalName", "externalName": "example.com"}));
    assert!(!needs_cluster_ip(&service));
    assert_eq!(service["spec"], json!({"type": "ExternalName", "sessionAffinity": "None", "externalName": "example.com"}));
}

#[test]
fn services_node_port() {
    let service = spec_of(json!({"type": "NodePort", "ports": [{"port": 80}]}));
    assert_eq!(node_ports_needed(&service), [0]);
    assert_eq!(service["spec"]["externalTrafficPolicy"], "Cluster");
}

#[test]
fn services_no_ports() {
    let got = refused("", "Service", json!({"metadata": {"name": "bad"}, "spec": {"selector": {"a": "b"}}}));
    assert_eq!(got, [cause("FieldValueRequired", "Required value", "spec.ports")]);
}

#[test]
fn services_bad_ports() {
    let got = refused("", "Service", json!({"metadata": {"name": "bad"}, "spec": {"ports": [{"port": 0}, {"port": 80}]}}));
    let range = "Invalid value: 0: must be between 1 and 65535, inclusive";
    assert_eq!(
        got,
        [
            cause("FieldValueRequired", "Required value", "spec.ports[0].name"),
            cause("FieldValueInvalid", range, "spec.ports[0].port"),
            cause("FieldValueInvalid", range, "spec.ports[0].targetPort"),
            cause("FieldValueRequired", "Required value", "spec.ports[1].name"),
        ]
    );
}

#[test]
fn services_cluster_ip_immutable() {
    let mut old = spec_of(json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}));
    settle_addresses(&mut old);
    let mut new = old.clone();
    new["spec"]["clusterIP"] = "10.96.3.9".into();
    let rules = strategy("", "Service");
    (rules.prepare_update)(&mut new, &old);
    let got = causes(&(rules.validate_update)(&new, &old));
    assert_eq!(
        got,
        [cause("FieldValueInvalid", "Invalid value: [\"10.96.3.9\"]: may not change once set", "spec.clusterIPs[0]")]
    );
}

#[test]
fn services_endpoints() {
    let made = create("", "Endpoints", json!({"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]}));
    assert_eq!(made, json!({"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80, "protocol": "TCP"}]}]}));
    assert_eq!((strategy("", "Endpoints").validate)(&made), []);
}

#[test]
fn services_endpointslice() {
    let body = json!({"metadata": {"name": "m"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.1.2.3"]}], "ports": [{"port": 80}]});
    let made = create("discovery.k8s.io", "EndpointSlice", body);
    assert_eq!(
        made,
        json!({"metadata": {"name": "m", "generation": 1}, "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {}}], "ports": [{"name": "", "protocol": "TCP", "port": 80}]})
    );
    assert_eq!((strategy("discovery.k8s.io", "EndpointSlice").validate)(&made), []);
}

#[test]
fn services_ingress() {
    let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
    let rules = json!([{"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]);
    let made = create("networking.k8s.io", "Ingress", json!({"metadata": {"name": "i"}, "spec": {"rules": rules}}));
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(made["spec"], json!({"rules": rules}));
    assert_eq!(made["status"], json!({"loadBalancer": {}}));
    assert_eq!((strategy("networking.k8s.io", "Ingress").validate)(&made), []);
}

#[test]
fn access_role() {
    let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": []});
    let made = create("rbac.authorization.k8s.io", "Role", json!({"metadata": {"name": "r"}, "rules": [rule]}));
    assert_eq!(made["rules"], json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]}]));
    assert!(made["metadata"].get("generation").is_none());
}

#[test]
fn access_binding_immutable() {
    let group = "rbac.authorization.k8s.io";
    let binding = |name: &str| json!({"roleRef": {"apiGroup": group, "kind": "Role", "name": name}});
    let got = causes(&(strategy(group, "RoleBinding").validate_update)(&binding("other"), &binding("r")));
    let message =
        "Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\",\"Name\":\"other\"}: cannot change roleRef";
    assert_eq!(got, [cause("FieldValueInvalid", message, "roleRef")]);
}

#[test]
fn workloads_scale_put_negative() {
    let got = refused("autoscaling", "Scale", json!({"spec": {"replicas": -1}}));
    assert_eq!(got, [cause("FieldValueInvalid", "Invalid value: -1: must be greater than or equal to 0", "spec.replicas")]);
}

#[test]
fn updates_of_unchanged_metadata_pass() {
    let object = json!({"metadata": {"name": "a", "namespace": "x", "uid": "1", "creationTimestamp": "t"}});
    assert_eq!(validate_meta_update(&json!({"metadata": {"name": "a", "namespace": "x"}}), &object), []);
}
