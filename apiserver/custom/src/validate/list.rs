//! Uniqueness of the items of sets and list maps.

use super::member;
use crate::tree::{List, Tree};
use serde_json::{Map, Value};
use skiff_kinds::FieldError;

pub(super) fn check(tree: &Tree, value: &Value, path: &str, out: &mut Vec<FieldError>) {
    match value {
        Value::Array(items) => {
            match &tree.list {
                List::Atomic => {}
                List::Set => doubles(items.iter().cloned(), path, out),
                List::Map(keys) => doubles(items.iter().map(|item| key_of(keys, item)), path, out),
            }
            let Some(element) = tree.items.as_deref() else { return };
            for (i, item) in items.iter().enumerate().filter(|(_, item)| item.is_object() || item.is_array()) {
                check(element, item, &format!("{path}[{i}]"), out);
            }
        }
        Value::Object(map) => {
            for (name, inner) in map.iter().filter(|(_, inner)| inner.is_object() || inner.is_array()) {
                let Some(property) = tree.properties.get(name.as_str()).or(tree.additional.as_deref()) else { continue };
                check(property, inner, &member(path, name), out);
            }
        }
        _ => {}
    }
}

/// The key of an item, names sorted as Go prints them.
fn key_of(keys: &[Box<str>], item: &Value) -> Value {
    let mut names: Vec<&str> = keys.iter().map(|k| &**k).collect();
    names.sort_unstable();
    let map: Map<String, Value> = names.into_iter().filter_map(|key| Some((key.to_owned(), item.get(key)?.clone()))).collect();
    map.into()
}

fn doubles(keys: impl Iterator<Item = Value>, path: &str, out: &mut Vec<FieldError>) {
    // Texts are compared, for values have no hash; members are sorted, so equal values have equal texts.
    let mut seen = std::collections::HashSet::new();
    for (i, key) in keys.enumerate() {
        let mut sorted = key.clone();
        sorted.sort_all_objects();
        if !seen.insert(sorted.to_string()) {
            out.push(FieldError::duplicate(format!("{path}[{i}]"), key));
        }
    }
}
