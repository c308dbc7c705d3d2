//! Definitions and objects as a stock server took and refused them.

use crate::{Definition, Names, Version, conditions, default, prune, validate};
use serde_json::{Value, json};
use std::sync::Arc;

fn definition(schema: &Value) -> Definition {
    Definition::read(&json!({"metadata": {"name": "gadgets.pub.example.com", "generation": 1}, "spec": {
        "group": "pub.example.com", "scope": "Namespaced",
        "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList", "shortNames": ["gd"]},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}}}]}}))
}

fn version(spec: &Value) -> Arc<Version> {
    let definition = definition(&json!({"type": "object", "properties": {"spec": spec}}));
    assert!(definition.faults.is_empty(), "{:?}", definition.faults);
    definition.versions[0].clone()
}

fn gadget() -> Arc<Version> {
    version(&json!({"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "pattern": {"type": "string", "pattern": "^[a-z]+$"},
        "when": {"type": "string", "format": "date-time"},
        "port": {"x-kubernetes-int-or-string": true},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set", "maxItems": 2},
        "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "v": {"type": "integer"}}}}},
        "x-kubernetes-validations": [
            {"rule": "self.size < 9 || self.color == 'blue'", "message": "only blue may be 9 or more"},
            {"rule": "!has(oldSelf.when) || self.size >= oldSelf.size", "messageExpression": "'from ' + string(oldSelf.size)",
                "fieldPath": ".size", "reason": "FieldValueForbidden"}]}))
}

fn errors(version: &Version, spec: Value) -> Vec<String> {
    let mut object = json!({"metadata": {"name": "a"}, "spec": spec});
    default::apply(&version.tree, &mut object);
    let mut texts: Vec<String> = validate::object(version, &object, None, false).iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

const UNCHECKED: &str = "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

#[test]
fn the_names_and_rows_of_a_definition() {
    let definition = definition(&json!({"type": "object"}));
    let row = definition.resource(&definition.versions[0], &definition.names);
    assert_eq!(row.storage_version_hash, "Mru7mukOTag=");
    assert!(row.custom && row.preferred && row.has_status() && row.has_scale());
}

#[test]
fn wording_of_a_stock_server() {
    let v = gadget();
    assert_eq!(errors(&v, json!({"size": 3})), Vec::<String>::new());
    assert_eq!(
        errors(&v, json!({"size": 99, "color": "green", "pattern": "A1"})),
        [
            UNCHECKED,
            "spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\"",
            "spec.pattern: Invalid value: \"A1\": spec.pattern in body should match '^[a-z]+$'",
            "spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10",
        ]
    );
    assert_eq!(errors(&v, json!({})), [UNCHECKED, "spec.size: Required value"]);
    let kind = "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"";
    assert_eq!(errors(&v, json!({"size": "big"})), [UNCHECKED, kind]);
    assert_eq!(errors(&v, json!({"size": 10})), ["spec: Invalid value: only blue may be 9 or more"]);
    let double = "spec.items[1]: Duplicate value: {\"name\":\"x\"}";
    assert_eq!(errors(&v, json!({"size": 1, "items": [{"name": "x"}, {"name": "x"}]})), [double]);
    assert_eq!(
        errors(&v, json!({"size": 1, "tags": ["a", "b", "a"]})),
        [UNCHECKED, "spec.tags: Too many: 3: must have at most 2 items", "spec.tags[2]: Duplicate value: \"a\""]
    );
    assert_eq!(
        errors(&v, json!({"size": 1, "port": true})),
        [UNCHECKED, "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\""]
    );
    assert_eq!(errors(&v, json!({"size": 1, "when": "x"})).len(), 2);
}

#[test]
fn transition_rules_look_at_the_object_before() {
    let v = gadget();
    let before = json!({"spec": {"size": 3, "color": "red", "when": "2026-01-01T00:00:00Z"}});
    let after = json!({"spec": {"size": 2, "color": "red", "when": "2026-01-01T00:00:00Z"}});
    let texts: Vec<String> = validate::object(&v, &after, Some(&before), false).iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["spec.size: Forbidden: from 3"]);
    // What was invalid before and has not changed is let be.
    let before = json!({"spec": {"size": 99, "color": "blue"}});
    let after = json!({"spec": {"size": 99, "color": "blue", "pattern": "a"}});
    assert_eq!(validate::object(&v, &after, Some(&before), false), []);
}

#[test]
fn optional_old_self_and_functions() {
    let v = version(
        &json!({"type": "object", "properties": {"a-b": {"type": "string"}, "n": {"type": "integer"}, "f": {"type": "number"},
        "d": {"type": "string", "format": "duration"}, "l": {"type": "array", "items": {"type": "string"}}},
        "x-kubernetes-validations": [
            {"rule": "!oldSelf.hasValue() || oldSelf.value().n == self.n", "optionalOldSelf": true, "message": "n is fixed"},
            {"rule": "!has(self.a__dash__b) || self.a__dash__b.startsWith('x')"},
            {"rule": "!has(self.f) || self.f > 1.5"},
            {"rule": "!has(self.d) || self.d >= duration('1s')"},
            {"rule": "!has(self.l) || self.l.all(x, x.matches('^[a-z]+$'))", "reason": "FieldValueInvalid"}]}),
    );
    assert_eq!(errors(&v, json!({"n": 1, "a-b": "x1", "f": 2, "d": "2s", "l": ["a"]})), Vec::<String>::new());
    assert_eq!(errors(&v, json!({"n": 1, "a-b": "y", "f": 1, "d": "0.5s", "l": ["A"]})).len(), 4);
    let object = |n: i64| json!({"spec": {"n": n}});
    let texts: Vec<String> = validate::object(&v, &object(2), Some(&object(1)), false).iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["spec: Invalid value: n is fixed"]);
}

#[test]
fn rules_that_do_not_compile_are_named() {
    let faults = |rule: &str| {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": rule}]}}});
        definition(&schema).faults.into_iter().map(|f| format!("{}: {}", f.place, f.fault.text)).collect::<Vec<_>>()
    };
    assert_eq!(faults("self.a > 1"), Vec::<String>::new());
    assert_eq!(
        faults("self.b > 1"),
        [
            "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b > 1\n | ....^"
        ]
    );
    assert_eq!(faults("other.b > 1").len(), 1);
    assert_eq!(faults("self.a >").len(), 1);
}

#[test]
fn pruning_and_defaults() {
    let v = gadget();
    let mut object = json!({"apiVersion": "pub.example.com/v1", "kind": "Gadget", "metadata": {"name": "a", "bogus": 1},
        "spec": {"size": 3, "unknown": "x", "color": null, "pattern": null}});
    let problems = prune::apply(&v.schema, v.root, &mut object).unwrap();
    assert_eq!(problems, ["unknown field \"metadata.bogus\"", "unknown field \"spec.unknown\""]);
    default::apply(&v.tree, &mut object);
    assert_eq!(object["spec"], json!({"size": 3, "color": "red"}));
    let mut wrong = json!({"metadata": {"labels": {"a": 1}}});
    assert!(prune::apply(&v.schema, v.root, &mut wrong).is_err());
}

#[test]
fn junctors() {
    let v = version(&json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}));
    assert_eq!(errors(&v, json!({"a": "x"})), Vec::<String>::new());
    assert_eq!(
        errors(&v, json!({"a": "x", "b": "y"})),
        ["<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives"]
    );
    assert_eq!(errors(&v, json!({})).len(), 2);
}

#[test]
fn names_that_others_hold() {
    let mut document =
        json!({"spec": {"group": "x.io", "names": {"plural": "as", "singular": "a", "kind": "A", "listKind": "AList"}}});
    conditions::settle(&mut document, &[], "2026-01-01T00:00:00Z");
    assert!(conditions::is_established(&document));
    assert_eq!(document["status"]["conditions"][0]["type"], "NamesAccepted");
    let others = [Names { kind: "A".into(), ..Names::default() }];
    let mut second = json!({"spec": document["spec"]});
    conditions::settle(&mut second, &others, "2026-01-01T00:00:00Z");
    assert!(!conditions::is_established(&second));
    assert_eq!(second["status"]["conditions"][0]["reason"], "KindConflict");
}

#[test]
fn scales() {
    let v = gadget();
    let paths = v.scale.clone().unwrap();
    let mut object = json!({"metadata": {"name": "a"}, "spec": {}});
    assert!(!paths.scale_of(&object).unwrap().1);
    paths.set(&mut object, 3);
    let (scale, found) = paths.scale_of(&object).unwrap();
    assert!(found);
    assert_eq!(scale["spec"]["replicas"], 3);
    assert_eq!(scale["status"]["replicas"], 0);
}

/// Rules as published definitions have them; each must hold.
#[test]
fn rules_of_the_world() {
    let properties = json!({
        "n": {"type": "integer"}, "f": {"type": "number"}, "s": {"type": "string"}, "q": {"type": "string"}, "u": {"type": "string"},
        "l": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "p": {"type": "integer"}}}},
        "m": {"type": "object", "additionalProperties": {"type": "string"}}, "port": {"x-kubernetes-int-or-string": true},
        "when": {"type": "string", "format": "date-time"}, "b": {"type": "boolean"}, "none": {"type": "string"}});
    let object = json!({"n": 3, "f": 2, "s": "abc", "q": "2Gi", "u": "https://x.io/y", "l": [{"name": "a", "p": 1}, {"name": "b"}],
        "m": {"a-b": "1", "in": "2"}, "port": 80, "when": "2026-01-01T00:00:00Z", "b": true});
    let rules = [
        "self.l.all(x, self.l.exists_one(y, x.name == y.name))",
        "size(self.l) <= 3 && self.l.size() == 2",
        "self.m.all(k, k.matches('^[a-z-]+$')) && self.m['a-b'] == '1' && 'in' in self.m",
        "has(self.none) ? self.n == 1 : self.n == 3",
        "self.s in ['abc', 'd'] && !(self.s.startsWith('z'))",
        "quantity(self.q).isGreaterThan(quantity('1Gi'))",
        "isURL(self.u) && url(self.u).getScheme() == 'https'",
        "self.?none.orValue('x') == 'x' && self.?s.hasValue()",
        "self.l.map(x, x.name).join(',') == 'a,b'",
        "self.l.filter(x, has(x.p)).size() == 1",
        "self.f > 1 && self.f >= 2.0 && self.f < 3",
        "type(self.port) == int ? self.port > 0 : self.port == 'http'",
        "self.when > timestamp('2025-01-01T00:00:00Z')",
        "self.when.getFullYear() == 2026",
        "string(self.n) == '3' && int('3') == self.n && double(self.n) == 3.0",
        "self.s.lowerAscii() == self.s && self.s.substring(1) == 'bc' && self.s.contains('b')",
        "[1, 2, 3].sum() == 6 && [3, 1].min() == 1 && [1, 2].isSorted()",
        "self.s.split('b') == ['a', 'c'] && self.s.replace('a', 'x') == 'xbc'",
        "!self.b || (self.n % 2 == 1 && self.n / 2 == 1)",
        "self.s.find('[b-z]+') == 'bc'",
        "ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.0.0.1')",
        "sets.contains(['a', 'b'], ['a'])",
        "'%s-%d'.format([self.s, self.n]) == 'abc-3'",
        "cel.bind(x, self.n + 1, x * x == 16)",
        "self.l[?0].hasValue() && !self.l[?5].hasValue()",
        "self.l.exists(x, x.name == 'a' && x.p == 1)",
        "!has(self.l) || self.l.all(x, !has(x.p) || x.p > 0)",
        "(has(self.n) ? 1 : 0) + (has(self.none) ? 1 : 0) == 1",
        "self.s != \"\" && self.s.size() < 10 && self.s == r'abc'",
    ];
    let mut broken = Vec::new();
    for rule in rules {
        let schema = json!({"type": "object", "properties": properties, "x-kubernetes-validations": [{"rule": rule}]});
        broken.extend(errors(&version(&schema), object.clone()));
    }
    assert_eq!(broken, Vec::<String>::new());
}
