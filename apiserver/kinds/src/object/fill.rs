//! Filling in: the few ways a default gets into an object.
//!
//! Used by the `default` and `prepare` hooks of this folder. Knows no kind; never overwrites what a client has said.

use serde_json::{Map, Value};

/// The JSON object at a pointer, if there is one.
pub(super) fn object_at<'a>(value: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    value.pointer_mut(pointer).and_then(Value::as_object_mut)
}

/// Sets a field that is absent or null.
pub(super) fn unset(map: &mut Map<String, Value>, field: &str, default: impl Into<Value>) {
    if map.get(field).is_none_or(Value::is_null) {
        map.insert(field.to_owned(), default.into());
    }
}

/// Sets a text field that is absent, null or empty.
pub(super) fn blank(map: &mut Map<String, Value>, field: &str, default: &str) {
    if map.get(field).is_none_or(|v| v.is_null() || v.as_str() == Some("")) {
        map.insert(field.to_owned(), default.into());
    }
}

/// The object in a field, made if it is absent: for Go structs that are always written out.
pub(super) fn made<'a>(value: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let map = value.as_object_mut()?;
    unset(map, field, Map::new());
    map.get_mut(field).and_then(Value::as_object_mut)
}

/// Runs over the objects in the list of a field.
pub(super) fn each(map: &mut Map<String, Value>, field: &str, mut change: impl FnMut(&mut Map<String, Value>)) {
    for item in map.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            change(item);
        }
    }
}

/// Drops fields that are empty lists or maps: Go's `omitempty` never writes them.
pub(super) fn drop_empty(map: &mut Map<String, Value>, fields: &[&str]) {
    for field in fields {
        let empty = map.get(*field).is_some_and(|v| match v {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(inner) => inner.is_empty(),
            _ => false,
        });
        if empty {
            map.shift_remove(*field);
        }
    }
}

/// A text field of an object, empty if there is none.
pub(super) fn text<'a>(map: &'a Map<String, Value>, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or("")
}
