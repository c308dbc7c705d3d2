use std::collections::BTreeSet;

use super::*;
use crate::model::{Field, Form, Node, Scalar};

fn doc<'a>(gvk: Gvk, plural: &'a str, verbs: &[&'a str], sub: Vec<SubresourceDoc<'a>>) -> ResourceDoc<'a> {
    let built = built_in();
    let root = built.kind(&gvk).unwrap();
    let custom = built.is_custom(root);
    let verbs = verbs.to_vec();
    ResourceDoc {
        gvk,
        plural,
        namespaced: true,
        verbs,
        subresources: sub,
        schema: &built.schema,
        root,
        custom,
        published: None,
        selectable: &[],
    }
}

const ALL: &[&str] = &["get", "list", "create", "update", "patch", "delete", "deletecollection", "watch"];

fn deployments() -> ResourceDoc<'static> {
    let scale = SubresourceDoc { name: "scale", gvk: Some(Gvk::new("autoscaling", "v1", "Scale")), verbs: vec!["get", "patch"] };
    doc(Gvk::new("apps", "v1", "Deployment"), "deployments", ALL, vec![scale])
}

/// Every `$ref` of a document.
fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match inner {
                    Value::String(target) if key == "$ref" => _ = into.insert(target.clone()),
                    other => references(other, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

fn assert_closed(document: &Value) {
    let mut targets = BTreeSet::new();
    references(document, &mut targets);
    assert!(!targets.is_empty());
    for target in targets {
        let found = document.pointer(target.trim_start_matches('#'));
        assert!(found.is_some_and(Value::is_object), "{target} leads nowhere");
    }
}

#[test]
fn kubectl_finds_what_it_looks_for() {
    let docs = [deployments()];
    let describe = |name: &str, field: Option<&str>| {
        (name.ends_with("DeploymentSpec") && field == Some("template")).then(|| "prose".to_owned())
    };
    let document = v3_document("v1.36.3", &docs, Some(&describe));
    assert_closed(&document);
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], json!({"group": "apps", "version": "v1", "kind": "Deployment"}));
    assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
    assert_eq!(patch["x-kubernetes-action"], "patch");
    let names: Vec<&str> = patch["parameters"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_some());
    let schemas = &document["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(deployment["x-kubernetes-group-version-kind"], json!([{"group": "apps", "version": "v1", "kind": "Deployment"}]));
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    let template = &schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["template"];
    assert_eq!(template["description"], "prose");
    assert_eq!(template["allOf"], json!([{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}]));
    assert!(schemas.get("io.k8s.api.autoscaling.v1.Scale").is_some());
    assert_eq!(document["paths"]["/apis/apps/v1/deployments"]["get"]["operationId"], "listAppsV1DeploymentForAllNamespaces");
}

#[test]
fn knative_types_are_published_by_the_reversed_group() {
    let docs = [doc(Gvk::new("serving.knative.dev", "v1", "Service"), "services", ALL, Vec::new())];
    let document = v3_document("v1.36.3", &docs, None);
    assert_closed(&document);
    let service = &document["components"]["schemas"]["dev.knative.serving.v1.Service"];
    let container = &service["properties"]["spec"]["properties"]["template"]["properties"]["spec"]["properties"]["containers"];
    assert!(container["items"]["properties"].get("image").is_some() && container["items"]["properties"].get("tty").is_none());
    assert!(document["components"]["schemas"].get("dev.knative.serving.v1.ServiceList").is_some());
    let patch = &document["paths"]["/apis/serving.knative.dev/v1/namespaces/{namespace}/services/{name}"]["patch"];
    assert_eq!(patch["operationId"], "patchServingKnativeDevV1NamespacedService");
    assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_none());
}

#[test]
fn custom_resources_work_from_their_schema_or_from_what_they_publish() {
    let mut schema = Schema::default();
    let size = schema.add(Node { name: "".into(), form: Form::Scalar(Scalar::Int64) });
    let spec = Form::Object { fields: [("size".into(), Field::of(size))].into(), preserve_unknown: false };
    let spec = schema.add(Node { name: "".into(), form: spec });
    let root = Form::Object { fields: [("spec".into(), Field::of(spec))].into(), preserve_unknown: false };
    let root = schema.add(Node { name: "".into(), form: root });
    let gvk = Gvk::new("pub.example.com", "v1", "Gadget");
    let published = json!({"type": "object", "properties": {"spec": {"type": "object", "description": "own", "nullable": true}}});
    let mut gadget = ResourceDoc {
        gvk,
        plural: "gadgets",
        namespaced: true,
        verbs: ALL.to_vec(),
        subresources: Vec::new(),
        schema: &schema,
        root,
        custom: true,
        published: None,
        selectable: &[],
    };
    let docs = [gadget.clone()];
    let document = v3_document("v1.36.3", &docs, None);
    assert_closed(&document);
    let component = &document["components"]["schemas"]["com.example.pub.v1.Gadget"];
    assert_eq!(component["properties"]["spec"]["properties"]["size"], json!({"type": "integer", "format": "int64"}));
    gadget.published = Some(&published);
    let docs = [gadget, deployments()];
    let document = v2_document("v1.36.3", &docs, None);
    assert_closed(&document);
    let spec = &document["definitions"]["com.example.pub.v1.Gadget"]["properties"]["spec"];
    // kubectl cannot bear a type that may be null.
    assert_eq!(*spec, json!({"description": "own"}));
    assert!(document["definitions"].get("io.k8s.api.apps.v1.DeploymentList").is_some());
}

#[test]
fn the_index_names_hashes() {
    let hash = document_hash(b"{}");
    assert_eq!(hash.len(), 128);
    let index = v3_index([("api/v1", hash.as_str())]);
    assert_eq!(index["paths"]["api/v1"]["serverRelativeURL"], format!("/openapi/v3/api/v1?hash={hash}"));
}

#[test]
fn every_kind_can_be_published() {
    let plurals: Vec<(Gvk, String)> = built_in().gvks().map(|gvk| (gvk.clone(), gvk.kind.to_lowercase())).collect();
    let docs: Vec<ResourceDoc<'_>> = plurals.iter().map(|(gvk, plural)| doc(gvk.clone(), plural, ALL, Vec::new())).collect();
    assert_closed(&v3_document("v1.36.3", &docs, None));
    assert_closed(&v2_document("v1.36.3", &docs, None));
}
