//! Server-side apply.

use super::types::{Kind, config_map, deployment, gadget};
use super::{later, records, times, write};
use crate::apply::track::{Write, track_update};
use crate::apply::{ApplyError, apply};
use serde_json::{Value, json};
use skiff_schema::Gvk;

fn run(kind: &Kind, write: Write<'_>, live: Option<&Value>, config: &Value, force: bool) -> Result<Value, ApplyError> {
    let (group, version) = write.api_version.split_once('/').unwrap_or(("", write.api_version));
    let gvk = Gvk::new(group, version, config["kind"].as_str().unwrap());
    apply(kind.subject(), &write, &gvk, live, config, force)
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

fn stored(mut object: Value) -> Value {
    object["metadata"]["uid"] = "u".into();
    object
}

#[test]
fn config_map_story() {
    let kind = config_map();
    // apply.json, step "apply-create".
    let mut config = map(json!({"x": "1", "y": "1"}));
    config["metadata"]["labels"] = json!({"l": "1"});
    let live = stored(run(&kind, write("one", "v1"), None, &config, false).unwrap());
    let fields = json!({"f:data": {"f:x": {}, "f:y": {}}, "f:metadata": {"f:labels": {"f:l": {}}}});
    assert_eq!(records(&live), [("one Apply".to_owned(), fields)]);
    // "apply-same": nothing changes, not even the time.
    let same = run(&kind, later(write("one", "v1")), Some(&live), &config, false).unwrap();
    assert_eq!(same, live);
    // "apply-conflict".
    let two = map(json!({"x": "2"}));
    let error = run(&kind, later(write("two", "v1")), Some(&live), &two, false).unwrap_err();
    assert_eq!(error.code(), 409);
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"one\": .data.x");
    let ApplyError::Conflict(conflicts) = error else { panic!() };
    assert_eq!(conflicts.causes()[0].message, "conflict with \"one\"");
    assert_eq!(conflicts.causes()[0].field, ".data.x");
    // "apply-force".
    let live = run(&kind, later(write("two", "v1")), Some(&live), &two, true).unwrap();
    assert_eq!(live["data"], json!({"x": "2", "y": "1"}));
    let one = json!({"f:data": {"f:y": {}}, "f:metadata": {"f:labels": {"f:l": {}}}});
    let two = json!({"f:data": {"f:x": {}}});
    assert_eq!(records(&live), [("one Apply".to_owned(), one), ("two Apply".to_owned(), two)]);
    assert_eq!(times(&live), ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]);
    // "apply-drop-field".
    let live = run(&kind, later(write("one", "v1")), Some(&live), &map(json!({})), false).unwrap();
    assert_eq!(live["data"], json!({"x": "2"}));
    assert!(live["metadata"].get("labels").is_none());
    assert_eq!(records(&live)[0], ("one Apply".to_owned(), json!({"f:data": {}})));
    // "update-after-apply".
    let mut put = live.clone();
    put["data"] = json!({"x": "7"});
    track_update(kind.subject(), &later(write("putter", "v1")), Some(&live), &mut put);
    assert_eq!(records(&put)[1], ("putter Update".to_owned(), json!({"f:data": {"f:x": {}}})));
    assert_eq!(records(&put).len(), 2);
    // "apply-conflict-update".
    let error = run(&kind, later(write("two", "v1")), Some(&put), &map(json!({"x": "8"})), false).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"putter\" using v1: .data.x");
}

fn deploy(containers: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": containers}}}})
}

#[test]
fn deployment_story() {
    // apply.json, step "deploy-apply": the protocol's default is part of the key, but no field of the set.
    let kind = deployment();
    let mut config = deploy(json!([{"name": "c", "image": "i:1", "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "value": "1"}]}]));
    config["spec"]["replicas"] = 0.into();
    config["spec"]["selector"] = json!({"matchLabels": {"app": "d"}});
    let mut live = stored(run(&kind, write("one", "apps/v1"), None, &config, false).unwrap());
    let one = json!({"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"c\"}": {".": {},
            "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}},
            "f:image": {}, "f:name": {},
            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}});
    assert_eq!(records(&live)[0].1, one);
    live["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP".into();
    live["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst".into();
    // "deploy-apply-two".
    let both = deploy(json!([{"name": "c", "env": [{"name": "B", "value": "2"}]}, {"name": "s", "image": "s:1"}]));
    let live = run(&kind, later(write("two", "apps/v1")), Some(&live), &both, false).unwrap();
    let containers = &live["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["env"], json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]));
    assert_eq!(containers[1], json!({"name": "s", "image": "s:1"}));
    assert_eq!(records(&live)[0].1, one);
    // "deploy-scale-conflict".
    let scale = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 2}});
    let error = run(&kind, later(write("scaler", "apps/v1")), Some(&live), &scale, false).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
    // "deploy-drop-list-item".
    let only = deploy(json!([{"name": "s", "image": "s:1"}]));
    let live = run(&kind, later(write("two", "apps/v1")), Some(&live), &only, false).unwrap();
    let containers = &live["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["env"], json!([{"name": "A", "value": "1"}]));
    assert_eq!(containers.as_array().unwrap().len(), 2);
    let two = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"s\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}});
    assert_eq!(records(&live)[1].1, two);
    // Its owner gone, an item goes as a whole, with what the server has added to it.
    let mut live = live;
    live["spec"]["template"]["spec"]["containers"][1]["resources"] = json!({});
    let none = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}});
    let live = run(&kind, later(write("two", "apps/v1")), Some(&live), &none, false).unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"].as_array().unwrap().len(), 1);
    assert_eq!(records(&live).len(), 1);
}

#[test]
fn bodies_that_do_not_fit() {
    let fails = |kind: &Kind, version: &str, config: Value| {
        let error = run(kind, write("one", version), None, &config, false).unwrap_err();
        (error.code(), error.reason(), error.to_string())
    };
    // apply.json, step "apply-unknown-field".
    let mut config = map(json!({}));
    config["bogus"] = 1.into();
    let text = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .bogus: field not declared in schema";
    assert_eq!(fails(&config_map(), "v1", config), (500, "", text.to_owned()));
    // "apply-duplicate-keys".
    let config = deploy(json!([{"name": "c", "image": "1"}, {"name": "c", "image": "2"}]));
    let text = "failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: \
                duplicate entries for key [name=\"c\"]";
    assert_eq!(fails(&deployment(), "apps/v1", config), (500, "", text.to_owned()));
    // Wrong types, several at once.
    let mut config = deploy(json!([{"image": "x"}]));
    config["spec"]["replicas"] = "1".into();
    let text = "failed to create typed patch object (/d; apps/v1, Kind=Deployment): errors:\n  \
                .spec.template.spec.containers: element 0: associative list with keys has an element that omits all key \
                fields [\"name\"] (and doesn't have default values for any key fields)\n  \
                .spec.replicas: expected numeric (int or float), got string";
    assert_eq!(fails(&deployment(), "apps/v1", config), (500, "", text.to_owned()));
    // "apply-with-managed-fields".
    let mut config = map(json!({}));
    config["metadata"]["managedFields"] = json!([{"manager": "z"}]);
    assert_eq!(fails(&config_map(), "v1", config), (400, "BadRequest", "metadata.managedFields must be nil".to_owned()));
    let error = apply(config_map().subject(), &write("one", "v1"), &Gvk::new("", "v1", "Secret"), None, &map(json!({})), false);
    assert_eq!(error.unwrap_err().to_string(), "invalid object type: /v1, Kind=ConfigMap");
}

#[test]
fn several_conflicts() {
    let kind = config_map();
    let live = run(&kind, write("one", "v1"), None, &map(json!({"x": "1", "y": "1"})), false).unwrap();
    let mut live = stored(live);
    let before = live.clone();
    live["data"]["z"] = "1".into();
    track_update(kind.subject(), &write("u", "v1"), Some(&before), &mut live);
    let config = map(json!({"x": "2", "y": "2", "z": "2"}));
    let error = run(&kind, write("two", "v1"), Some(&live), &config, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.x\n- .data.y\nconflicts with \"u\" using v1:\n- .data.z"
    );
}

#[test]
fn shared_ownership_and_lists() {
    // crd.json, step "apply": new items come in, others stay.
    let kind = gadget();
    let gadget = |spec: Value| json!({"apiVersion": "p/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": spec});
    let mut live = gadget(json!({"color": "red", "items": [{"name": "x", "v": 1}], "tags": ["a", "b"], "size": 1}));
    track_update(kind.subject(), &write("exchanges", "p/v1"), None, &mut live);
    let live = stored(live);
    let config = gadget(json!({"items": [{"name": "y", "v": 2}], "size": 1, "tags": ["b", "c"], "free": {"a": {"b": [1]}}}));
    let live = run(&kind, write("m", "p/v1"), Some(&live), &config, false).unwrap();
    assert_eq!(live["spec"]["items"], json!([{"name": "x", "v": 1}, {"name": "y", "v": 2}]));
    assert_eq!(live["spec"]["tags"], json!(["a", "b", "c"]));
    let fields = json!({"f:spec": {"f:free": {"f:a": {".": {}, "f:b": {}}},
        "f:items": {"k:{\"name\":\"y\"}": {".": {}, "f:name": {}, "f:v": {}}}, "f:size": {},
        "f:tags": {"v:\"b\"": {}, "v:\"c\"": {}}}});
    assert_eq!(records(&live)[0], ("m Apply".to_owned(), fields));
    // What both own stays when one of them lets go.
    let live = run(&kind, write("m", "p/v1"), Some(&live), &gadget(json!({"color": "red"})), false).unwrap();
    assert_eq!(live["spec"], json!({"color": "red", "items": [{"name": "x", "v": 1}], "tags": ["a", "b"], "size": 1}));
}
