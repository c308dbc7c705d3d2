//! JSON merge patch (RFC 7386), with upstream's habit of dropping nulls also inside values that are new to the document.
//!
//! Fed by the PATCH handler with the parsed body; knows no schema.

use crate::go_text::json_kind;
use serde_json::{Map, Value};

/// The body cannot be used as a merge patch; the client sees 400 with this text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("error decoding patch: json: cannot unmarshal {0} into Go value of type map[string]interface {{}}")]
pub struct MergeError(&'static str);

impl MergeError {
    /// The HTTP code.
    #[must_use]
    pub fn code(&self) -> u16 {
        400
    }
}

/// Applies `patch` to `target`.
///
/// # Errors
/// When the patch is not an object.
pub fn apply(mut target: Value, patch: Value) -> Result<Value, MergeError> {
    let Value::Object(patch) = patch else { return Err(MergeError(json_kind(&patch))) };
    match &mut target {
        Value::Object(map) => merge_map(map, patch),
        other => *other = without_nulls(Value::Object(patch)),
    }
    Ok(target)
}

fn merge_map(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, change) in patch {
        match change {
            // shift_remove keeps the order of the other keys.
            Value::Null => drop(target.shift_remove(&key)),
            Value::Object(change) => match target.get_mut(&key) {
                Some(Value::Object(old)) => merge_map(old, change),
                _ => drop(target.insert(key, without_nulls(Value::Object(change)))),
            },
            other => drop(target.insert(key, without_nulls(other))),
        }
    }
}

/// Drops null members of objects at any depth; nulls that are list items stay.
pub(crate) fn without_nulls(mut value: Value) -> Value {
    drop_nulls(&mut value);
    value
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, item| !item.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rfc_7386_examples() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (target, patch, want) in cases {
            assert_eq!(apply(target, patch).unwrap(), want);
        }
    }

    #[test]
    fn patch_json_merge() {
        // patch.json, step "merge".
        let live = json!({"metadata": {"labels": {"l": "1"}}, "data": {"x": "1", "y": "2"}});
        let out = apply(live, json!({"data": {"x": null, "z": "3"}})).unwrap();
        assert_eq!(out, json!({"metadata": {"labels": {"l": "1"}}, "data": {"y": "2", "z": "3"}}));
    }

    #[test]
    fn a_list_is_no_merge_patch() {
        let error = apply(json!({}), json!([])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
        assert_eq!(error.code(), 400);
    }
}
