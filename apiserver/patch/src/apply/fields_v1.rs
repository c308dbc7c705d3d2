//! The wire form of a field set, FieldsV1: `{"f:data": {".": {}, "f:k": {}}}`.
//!
//! Read from and written to `managedFields`; knows no schema.

use super::element::Element;
use super::fieldset::{Entry, FieldSet};
use serde_json::{Map, Value};

/// The set as FieldsV1, in upstream's order.
#[must_use]
pub fn write(set: &FieldSet) -> Value {
    Value::Object(write_level(set, Map::new()))
}

fn write_level(set: &FieldSet, mut out: Map<String, Value>) -> Map<String, Value> {
    for (element, entry) in set.iter() {
        let mut below = Map::new();
        if entry.member && !entry.below.is_empty() {
            below.insert(".".into(), Value::Object(Map::new()));
        }
        out.insert(element.to_key(), Value::Object(write_level(&entry.below, below)));
    }
    out
}

/// Reads FieldsV1.
///
/// # Errors
/// The text of what is wrong.
pub fn read(value: &Value) -> Result<FieldSet, String> {
    Ok(read_entry(value)?.below)
}

/// An entry without children is a member, whether it says so by `.` or not.
fn read_entry(value: &Value) -> Result<Entry, String> {
    let map = match value {
        Value::Object(map) => map,
        Value::Null => return Ok(Entry::leaf()),
        other => return Err(format!("ReadMapCB: expect {{ or n, but found {}", crate::go_text::json_kind(other))),
    };
    let mut member = false;
    let mut nodes = Vec::with_capacity(map.len());
    for (key, below) in map {
        if key == "." {
            member = true;
        } else if let Some(element) = Element::parse(key)? {
            nodes.push((element, read_entry(below)?));
        }
    }
    let below = FieldSet::gather(nodes);
    Ok(Entry { member: member || below.is_empty(), below })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn there_and_back() {
        // patch.json, step "deploy", shortened.
        let fields = json!({"f:spec": {
            "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:env": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:name": {}}}, "f:resources": {}}}}}}});
        let set = read(&fields).unwrap();
        assert_eq!(write(&set).to_string(), fields.to_string());
    }

    #[test]
    fn odd_input() {
        assert_eq!(read(&json!({"f:a": {".": {}}, "x:?": {}})).unwrap(), FieldSet::of_fields(&[&["a"]]));
        assert!(read(&json!({})).unwrap().is_empty());
        assert!(read(&json!({"nonsense": {}})).is_err());
        assert!(read(&json!({"f:a": 1})).is_err());
    }
}
