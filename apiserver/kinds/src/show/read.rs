//! Reading JSON objects as Go's structs would be read: what is absent is the zero value. Knows no kind.

use super::time::since_text;
use serde_json::Value;
use skiff_schema::Tree;

/// The string at a pointer, empty if there is none.
pub(super) fn text<'a>(object: &'a Tree, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Tree::as_str).unwrap_or("")
}

/// The string at a pointer, or another text where it is absent or empty.
pub(super) fn text_or<'a>(object: &'a Tree, pointer: &str, other: &'a str) -> &'a str {
    Some(text(object, pointer)).filter(|t| !t.is_empty()).unwrap_or(other)
}

/// The same as a cell.
pub(super) fn cell(object: &Tree, pointer: &str) -> Value {
    text(object, pointer).into()
}

/// A text cell with a text for absence.
pub(super) fn cell_or(object: &Tree, pointer: &str, other: &str) -> Value {
    text_or(object, pointer, other).into()
}

/// The integer at a pointer, zero if there is none.
pub(super) fn int(object: &Tree, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Tree::as_i64).unwrap_or(0)
}

/// The boolean at a pointer, false if there is none.
pub(super) fn flag(object: &Tree, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Tree::as_bool).unwrap_or(false)
}

/// The list at a pointer, empty if there is none.
pub(super) fn list<'a>(object: &'a Tree<'a>, pointer: &str) -> &'a [Tree<'a>] {
    object.pointer(pointer).and_then(Tree::as_array).unwrap_or_default()
}

/// Number of entries of the list or map at a pointer.
pub(super) fn count(object: &Tree, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Tree::List(items)) => items.len(),
        Some(Tree::Map(entries)) => entries.len(),
        _ => 0,
    }
}

/// Whether there is a value that is not null.
pub(super) fn present(object: &Tree, pointer: &str) -> bool {
    object.pointer(pointer).is_some_and(|v| !v.is_null())
}

/// A string, number or IntOrString at a pointer as text.
pub(super) fn scalar(object: &Tree, pointer: &str) -> Option<String> {
    match object.pointer(pointer)? {
        Tree::Text(text) => Some(text.to_string()),
        Tree::Number(number) => Some(number.to_string()),
        Tree::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The object's name as a cell.
pub(super) fn name(object: &Tree) -> Value {
    cell(object, "/metadata/name")
}

/// The object's age as a cell.
pub(super) fn age(object: &Tree, now_s: i64) -> Value {
    since_text(text(object, "/metadata/creationTimestamp"), now_s).into()
}

/// The texts of a list of strings, or of a field of each item, joined.
pub(super) fn joined(items: &[Tree], field: &str, separator: &str) -> String {
    let texts: Vec<&str> =
        items.iter().map(|item| if field.is_empty() { item.as_str().unwrap_or("") } else { text(item, field) }).collect();
    texts.join(separator)
}

/// The status of the condition of a type; empty if there is none.
pub(super) fn condition<'a>(object: &'a Tree, kind: &str) -> &'a str {
    list(object, "/status/conditions").iter().find(|c| text(c, "/type") == kind).map_or("", |c| text(c, "/status"))
}

/// Container names and images of the pod spec at a pointer, as two cells.
pub(super) fn containers(object: &Tree, pointer: &str) -> [Value; 2] {
    let containers = list(object, pointer);
    [joined(containers, "/name", ",").into(), joined(containers, "/image", ",").into()]
}

/// Up to `max` texts and how many there are beyond, as upstream abbreviates lists.
pub(super) fn some_of(texts: &[String], max: usize) -> String {
    if texts.len() > max { format!("{} + {} more...", texts[..max].join(","), texts.len() - max) } else { texts.join(",") }
}
