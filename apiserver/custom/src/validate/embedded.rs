//! Objects inside of objects (`x-kubernetes-embedded-resource`): they must say what they are.

use super::member;
use crate::tree::{Tree, text};
use serde_json::Value;
use skiff_kinds::FieldError;

pub(super) fn check(tree: &Tree, value: &Value, path: &str, out: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            if tree.embedded {
                for field in ["apiVersion", "kind"].into_iter().filter(|field| text(value, field).is_empty()) {
                    out.push(FieldError::required(member(path, field), "must not be empty"));
                }
            }
            for (name, inner) in map {
                let Some(property) = tree.properties.get(name.as_str()).or(tree.additional.as_deref()) else { continue };
                check(property, inner, &member(path, name), out);
            }
        }
        Value::Array(items) => {
            let Some(element) = tree.items.as_deref() else { return };
            items.iter().enumerate().for_each(|(i, item)| check(element, item, &format!("{path}[{i}]"), out));
        }
        _ => {}
    }
}
