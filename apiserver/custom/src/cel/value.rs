//! Objects as CEL sees them: numbers and texts by their schema, fields by their escaped names, nothing that no schema names.

use crate::tree::{Tree, Type};
use base64::Engine as _;
use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, Map};
use serde_json::Value;
use skiff_schema::cel::RESERVED;
use std::collections::HashMap;
use std::sync::Arc;

/// The name of a field in rules; `None` if rules cannot name it.
pub(super) fn escaped(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let first = name.chars().next()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if !(first.is_ascii_alphabetic() || first == '_' || first == '.' || first == '-' || first == '/') || !name.chars().all(legal)
    {
        return None;
    }
    let name = name.replace("__", "__underscores__");
    Some(name.replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__"))
}

/// The field that an escaped name stands for.
pub(super) fn unescaped<'n>(mut names: impl Iterator<Item = &'n str>, wanted: &str) -> Option<&'n str> {
    names.find(|name| escaped(name).as_deref() == Some(wanted))
}

/// A value by its schema; `root` is the node of the whole object.
pub(super) fn convert(tree: &Tree, value: &Value, root: bool) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(set) => Cel::Bool(*set),
        Value::Number(number) => match (tree.kind, number.as_i64(), number.as_f64()) {
            (Type::Number, _, Some(float)) | (_, None, Some(float)) => Cel::Float(float),
            (_, Some(whole), _) => Cel::Int(whole),
            _ => Cel::Null,
        },
        Value::String(text) => string(&tree.limits.format, text),
        Value::Array(items) => {
            let one = |item: &Value| tree.items.as_deref().map_or_else(|| plain(item), |element| convert(element, item, false));
            Cel::List(Arc::new(items.iter().map(one).collect()))
        }
        Value::Object(map) => object(tree, map, root || tree.embedded),
    }
}

fn object(tree: &Tree, map: &serde_json::Map<String, Value>, whole: bool) -> Cel {
    if tree.kind == Type::Any && tree.properties.is_empty() && tree.additional.is_none() && !whole {
        return plain_map(map);
    }
    let mut out = HashMap::with_capacity(map.len());
    let mut put = |name: String, value: Cel| out.insert(Key::String(Arc::new(name)), value);
    for (name, inner) in map {
        if let Some(property) = tree.properties.get(name.as_str()).filter(|_| !(whole && name == "metadata")) {
            if let Some(name) = escaped(name) {
                put(name, convert(property, inner, false));
            }
        } else if let Some(element) = tree.additional.as_deref() {
            // Keys of maps are data and stay as they are.
            put(name.clone(), convert(element, inner, false));
        } else if whole && matches!(name.as_str(), "apiVersion" | "kind") {
            put(name.clone(), plain(inner));
        } else if whole && name == "metadata" {
            let known =
                ["name", "generateName"].into_iter().filter_map(|k| Some((k.to_owned(), inner.get(k)?.clone()))).collect();
            put(name.clone(), plain_map(&known));
        }
    }
    Cel::Map(Map { map: Arc::new(out) })
}

fn plain_map(map: &serde_json::Map<String, Value>) -> Cel {
    let out = map.iter().map(|(name, inner)| (Key::String(Arc::new(name.clone())), plain(inner))).collect();
    Cel::Map(Map { map: Arc::new(out) })
}

/// A value that no schema speaks for.
#[must_use]
pub fn plain(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(set) => Cel::Bool(*set),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cel::Int(whole),
            (None, Some(float)) => Cel::Float(float),
            (None, None) => Cel::Null,
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(plain).collect())),
        Value::Object(map) => plain_map(map),
    }
}

/// Some formats are types of their own in rules; a text that is none of the kind stays a text.
fn string(format: &str, text: &str) -> Cel {
    let other = match format {
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).ok().map(Cel::Timestamp),
        "date" => chrono::DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")).ok().map(Cel::Timestamp),
        "duration" => {
            skiff_schema::time::parse_duration(text).ok().map(|nanos| Cel::Duration(chrono::Duration::nanoseconds(nanos)))
        }
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).ok().map(|bytes| Cel::Bytes(Arc::new(bytes))),
        _ => None,
    };
    other.unwrap_or_else(|| Cel::String(Arc::new(text.to_owned())))
}
