//! Is the schema of a custom resource structural, and does it keep to what upstream supports?
//!
//! Called by `definition` for each version. Checks the schema itself, never a custom resource against it; CEL rules are
//! compiled elsewhere.

use super::at::{At, Faults};
use serde_json::Value;

const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];
const UNSUPPORTED: &[&str] = &["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];
const JUNCTORS: &[&str] = &["allOf", "anyOf", "oneOf"];
/// What may not stand inside `allOf`, `anyOf`, `oneOf` and `not`, with upstream's reason.
const OUTSIDE_ONLY: &[(&str, &str)] = &[
    ("description", "must be empty to be structural"),
    ("title", "must be empty to be structural"),
    ("type", "must be empty to be structural"),
    ("default", "must be undefined to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be undefined to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
];

/// Where a schema stands, which decides what it must say.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Field,
    Item,
    MapValue,
}

/// All faults of a whole schema.
pub(super) fn validate(out: &mut Faults, schema: &At) {
    if schema.get("nullable").is_true() {
        out.push(schema.get("nullable").forbidden("nullable cannot be true at the root"));
    }
    node(out, schema, Place::Root);
    root_fields(out, schema);
}

fn node(out: &mut Faults, schema: &At, place: Place) {
    supported(out, schema);
    typed(out, schema, place);
    extensions(out, schema);
    let properties = schema.get("properties");
    let additional = schema.get("additionalProperties");
    if !properties.is_empty() && additional.raw().is_some_and(Value::is_object) {
        out.push(additional.forbidden("additionalProperties and properties are mutual exclusive"));
    }
    if additional.raw() == Some(&Value::Bool(false)) {
        out.push(additional.forbidden("additionalProperties cannot be set to false"));
    }
    for (_, property) in properties.entries() {
        node(out, &property, Place::Field);
    }
    if additional.raw().is_some_and(Value::is_object) {
        node(out, &additional, Place::MapValue);
    }
    let items = schema.get("items");
    match items.raw() {
        Some(Value::Array(_)) => out.push(items.forbidden("items must be a schema object and not an array")),
        Some(_) => node(out, &items, Place::Item),
        None if schema.get("type").text() == "array" => out.push(items.required("must be specified")),
        None => {}
    }
    for junctor in JUNCTORS {
        for inner in schema.get(junctor).items() {
            inside(out, &inner, schema.get("x-kubernetes-int-or-string").is_true());
        }
    }
    if schema.get("not").is_set() {
        inside(out, &schema.get("not"), false);
    }
}

fn supported(out: &mut Faults, schema: &At) {
    for field in UNSUPPORTED {
        if !schema.get(field).is_empty() {
            out.push(schema.get(field).forbidden(format!("{field} is not supported")));
        }
    }
    if schema.get("uniqueItems").is_true() {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        out.push(schema.get("uniqueItems").forbidden(why));
    }
    let pattern = schema.get("pattern");
    if pattern.is_set() && unbalanced(pattern.text()) {
        out.push(pattern.invalid("must be a valid regular expression"));
    }
}

/// The coarsest sign of a broken regular expression; the validator of custom resources compiles it for real.
fn unbalanced(pattern: &str) -> bool {
    let (mut depth, mut class, mut escaped) = (0i32, false, false);
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if !class => class = true,
            ']' if class => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return true;
        }
    }
    depth != 0 || class || escaped
}

fn typed(out: &mut Faults, schema: &At, place: Place) {
    let kind = schema.get("type");
    let int_or_string = schema.get("x-kubernetes-int-or-string").is_true();
    if !kind.text().is_empty() {
        if !TYPES.contains(&kind.text()) {
            out.push(kind.unsupported(TYPES));
        } else if place == Place::Root && kind.text() != "object" {
            out.push(kind.invalid("must be object at the root"));
        }
        return;
    }
    let free = schema.get("x-kubernetes-preserve-unknown-fields").is_true();
    match place {
        Place::Root => out.push(kind.required("must not be empty at the root")),
        _ if int_or_string || free => {}
        Place::Field => out.push(kind.required("must not be empty for specified object fields")),
        Place::Item => out.push(kind.required("must not be empty for specified array items")),
        Place::MapValue => out.push(kind.required("must not be empty for specified object fields")),
    }
}

fn extensions(out: &mut Faults, schema: &At) {
    let kind = schema.get("type");
    let preserve = schema.get("x-kubernetes-preserve-unknown-fields");
    if preserve.raw() == Some(&Value::Bool(false)) {
        out.push(preserve.invalid("must be true or undefined"));
    }
    if preserve.is_true() && !matches!(kind.text(), "object" | "") {
        out.push(kind.invalid("must be object if x-kubernetes-preserve-unknown-fields is true"));
    }
    let embedded = schema.get("x-kubernetes-embedded-resource");
    if embedded.is_true() {
        if kind.text() != "object" {
            out.push(kind.invalid_text("must be object if x-kubernetes-embedded-resource is true"));
        }
        if schema.get("properties").is_empty() && !preserve.is_true() {
            let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
            out.push(schema.get("properties").required(why));
        }
        root_fields(out, schema);
    }
    if schema.get("x-kubernetes-int-or-string").is_true() && !kind.text().is_empty() {
        out.push(kind.forbidden("must be empty if x-kubernetes-int-or-string is true"));
    }
    list(out, schema);
    let map = schema.get("x-kubernetes-map-type");
    if map.is_set() {
        if kind.text() != "object" {
            out.push(kind.invalid_text("must be object if x-kubernetes-map-type is specified"));
        }
        if !["atomic", "granular"].contains(&map.text()) {
            out.push(map.unsupported(&["atomic", "granular"]));
        }
    }
    for entry in schema.get("x-kubernetes-validations").items() {
        if entry.get("rule").text().trim().is_empty() {
            out.push(entry.get("rule").required("rule is not specified"));
        }
        let message = entry.get("message");
        if message.is_set() && message.text().trim().is_empty() {
            out.push(message.invalid("message must be non-empty if specified"));
        } else if message.text().contains('\n') {
            out.push(message.invalid("message must not contain line breaks"));
        }
    }
}

fn list(out: &mut Faults, schema: &At) {
    let (list, keys, kind) = (schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys"), schema.get("type"));
    if !list.is_set() {
        if !keys.is_empty() {
            out.push(list.required("must be map if x-kubernetes-list-map-keys is non-empty"));
        }
        return;
    }
    if kind.text() != "array" {
        out.push(kind.invalid_text("must be array if x-kubernetes-list-type is specified"));
    }
    if !["atomic", "map", "set"].contains(&list.text()) {
        out.push(list.unsupported(&["atomic", "map", "set"]));
        return;
    }
    if list.text() != "map" {
        if !keys.is_empty() {
            out.push(list.invalid("must be map if x-kubernetes-list-map-keys is non-empty"));
        }
        return;
    }
    if keys.is_empty() {
        out.push(keys.required("must not be empty if x-kubernetes-list-type is map"));
        return;
    }
    let items = schema.get("items");
    if items.get("type").text() != "object" {
        out.push(items.get("type").invalid_text("must be object if parent array's x-kubernetes-list-type is map"));
    }
    let required: Vec<&str> = items.get("required").items().map(|r| r.text()).collect();
    let mut seen = Vec::new();
    for key in keys.items() {
        if seen.contains(&key.text()) {
            out.push(key.duplicate());
        }
        seen.push(key.text());
        let property = items.get("properties").key(key.text());
        if !property.is_set() {
            out.push(keys.invalid("entries must all be names of item properties"));
        } else if !required.contains(&key.text()) && !property.get("default").is_set() {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            out.push(property.get("default").required(why));
        }
    }
}

/// A schema inside a junctor: it may only say what values are allowed, never what the structure is.
fn inside(out: &mut Faults, schema: &At, int_or_string: bool) {
    for (field, why) in OUTSIDE_ONLY {
        let at = schema.get(field);
        // The one idiom with a type: anyOf integer or string.
        if at.is_empty() || (*field == "type" && int_or_string && matches!(at.text(), "integer" | "string")) {
            continue;
        }
        out.push(at.forbidden(*why));
    }
    supported(out, schema);
    for (_, property) in schema.get("properties").entries() {
        inside(out, &property, false);
    }
    if schema.get("items").is_set() {
        inside(out, &schema.get("items"), false);
    }
    for junctor in JUNCTORS {
        schema.get(junctor).items().for_each(|inner| inside(out, &inner, int_or_string));
    }
    if schema.get("not").is_set() {
        inside(out, &schema.get("not"), false);
    }
}

/// `apiVersion`, `kind` and `metadata` mean what they always mean.
fn root_fields(out: &mut Faults, schema: &At) {
    let properties = schema.get("properties");
    for field in ["apiVersion", "kind"] {
        let property = properties.key(field);
        let kind = property.get("type");
        if property.is_set() && kind.text() != "string" {
            out.push(kind.invalid_text("must be string"));
        }
    }
    let metadata = properties.key("metadata");
    if !metadata.is_set() {
        return;
    }
    if metadata.get("type").text() != "object" {
        out.push(metadata.get("type").invalid_text("must be object"));
    }
    let others = metadata.get("properties").entries().any(|(name, _)| !matches!(name, "name" | "generateName"));
    let says = ["additionalProperties", "default", "nullable", "required", "x-kubernetes-preserve-unknown-fields"];
    if others || says.iter().any(|field| !metadata.get(field).is_empty()) {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        out.push(metadata.forbidden(why));
    }
}
