//! Definitions and their schemas, by table.

use super::*;

fn definition(schema: &Value) -> Value {
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    let mut object = json!({"metadata": {"name": "gadgets.pub.example.com"}, "spec": {"group": "pub.example.com",
        "scope": "Namespaced", "names": {"plural": "gadgets", "kind": "Gadget"}, "versions": [version]}});
    default(&mut object);
    prepare_create(&mut object);
    object
}

#[test]
fn crd_create_crd_defaults() {
    let made = definition(&json!({"type": "object"}));
    assert_eq!(validate(&made), []);
    assert_eq!(made["spec"]["names"]["singular"], "gadget");
    assert_eq!(made["spec"]["names"]["listKind"], "GadgetList");
    assert_eq!(made["spec"]["conversion"], json!({"strategy": "None"}));
    assert_eq!(made["status"]["storedVersions"], json!(["v1"]));
}

#[test]
fn crd_crd_bad_name() {
    let mut bad = definition(&json!({"type": "object"}));
    bad["metadata"]["name"] = "wrong.pub.example.com".into();
    assert_eq!(
        validate(&bad)[0].to_string(),
        "metadata.name: Invalid value: \"wrong.pub.example.com\": must be spec.names.plural+\".\"+spec.group"
    );
}

#[test]
fn schemas_are_structural() {
    let at = "spec.versions[0].schema.openAPIV3Schema";
    let cases = [
        (
            json!({"type": "object", "properties": {"a": {}}}),
            "properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "items": {}}}}),
            "properties[a].items.type: Required value: must not be empty for specified array items",
        ),
        (json!({"properties": {}}), "type: Required value: must not be empty at the root"),
        (
            json!({"type": "object", "properties": {"a": {"type": "array"}}}),
            "properties[a].items: Required value: must be specified",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "allOf": [{"type": "string"}]}}}),
            "properties[a].allOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}}}),
            "properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ),
        (
            json!({"type": "object", "additionalProperties": false}),
            "additionalProperties: Forbidden: additionalProperties cannot be set to false",
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
            "properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ),
    ];
    for (schema, wanted) in cases {
        let got: Vec<String> = validate(&definition(&schema)).iter().map(ToString::to_string).collect();
        assert!(got.contains(&format!("{at}.{wanted}")), "{wanted}: {got:?}");
    }
}

#[test]
fn good_schemas_pass() {
    for schema in [
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "object", "properties": {"p": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}}}),
        json!({"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {"type": "string"}}}}),
        json!({"type": "object", "properties": {"l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}}),
        json!({"type": "object", "properties": {"a": {"type": "object", "oneOf": [{"required": ["x"]}], "properties": {"x": {"type": "string"}}}}}),
    ] {
        assert_eq!(validate(&definition(&schema)), [], "{schema}");
    }
}

#[test]
fn what_names_a_resource_stays() {
    let old = definition(&json!({"type": "object"}));
    let mut new = old.clone();
    new["spec"]["group"] = "other.example.com".into();
    let fields: Vec<String> = validate_update(&new, &old).into_iter().map(|f| f.field).collect();
    assert_eq!(fields, ["metadata.name", "spec.group"]);
}
