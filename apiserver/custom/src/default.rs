//! Structural defaulting: what a schema fills in, and which nulls it takes out.
//!
//! Fed with objects after pruning, on every write and on reads of what was stored under an older schema. Idempotent.

use crate::tree::Tree;
use serde_json::Value;

/// Fills in defaults. A null where none may stand becomes the default, or goes if there is none.
pub fn apply(tree: &Tree, value: &mut Value) {
    drop_nulls(tree, value);
    if tree.has_defaults {
        fill(tree, value);
    }
}

fn is_stray_null(tree: &Tree, value: &Value) -> bool {
    value.is_null() && !tree.nullable
}

fn fill(tree: &Tree, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in &tree.properties {
                let Some(default) = &property.default else { continue };
                if map.get(&**name).is_none_or(|there| is_stray_null(property, there)) {
                    map.insert(name.to_string(), default.clone());
                }
            }
            for (name, inner) in map.iter_mut() {
                if let Some(property) = tree.properties.get(name.as_str()) {
                    fill(property, inner);
                } else if let Some(element) = tree.additional.as_deref() {
                    fill_element(element, inner);
                }
            }
        }
        Value::Array(items) => {
            let Some(element) = tree.items.as_deref() else { return };
            items.iter_mut().for_each(|item| fill_element(element, item));
        }
        _ => {}
    }
}

fn fill_element(element: &Tree, value: &mut Value) {
    if let Some(default) = element.default.as_ref().filter(|_| is_stray_null(element, value)) {
        *value = default.clone();
    }
    fill(element, value);
}

/// Takes out nulls of properties that may not be null and have no default to become.
fn drop_nulls(tree: &Tree, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|name, inner| {
            let Some(property) = tree.properties.get(name.as_str()).or(tree.additional.as_deref()) else { return true };
            if is_stray_null(property, inner) && property.default.is_none() {
                return false;
            }
            drop_nulls(property, inner);
            true
        }),
        Value::Array(items) => {
            if let Some(element) = tree.items.as_deref() {
                items.iter_mut().for_each(|item| drop_nulls(element, item));
            }
        }
        _ => {}
    }
}
