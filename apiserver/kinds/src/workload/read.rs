//! Reading JSON objects with Go's zero values in mind: an absent text is empty, an absent list has no items, null is absent.
//! Also the few ways in which the validators of this folder report.
//!
//! Fed by every validator here. Knows no kind.

use crate::field::{FieldError, Why};
use serde_json::{Map, Value};

/// What a validator collects.
pub(crate) type Faults = Vec<FieldError>;

/// `must be greater than or equal to 0`.
pub(crate) const NEGATIVE: &str = "must be greater than or equal to 0";
/// `must be greater than zero`.
pub(crate) const NOT_POSITIVE: &str = "must be greater than zero";
/// `field is immutable`.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// Zero-value reads of an object.
pub(crate) trait Read {
    /// The value under `key`, unless absent or null.
    fn at(&self, key: &str) -> Option<&Value>;
    /// The text under `key`, or the empty one.
    fn text(&self, key: &str) -> &str;
    /// The number under `key`.
    fn int(&self, key: &str) -> Option<i64>;
    /// The flag under `key`, or false.
    fn flag(&self, key: &str) -> bool;
    /// The items under `key`, or none.
    fn list(&self, key: &str) -> &[Value];
    /// The pairs under `key`, or none.
    fn pairs(&self, key: &str) -> Vec<(&str, &Value)>;
    /// Is there anything under `key`?
    fn has(&self, key: &str) -> bool {
        self.at(key).is_some()
    }
    /// The number under `key`, or 0.
    fn number(&self, key: &str) -> i64 {
        self.int(key).unwrap_or(0)
    }
}

impl Read for Value {
    fn at(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|v| !v.is_null())
    }
    fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Value::as_str).unwrap_or("")
    }
    fn int(&self, key: &str) -> Option<i64> {
        self.get(key).and_then(Value::as_i64)
    }
    fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }
    fn list(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
    fn pairs(&self, key: &str) -> Vec<(&str, &Value)> {
        let map = self.get(key).and_then(Value::as_object);
        map.map(|m| m.iter().map(|(k, v)| (k.as_str(), v)).collect()).unwrap_or_default()
    }
}

/// The object under `key`, made when it is absent.
pub(crate) fn object_in<'a>(parent: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let map = parent.as_object_mut()?;
    let slot = map.entry(key.to_owned()).or_insert(Value::Null);
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut()
}

/// Sets `key` where Go would see the zero value: absent, null, an empty text.
pub(crate) fn fill(parent: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(map) = parent.as_object_mut() {
        let empty = match map.get(key) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        };
        if empty {
            map.insert(key.to_owned(), value.into());
        }
    }
}

/// Like [`fill`], and 0 counts as unset too (plain numbers of Go).
pub(crate) fn fill_number(parent: &mut Value, key: &str, value: i64) {
    if parent.number(key) == 0
        && let Some(map) = parent.as_object_mut()
    {
        map.insert(key.to_owned(), value.into());
    }
}

/// The items under `key`, to change.
pub(crate) fn items_mut<'a>(parent: &'a mut Value, key: &str) -> &'a mut [Value] {
    parent.get_mut(key).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

/// One `Invalid` per message.
pub(crate) fn each(out: &mut Faults, field: &str, value: &str, messages: impl IntoIterator<Item = String>) {
    out.extend(messages.into_iter().map(|m| FieldError::invalid(field, value, m)));
}

/// `Unsupported value`, the allowed ones in the given order (upstream sorts only where it keeps a set).
pub(crate) fn unsupported(field: impl Into<String>, value: impl Into<Value>, allowed: &[&str]) -> FieldError {
    let shown: Vec<String> = allowed.iter().map(|a| format!("{a:?}")).collect();
    let detail = format!("supported values: {}", shown.join(", "));
    FieldError { why: Why::NotSupported, field: field.into(), value: value.into(), detail }
}

/// A text that must be one of `allowed`; empty is `Required`.
pub(crate) fn choice(out: &mut Faults, field: &str, value: &str, allowed: &[&str]) {
    if value.is_empty() {
        out.push(FieldError::required(field, ""));
    } else if !allowed.contains(&value) {
        out.push(unsupported(field, value, allowed));
    }
}

/// `Required` when the text under `key` is empty.
pub(crate) fn needs(out: &mut Faults, parent: &Value, path: &str, key: &str) {
    if parent.text(key).is_empty() {
        out.push(FieldError::required(format!("{path}.{key}"), ""));
    }
}

/// `Invalid` when the number under `key` is below zero.
pub(crate) fn nonnegative(out: &mut Faults, parent: &Value, path: &str, key: &str) {
    if let Some(n) = parent.int(key)
        && n < 0
    {
        out.push(FieldError::invalid(format!("{path}.{key}"), n, NEGATIVE));
    }
}

/// `Invalid` for counters of a status that exceed all replicas, and for more available replicas than ready ones.
pub(crate) fn replicas_fit(out: &mut Faults, status: &Value, counters: &[&str]) {
    let total = status.number("replicas");
    for key in counters {
        let count = status.number(key);
        if count > total {
            out.push(FieldError::invalid(format!("status.{key}"), count, "cannot be greater than status.replicas"));
        }
    }
    let (available, ready) = (status.number("availableReplicas"), status.number("readyReplicas"));
    if available > ready {
        out.push(FieldError::invalid("status.availableReplicas", available, "cannot be greater than readyReplicas"));
    }
}

/// `Invalid … field is immutable` when the two differ.
pub(crate) fn immutable(out: &mut Faults, new: Option<&Value>, old: Option<&Value>, field: &str) {
    let (new, old) = (new.unwrap_or(&Value::Null), old.unwrap_or(&Value::Null));
    if !same(new, old) {
        out.push(FieldError::invalid(field, new.clone(), IMMUTABLE));
    }
}

/// Keys whose value is a plain map, where empty and absent are the same thing.
const MAPS: [&str; 8] =
    ["labels", "annotations", "nodeSelector", "matchLabels", "limits", "requests", "overhead", "volumeAttributes"];

fn nothing(key: &str, value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty() && MAPS.contains(&key),
        Some(_) => false,
    }
}

/// Equality as upstream's `Semantic.DeepEqual`: empty lists and maps equal absent ones.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let alike = |key: &str| {
                let (left, right) = (x.get(key), y.get(key));
                match (left, right) {
                    (Some(l), Some(r)) if same(l, r) => true,
                    _ => nothing(key, left) && nothing(key, right),
                }
            };
            x.keys().all(|k| alike(k)) && y.keys().all(|k| x.contains_key(k) || alike(k))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(l, r)| same(l, r)),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn emptiness_is_absence() {
        assert!(same(&json!({"labels": {}, "args": []}), &json!({"args": null})));
        assert!(!same(&json!({"emptyDir": {}}), &json!({})));
        assert!(!same(&json!({"a": 1}), &json!({"a": 2})));
    }

    #[test]
    fn fills_only_what_is_unset() {
        let mut v = json!({"a": "", "b": "x", "c": 0});
        fill(&mut v, "a", "1");
        fill(&mut v, "b", "1");
        fill_number(&mut v, "c", 3);
        assert_eq!(v, json!({"a": "1", "b": "x", "c": 3}));
    }
}
