//! Reading and building JSON documents: the few accessors that every other module needs. Knows no kind.

use crate::kind::Kind;
use serde_json::{Map, Value, json};

/// A string at a pointer, empty when it is missing or something else.
#[must_use]
pub fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// An integer at a pointer.
#[must_use]
pub fn int(document: &Value, pointer: &str) -> Option<i64> {
    document.pointer(pointer).and_then(Value::as_i64)
}

/// The items of a list at a pointer, none when it is missing.
pub fn items<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    document.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// `metadata.name`.
#[must_use]
pub fn name(document: &Value) -> &str {
    text(document, "/metadata/name")
}

/// `metadata.namespace`.
#[must_use]
pub fn namespace(document: &Value) -> &str {
    text(document, "/metadata/namespace")
}

/// `metadata.uid`.
#[must_use]
pub fn uid(document: &Value) -> &str {
    text(document, "/metadata/uid")
}

/// `metadata.generation`, 0 when there is none.
#[must_use]
pub fn generation(document: &Value) -> i64 {
    int(document, "/metadata/generation").unwrap_or(0)
}

/// `metadata.annotations`.
#[must_use]
pub fn annotations(document: &Value) -> Option<&Value> {
    document.pointer("/metadata/annotations")
}

/// One annotation.
#[must_use]
pub fn annotation<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    annotations(document)?.get(key)?.as_str()
}

/// One label.
#[must_use]
pub fn label<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// The controller among the owner references.
#[must_use]
pub fn controller(document: &Value) -> Option<&Value> {
    items(document, "/metadata/ownerReferences").find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

/// Whether `owner` is the controller of `document`, by uid.
#[must_use]
pub fn controlled_by(document: &Value, owner: &Value) -> bool {
    controller(document).is_some_and(|reference| text(reference, "/uid") == uid(owner) && !uid(owner).is_empty())
}

/// The owner reference of a child.
#[must_use]
pub fn owner_reference(kind: Kind, owner: &Value) -> Value {
    json!({
        "apiVersion": kind.api_version(), "blockOwnerDeletion": true, "controller": true,
        "kind": kind.name(), "name": name(owner), "uid": uid(owner),
    })
}

/// A map of strings, sorted by key; empty strings of `entries` count as values.
#[must_use]
pub fn strings<K: Into<String>, V: Into<String>>(entries: impl IntoIterator<Item = (K, V)>) -> Map<String, Value> {
    let mut list: Vec<(String, String)> = entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
    list.sort();
    list.into_iter().map(|(k, v)| (k, Value::String(v))).collect()
}

/// The string entries of an object at a pointer.
pub fn entries<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = (String, String)> + use<'a> {
    document
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| v.as_str().map(|v| (k.clone(), v.to_owned())))
}

/// The object at a top-level key, made when it is missing or no object.
pub fn object<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let slot = value.as_object_mut()?.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut()
}

/// Sets a string in `metadata.annotations` or `metadata.labels`, or takes it away; the map stays sorted and is dropped when
/// nothing is left in it.
pub fn set_meta(document: &mut Value, part: &str, key: &str, value: Option<&str>) {
    let Some(meta) = object(document, "metadata") else { return };
    let mut map: Vec<(String, Value)> =
        meta.get(part).and_then(Value::as_object).cloned().into_iter().flatten().filter(|(k, _)| k != key).collect();
    if let Some(value) = value {
        map.push((key.to_owned(), value.into()));
    }
    map.sort_by(|a, b| a.0.cmp(&b.0));
    if map.is_empty() {
        meta.shift_remove(part);
    } else {
        meta.insert(part.to_owned(), Value::Object(map.into_iter().collect()));
    }
}
