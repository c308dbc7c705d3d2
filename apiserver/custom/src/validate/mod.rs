//! All errors of a custom resource against its schema, in the words of upstream's validator.
//!
//! Fed with pruned and defaulted objects. What an update leaves as it was is not looked at again (ratcheting): objects that an
//! older schema let through can still be changed elsewhere. Metadata is the generic station's business.

mod embedded;
mod format;
mod junctor;
mod leaf;
mod list;

use crate::tree::{List, Tree, Type};
use crate::{Version, cel};
use serde_json::Value;
use skiff_kinds::FieldError;
use skiff_kinds::field::Why;

/// The path of an error that is about the object itself, as Go prints it.
pub(crate) const NOWHERE: &str = "<nil>";

/// All errors of an object; `old` is the object before an update.
#[must_use]
pub fn object(version: &Version, new: &Value, old: Option<&Value>, status_only: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    node(&version.tree, new, old, "", &mut errors);
    if let Some(scale) = &version.scale {
        errors.extend(scale.validate(new, status_only));
    }
    embedded::check(&version.tree, new, "", &mut errors);
    let mut doubled = Vec::new();
    list::check(&version.tree, new, "", &mut doubled);
    if !doubled.is_empty() && old.is_none_or(|old| is_free_of_doubles(&version.tree, old)) {
        errors.extend(doubled);
    }
    if version.tree.has_rules {
        if errors.iter().any(|e| blocks_rules(e.why)) {
            let why = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(FieldError::invalid(NOWHERE, Value::Null, why));
        } else {
            errors.extend(cel::check(&version.tree, new, old));
        }
    }
    errors
}

fn is_free_of_doubles(tree: &Tree, old: &Value) -> bool {
    let mut before = Vec::new();
    list::check(tree, old, "", &mut before);
    before.is_empty()
}

fn blocks_rules(why: Why) -> bool {
    matches!(why, Why::NotSupported | Why::Required | Why::TooLong | Why::TooMany | Why::TypeInvalid)
}

/// A field's place in an error; the object itself has none.
pub(crate) fn shown(path: &str) -> &str {
    if path.is_empty() { NOWHERE } else { path }
}

pub(crate) fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Errors of a value and of what is below it.
fn node(tree: &Tree, value: &Value, old: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    if old == Some(value) {
        return;
    }
    if value.is_null() {
        if tree.kind != Type::Any && !tree.nullable {
            out.push(type_error(tree, value, path));
        }
        return;
    }
    if !fits(tree.kind, value) {
        out.push(type_error(tree, value, path));
    }
    junctor::check(tree, value, old, path, out);
    match value {
        Value::String(text) => leaf::string(&tree.limits, text, path, out),
        Value::Number(number) => leaf::number(&tree.limits, tree.kind, number, path, out),
        Value::Array(items) => self::items(tree, items, old, path, out),
        Value::Object(map) => properties(tree, map, old, path, out),
        _ => {}
    }
    leaf::allowed(&tree.limits, value, path, out);
}

fn fits(kind: Type, value: &Value) -> bool {
    match kind {
        Type::Any => true,
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Boolean => value.is_boolean(),
        Type::Number => value.is_number(),
        Type::Integer => is_integer(value),
        Type::IntOrString => value.is_string() || is_integer(value),
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
}

/// The type's name in errors.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_error(tree: &Tree, value: &Value, path: &str) -> FieldError {
    let name = type_name(value);
    let detail = format!("{}must be of type {}: {name:?}", in_body(path), tree.kind.name());
    FieldError { why: Why::TypeInvalid, field: shown(path).into(), value: name.into(), detail }
}

/// `spec.size in body `, the head of most texts; the object itself has no name.
pub(crate) fn in_body(path: &str) -> String {
    if path.is_empty() { " in body ".to_owned() } else { format!("{path} in body ") }
}

fn too_many(path: &str, there: usize, most: u64) -> FieldError {
    let word = if most == 1 { "item" } else { "items" };
    // The count stands where other errors have the value.
    let detail = format!("{there}: must have at most {most} {word}");
    FieldError { why: Why::TooMany, field: shown(path).into(), value: Value::Null, detail }
}

fn items(tree: &Tree, items: &[Value], old: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    let count = items.len();
    if let Some(least) = tree.limits.items.least.filter(|least| (count as u64) < *least) {
        out.push(FieldError::invalid(shown(path), count, format!("{}should have at least {least} items", in_body(path))));
    }
    if let Some(most) = tree.limits.items.most.filter(|most| count as u64 > *most) {
        out.push(too_many(path, count, most));
    }
    let Some(element) = tree.items.as_deref() else { return };
    for (i, item) in items.iter().enumerate() {
        node(element, item, counterpart(&tree.list, item, old), &format!("{path}[{i}]"), out);
    }
}

/// The item of the old list that this one continues: only list maps say which it is.
pub(crate) fn counterpart<'v>(list: &List, item: &Value, old: Option<&'v Value>) -> Option<&'v Value> {
    let List::Map(keys) = list else { return None };
    let same = |before: &&Value| keys.iter().all(|key| before.get(&**key) == item.get(&**key));
    old?.as_array()?.iter().find(same)
}

fn properties(tree: &Tree, map: &serde_json::Map<String, Value>, old: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    let count = map.len();
    if let Some(least) = tree.limits.properties.least.filter(|least| (count as u64) < *least) {
        out.push(FieldError::invalid(shown(path), least, format!("{}should have at least {least} properties", in_body(path))));
    }
    if let Some(most) = tree.limits.properties.most.filter(|most| count as u64 > *most) {
        out.push(too_many(path, count, most));
    }
    for name in tree.limits.required.iter().filter(|name| !map.contains_key(&***name)) {
        out.push(FieldError::required(member(path, name), ""));
    }
    for (name, value) in map {
        let Some(inner) = tree.properties.get(name.as_str()).or(tree.additional.as_deref()) else { continue };
        node(inner, value, old.and_then(|o| o.get(name)), &member(path, name), out);
    }
}
