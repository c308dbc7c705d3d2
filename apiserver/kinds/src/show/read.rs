//! Reading JSON objects as Go's structs would be read: what is absent is the zero value. Knows no kind.

use super::time::since_text;
use serde_json::Value;

/// The string at a pointer, empty if there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The string at a pointer, or another text where it is absent or empty.
pub(super) fn text_or<'a>(object: &'a Value, pointer: &str, other: &'a str) -> &'a str {
    Some(text(object, pointer)).filter(|t| !t.is_empty()).unwrap_or(other)
}

/// The same as a cell.
pub(super) fn cell(object: &Value, pointer: &str) -> Value {
    text(object, pointer).into()
}

/// A text cell with a text for absence.
pub(super) fn cell_or(object: &Value, pointer: &str, other: &str) -> Value {
    text_or(object, pointer, other).into()
}

/// The integer at a pointer, zero if there is none.
pub(super) fn int(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The boolean at a pointer, false if there is none.
pub(super) fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The list at a pointer, empty if there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Number of entries of the list or map at a pointer.
pub(super) fn count(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(entries)) => entries.len(),
        _ => 0,
    }
}

/// Whether there is a value that is not null.
pub(super) fn present(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).is_some_and(|v| !v.is_null())
}

/// A string, number or IntOrString at a pointer as text.
pub(super) fn scalar(object: &Value, pointer: &str) -> Option<String> {
    match object.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The object's name as a cell.
pub(super) fn name(object: &Value) -> Value {
    cell(object, "/metadata/name")
}

/// The object's age as a cell.
pub(super) fn age(object: &Value, now_s: i64) -> Value {
    since_text(text(object, "/metadata/creationTimestamp"), now_s).into()
}

/// The texts of a list of strings, or of a field of each item, joined.
pub(super) fn joined(items: &[Value], field: &str, separator: &str) -> String {
    let texts: Vec<&str> =
        items.iter().map(|item| if field.is_empty() { item.as_str().unwrap_or("") } else { text(item, field) }).collect();
    texts.join(separator)
}

/// The status of the condition of a type; empty if there is none.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    list(object, "/status/conditions").iter().find(|c| text(c, "/type") == kind).map_or("", |c| text(c, "/status"))
}

/// Container names and images of the pod spec at a pointer, as two cells.
pub(super) fn containers(object: &Value, pointer: &str) -> [Value; 2] {
    let containers = list(object, pointer);
    [joined(containers, "/name", ",").into(), joined(containers, "/image", ",").into()]
}

/// Up to `max` texts and how many there are beyond, as upstream abbreviates lists.
pub(super) fn some_of(texts: &[String], max: usize) -> String {
    if texts.len() > max { format!("{} + {} more...", texts[..max].join(","), texts.len() - max) } else { texts.join(",") }
}
