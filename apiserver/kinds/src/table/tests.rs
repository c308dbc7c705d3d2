#![allow(clippy::unwrap_used)]

use super::discovery::{self, Aggregated};
use super::*;
use serde_json::Value;

fn recorded(step: &str) -> Value {
    let all: Vec<Value> = serde_json::from_str(include_str!("fixtures/discovery.json")).unwrap();
    all.into_iter().find(|s| s["step"] == step).unwrap()["body"].clone()
}

/// The CRD of exchanges/crd.json as a row.
fn gadgets() -> Resource {
    let row = Resource::new("pub.example.com", "v1", "Gadget", "gadgets").short(&["gd"]).categories(&["all"]);
    Resource { custom: true, ..row.status().scale().hash("Mru7mukOTag=") }
}

#[test]
fn discovery_apps() {
    assert_eq!(discovery::resource_list("apps", "v1", &[]).unwrap(), recorded("discovery apps"));
}

#[test]
fn kn_tables_discovery_group() {
    assert_eq!(discovery::group("serving.knative.dev", &[]).unwrap(), recorded("kn-tables discovery-group"));
}

#[test]
fn kn_tables_discovery_versions() {
    for (step, group, version) in [
        ("discovery-v1", "serving.knative.dev", "v1"),
        ("discovery-v1beta1", "serving.knative.dev", "v1beta1"),
        ("discovery-autoscaling", "autoscaling.internal.knative.dev", "v1alpha1"),
        ("discovery-networking", "networking.internal.knative.dev", "v1alpha1"),
        ("discovery-caching", "caching.internal.knative.dev", "v1alpha1"),
    ] {
        let list = discovery::resource_list(group, version, &[]).unwrap();
        assert_eq!(list, recorded(&format!("kn-tables {step}")), "{step}");
    }
    assert_eq!(discovery::resource_list("serving.knative.dev", "v1alpha1", &[]), None);
}

#[test]
fn crd_discovery() {
    let extra = [gadgets()];
    assert_eq!(discovery::resource_list("pub.example.com", "v1", &extra).unwrap(), recorded("crd discovery"));
    let document = discovery::aggregated_groups(Aggregated::V2, &extra);
    let group = document["items"].as_array().unwrap().iter().find(|g| g["metadata"]["name"] == "pub.example.com").unwrap();
    let entry = &group["versions"][0]["resources"][0];
    assert_eq!(entry["responseKind"]["group"], "pub.example.com");
    assert_eq!(
        entry["subresources"][1]["responseKind"],
        serde_json::json!({"group": "autoscaling", "version": "v1", "kind": "Scale"})
    );
}

#[test]
fn discovery_api_core_aggregated() {
    assert_eq!(discovery::core_versions("127.0.0.1:6443")["versions"], serde_json::json!(["v1"]));
    let core = discovery::resource_list("", "v1", &[]).unwrap();
    assert_eq!((&core["kind"], &core["groupVersion"]), (&"APIResourceList".into(), &"v1".into()));
    assert_eq!(core.get("apiVersion"), None);
    let document = discovery::aggregated_core(Aggregated::V2);
    assert_eq!(document.pointer("/items/0/versions/0/version").unwrap(), "v1");
    assert_eq!(document.pointer("/items/0/versions/0/freshness").unwrap(), "Current");
    assert_eq!(document.pointer("/items/0/metadata").unwrap(), &serde_json::json!({}));
}

/// The start of the documents in traces/kubectl/api-resources.txt, byte for byte.
#[test]
fn trace_api_resources() {
    let core = discovery::aggregated_core(Aggregated::V2).to_string();
    let start = r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{},"versions":[{"version":"v1","resources":[{"resource":"bindings","responseKind":{"group":"","version":"","kind":"Binding"},"scope":"Namespaced","singularResource":"binding","verbs":["create"]},{"resource":"componentstatuses","responseKind":{"group":"","version":"","kind":"ComponentStatus"},"scope":"Cluster","singularResource":"componentstatus","verbs":["get","list"],"shortNames":["cs"]},"#;
    assert!(core.starts_with(start), "{core}");
    let groups = discovery::aggregated_groups(Aggregated::V2, &[]).to_string();
    let start = r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"name":"apiregistration.k8s.io"},"versions":[{"version":"v1","resources":[{"resource":"apiservices","responseKind":{"group":"","version":"","kind":"APIService"},"scope":"Cluster","singularResource":"apiservice","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"categories":["api-extensions"],"subresources":[{"subresource":"status","responseKind":{"group":"","version":"","kind":"APIService"},"verbs":["get","patch","update"]}]}],"freshness":"Current"}]},{"metadata":{"name":"apps"},"#;
    assert!(groups.starts_with(start), "{groups}");
    let list = discovery::resource_list("", "v1", &[]).unwrap();
    let config_maps = list["resources"].as_array().unwrap().iter().find(|r| r["name"] == "configmaps").unwrap();
    assert_eq!(config_maps["storageVersionHash"], "qFsyl6wFWjQ=");
}

#[test]
fn groups_come_in_upstreams_order_and_versions_preferred_first() {
    let extra = [gadgets()];
    let names = discovery::group_names(&extra);
    assert_eq!(names[..3], ["apiregistration.k8s.io", "apps", "events.k8s.io"]);
    assert_eq!(names.last(), Some(&"metrics.k8s.io"));
    assert!(names.iter().position(|n| *n == "pub.example.com") < names.iter().position(|n| *n == "serving.knative.dev"));
    assert_eq!(discovery::group_versions("autoscaling", &[]), ["v2", "v1"]);
    assert_eq!(discovery::group_list(&[])["groups"][5]["preferredVersion"]["version"], "v2");
    let paths = discovery::paths(&extra);
    assert!(paths["paths"].as_array().unwrap().contains(&"/apis/pub.example.com/v1".into()));
}

#[test]
fn table_is_consistent() {
    for row in resources() {
        assert_eq!(by_path(&row.group, &row.version, &row.plural), Some(row));
        let preferred = by_kind(&row.group, &row.kind).unwrap();
        assert!(preferred.preferred, "{}", row.kind);
        let one = resources().iter().filter(|r| r.group == row.group && r.kind == row.kind && r.preferred).count();
        assert_eq!(one, 1, "{} {}", row.group, row.kind);
        assert!(REFUSED.iter().all(|r| r.group != row.group || r.plural != row.plural || r.version == "v1beta1"));
    }
    assert_eq!(by_kind("autoscaling", "HorizontalPodAutoscaler").unwrap().version, "v2");
    assert!(by_path("apps", "v1", "deployments").unwrap().has_scale());
}
