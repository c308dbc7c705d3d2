//! Upstream's rules that no exchange shows.

use super::types::{config_map, gadget};
use super::{later, records, times, write};
use crate::apply::track::{Write, track_update};
use crate::apply::{ApplyError, apply, last_applied::ANNOTATION, scale, validate};
use serde_json::{Value, json};
use skiff_schema::Gvk;

fn apply_map(write: Write<'_>, live: Option<&Value>, config: &Value) -> Result<Value, ApplyError> {
    apply(config_map().subject(), &write, &Gvk::new("", "v1", "ConfigMap"), live, config, false)
}

#[test]
fn before_first_apply() {
    let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u"}, "data": {"x": "1"}});
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"y": "1"}});
    let out = apply_map(write("m", "v1"), Some(&live), &config).unwrap();
    let own = ("m Apply".to_owned(), json!({"f:data": {"f:y": {}}}));
    let before = ("before-first-apply Update".to_owned(), json!({"f:data": {".": {}, "f:x": {}}}));
    assert_eq!(records(&out), [own, before]);
}

#[test]
fn who_changes_nothing_gets_no_time() {
    let mut live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
    track_update(config_map().subject(), &write("u", "v1"), None, &mut live);
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
    let out = apply_map(later(write("m", "v1")), Some(&live), &config).unwrap();
    assert_eq!(times(&out), ["", "2026-01-01T01:00:00Z"]);
    assert_eq!(out["data"], live["data"]);
}

#[test]
fn kubectl_takes_over_from_client_side_apply() {
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}});
    let mut live = applied.clone();
    live["metadata"]["annotations"] = json!({ANNOTATION: applied.to_string()});
    track_update(config_map().subject(), &write("kubectl-client-side-apply", "v1"), None, &mut live);
    live["metadata"]["uid"] = "u".into();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "2"}});
    // Anyone else conflicts.
    assert!(apply_map(write("other", "v1"), Some(&live), &config).is_err());
    let out = apply_map(write("kubectl", "v1"), Some(&live), &config).unwrap();
    assert_eq!(out["data"], json!({"x": "2", "y": "1"}));
    assert_eq!(records(&out)[0], ("kubectl Apply".to_owned(), json!({"f:data": {"f:x": {}}})));
    let text = "{\"apiVersion\":\"v1\",\"data\":{\"x\":\"2\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}\n";
    assert_eq!(out["metadata"]["annotations"][ANNOTATION], text);
    // A field that somebody has changed since is still a conflict.
    let mut changed = live.clone();
    changed["data"]["x"] = "9".into();
    track_update(config_map().subject(), &write("editor", "v1"), Some(&live), &mut changed);
    let error = apply_map(write("kubectl", "v1"), Some(&changed), &config).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.x");
}

#[test]
fn an_emptied_container_goes() {
    let kind = gadget();
    let gvk = Gvk::new("p", "v1", "Gadget");
    let config = |spec: Value| json!({"apiVersion": "p/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": spec});
    let all = config(json!({"items": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "tags": ["a"], "size": 1}));
    let live = apply(kind.subject(), &write("m", "p/v1"), &gvk, None, &all, false).unwrap();
    let some = config(json!({"items": [{"name": "y", "v": 2}], "size": 1}));
    let live = apply(kind.subject(), &write("m", "p/v1"), &gvk, Some(&live), &some, false).unwrap();
    assert_eq!(live["spec"], json!({"items": [{"name": "y", "v": 2}], "size": 1}));
    let live = apply(kind.subject(), &write("m", "p/v1"), &gvk, Some(&live), &config(json!({"size": 1})), false).unwrap();
    assert_eq!(live["spec"], json!({"size": 1}));
}

#[test]
fn lists_take_the_order_of_the_configuration() {
    let kind = gadget();
    let gvk = Gvk::new("p", "v1", "Gadget");
    let gadget = |tags: Value| json!({"apiVersion": "p/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {"tags": tags}});
    for (live, config, want) in [
        (json!(["a", "b", "c"]), json!(["c", "a"]), json!(["b", "c", "a"])),
        (json!(["a", "b", "c"]), json!(["x", "b"]), json!(["a", "x", "b", "c"])),
        (json!(["a", "b"]), json!(["x", "y"]), json!(["a", "b", "x", "y"])),
        (json!(["a", "b"]), json!(["b", "x", "a"]), json!(["b", "x", "a"])),
    ] {
        let out = apply(kind.subject(), &write("m", "p/v1"), &gvk, Some(&gadget(live)), &gadget(config), false).unwrap();
        assert_eq!(out["spec"]["tags"], want);
    }
}

#[test]
fn record_validation() {
    let entry = |change: (&str, Value)| {
        let mut entry = json!({"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {}}});
        entry[change.0] = change.1;
        json!([entry])
    };
    assert_eq!(validate(&entry(("manager", "x".into()))), Ok(()));
    for (change, text) in [
        (("operation", json!("Frob")), "operation must be `Apply` or `Update`"),
        (("apiVersion", json!("")), "apiVersion must not be empty"),
        (("fieldsType", json!("")), "missing fieldsType in managed fields entry 0"),
        (("fieldsType", json!("V2")), "invalid fieldsType \"V2\" in managed fields entry 0"),
        (("fieldsV1", json!({"x": {}})), "key must be 2 characters long:"),
    ] {
        assert_eq!(validate(&entry(change)).unwrap_err(), text);
    }
}

#[test]
fn records_cross_to_scale_and_back() {
    let paths: scale::ReplicasPaths<'_> = &[("apps/v1", Some(&["spec", "replicas"]))];
    let record = |manager: &str, operation: &str, fields: Value, version: &str, sub: &str| {
        let mut entry = json!({"manager": manager, "operation": operation, "apiVersion": version,
            "time": "2026-01-01T01:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields});
        if !sub.is_empty() {
            entry["subresource"] = sub.into();
        }
        entry
    };
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    let parent = json!([
        record("a", "Apply", json!({"f:spec": {"f:paused": {}, "f:replicas": {}}}), "apps/v1", ""),
        record("b", "Update", json!({"f:spec": {"f:paused": {}}}), "apps/v1", ""),
    ]);
    let scale = scale::to_scale(Some(&parent), paths).unwrap().unwrap();
    assert_eq!(scale, json!([record("a", "Apply", replicas.clone(), "autoscaling/v1", "")]));
    // Nothing stolen: the parent stays.
    assert_eq!(scale::to_parent(Some(&parent), Some(&scale), "apps/v1", paths).unwrap().unwrap(), parent);
    let stolen = json!([record("hpa", "Update", replicas.clone(), "autoscaling/v1", "scale")]);
    let back = scale::to_parent(Some(&parent), Some(&stolen), "apps/v1", paths).unwrap().unwrap();
    let paused = json!({"f:spec": {"f:paused": {}}});
    let want = json!([
        record("a", "Apply", paused.clone(), "apps/v1", ""),
        record("b", "Update", paused, "apps/v1", ""),
        record("hpa", "Update", replicas, "apps/v1", "scale"),
    ]);
    assert_eq!(back, want);
}
