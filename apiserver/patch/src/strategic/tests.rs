//! Cases of patch.json (step ids in the comments) and of upstream's rules.

use super::*;
use serde_json::json;
use skiff_schema::{Node, Scalar};

fn add(schema: &mut Schema, name: &str, form: Form) -> NodeId {
    schema.add(Node { name: name.into(), form })
}

fn object(schema: &mut Schema, name: &str, fields: Vec<(&str, Field)>) -> NodeId {
    let fields = fields.into_iter().map(|(name, field)| (name.into(), field)).collect();
    add(schema, name, Form::Object { fields, preserve_unknown: false })
}

fn merging(node: NodeId, key: Option<&str>) -> Field {
    Field { patch_merge: true, merge_key: key.map(Into::into), ..Field::of(node) }
}

/// A pod spec with containers (with env and args), volumes, finalizers and a strategy.
fn pod() -> (Schema, NodeId) {
    let mut schema = Schema::default();
    let s = &mut schema;
    let text = add(s, "", Form::Scalar(Scalar::String));
    let texts = add(s, "", Form::List(text));
    let env = object(s, "io.k8s.api.core.v1.EnvVar", vec![("name", Field::of(text)), ("value", Field::of(text))]);
    let envs = add(s, "", Form::List(env));
    let container = object(
        s,
        "io.k8s.api.core.v1.Container",
        vec![
            ("name", Field::of(text)),
            ("image", Field::of(text)),
            ("args", Field::of(texts)),
            ("env", merging(envs, Some("name"))),
        ],
    );
    let containers = add(s, "", Form::List(container));
    let strategy = object(s, "S", vec![("type", Field::of(text)), ("rollingUpdate", Field::of(text))]);
    let labels = add(s, "", Form::Map(text));
    let root = object(
        s,
        "io.k8s.api.core.v1.PodSpec",
        vec![
            ("containers", merging(containers, Some("name"))),
            ("keyless", merging(containers, None)),
            ("finalizers", merging(texts, None)),
            ("strategy", Field { retain_keys: true, ..Field::of(strategy) }),
            ("labels", Field::of(labels)),
        ],
    );
    (schema, root)
}

fn run(target: Value, patch: Value) -> Result<Value, StrategicError> {
    let (schema, root) = pod();
    apply(&schema, root, target, patch)
}

fn names(value: &Value) -> Vec<&str> {
    value["containers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect()
}

#[test]
fn items_merge_by_key_in_the_patchs_order() {
    // "smp-add-container": a new item comes before those that only the server has.
    let live = json!({"containers": [{"name": "c", "image": "img:1"}]});
    let out = run(live, json!({"containers": [{"name": "s", "image": "side:1"}]})).unwrap();
    assert_eq!(names(&out), ["s", "c"]);
    // "smp-change-image": a known item keeps its place.
    let patch = json!({"containers": [{"name": "c", "image": "img:2", "env": [{"name": "A", "value": "1"}]}]});
    let out = run(out, patch).unwrap();
    assert_eq!(names(&out), ["s", "c"]);
    assert_eq!(out["containers"][1], json!({"name": "c", "image": "img:2", "env": [{"name": "A", "value": "1"}]}));
    // "smp-env-merge".
    let out = run(out, json!({"containers": [{"name": "c", "env": [{"name": "B", "value": "2"}]}]})).unwrap();
    let env = json!([{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]);
    assert_eq!(out["containers"][1]["env"], env);
    // "smp-delete-directive".
    let out = run(out, json!({"containers": [{"name": "s", "$patch": "delete"}]})).unwrap();
    assert_eq!(names(&out), ["c"]);
    // "smp-replace-directive".
    let out = run(out, json!({"containers": [{"$patch": "replace"}, {"name": "n", "image": "new:1"}]})).unwrap();
    assert_eq!(out, json!({"containers": [{"name": "n", "image": "new:1"}]}));
    // "smp-order-directive".
    let patch = json!({"$setElementOrder/containers": [{"name": "z"}, {"name": "n"}],
        "containers": [{"name": "z", "image": "z:1"}]});
    let out = run(out, patch).unwrap();
    assert_eq!(names(&out), ["z", "n"]);
}

#[test]
fn element_order_keeps_server_items_in_place() {
    let live = json!({"containers": [{"name": "a"}, {"name": "srv"}, {"name": "b"}]});
    let out = run(live.clone(), json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]})).unwrap();
    assert_eq!(names(&out), ["srv", "b", "a"]);
    let out = run(live, json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}]})).unwrap();
    assert_eq!(names(&out), ["a", "srv", "b"]);
    let fresh = json!({"$setElementOrder/containers": [{"name": "a"}],
        "containers": [{"name": "a", "image": "1"}, {"name": "gone", "$patch": "delete"}]});
    assert_eq!(run(json!({}), fresh).unwrap(), json!({"containers": [{"name": "a", "image": "1"}]}));
}

#[test]
fn scalar_lists() {
    let live = json!({"finalizers": ["a", "b", "c"]});
    let out = run(live.clone(), json!({"finalizers": ["d", "b"]})).unwrap();
    assert_eq!(out, json!({"finalizers": ["d", "a", "b", "c"]}));
    let out = run(live.clone(), json!({"$deleteFromPrimitiveList/finalizers": ["b", "x"]})).unwrap();
    assert_eq!(out, json!({"finalizers": ["a", "c"]}));
    let out = run(live, json!({"$setElementOrder/finalizers": ["c", "a"]})).unwrap();
    assert_eq!(out, json!({"finalizers": ["b", "c", "a"]}));
    // Without a strategy a list is replaced.
    let out = run(json!({"containers": [{"name": "a", "args": ["1"]}]}), json!({"containers": [{"name": "a", "args": ["2"]}]}));
    assert_eq!(out.unwrap(), json!({"containers": [{"name": "a", "args": ["2"]}]}));
}

#[test]
fn maps_and_their_directives() {
    let live = json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": "x"}, "labels": {"a": "1"}});
    let out = run(live.clone(), json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}})).unwrap();
    assert_eq!(out, json!({"strategy": {"type": "Recreate"}, "labels": {"a": "1"}}));
    let out = run(live.clone(), json!({"labels": {"$patch": "replace", "b": "2"}})).unwrap();
    assert_eq!(out["labels"], json!({"b": "2"}));
    let out = run(live.clone(), json!({"labels": {"$patch": "delete"}, "strategy": null})).unwrap();
    assert_eq!(out, json!({"labels": {}}));
    let out = run(live, json!({"labels": {"a": null, "b": "2", "c": null}})).unwrap();
    assert_eq!(out["labels"], json!({"b": "2"}));
    let out = run(json!({}), json!({"containers": [{"name": "c", "image": null}]})).unwrap();
    assert_eq!(out, json!({"containers": [{"name": "c"}]}));
}

#[test]
fn refusals() {
    let live =
        json!({"containers": [{"name": "a"}], "keyless": [{"name": "a"}], "labels": {}, "strategy": {}, "finalizers": ["a"]});
    for (patch, code, text) in [
        (json!({"containers": [{"image": "x"}]}), 500, "map: map[image:x] does not contain declared merge key: name"),
        (json!({"labels": {"$patch": "frob"}}), 500, "unknown patch type: frob in map: map[$patch:frob]"),
        (json!({"containers": [{"name": "a", "$patch": "merge"}]}), 500, "merging lists cannot yet be specified in the patch"),
        (json!({"keyless": [{"name": "a"}]}), 500, "cannot merge lists without merge key for Container"),
        (json!({"strategy": {"$retainKeys": ["a"], "type": "x"}}), 400, "invalid patch format of retainKeys"),
        (json!({"$deleteFromPrimitiveList": ["a"]}), 400, "invalid patch format of primitive list"),
        (json!({"$setElementOrder": ["a"]}), 400, "invalid patch format of setElementOrder list"),
        (json!({"$setElementOrder/finalizers": "a"}), 500, "expected a []interface {}, but received a string"),
        (json!({"finalizers": [["a"]]}), 500, "list element types are not identical: [[a] [[a]]]"),
        (
            json!({"$setElementOrder/finalizers": ["b"], "finalizers": ["c"]}),
            500,
            "The order in patch list:\n[c]\n doesn't match $setElementOrder list:\n[b]\n",
        ),
        (json!([]), 400, "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ] {
        let error = run(live.clone(), patch).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, text));
    }
}
