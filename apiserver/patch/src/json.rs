//! JSON patch (RFC 6902) with the bounds and the edge cases of the library that upstream uses.
//!
//! Fed by the PATCH handler with the parsed body; knows no schema. The crate `json-patch` is not used because it differs where
//! clients can see it: it demands `value` where upstream takes null, has no negative indices, fails a `test` for null at a
//! missing path, and cannot bound how much `copy` may grow a document.

use crate::go_text::{json_kind, same};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Most operations in one patch.
pub const OPERATIONS_MAX: usize = 10_000;

/// Most bytes that the `copy` operations of one patch may add.
pub const COPY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Levels that a patched document may nest: every step of every operation is held to it, since a few `copy` operations could
/// nest a document deeper than any walk's stack.
pub const DEPTH_MAX: usize = 100;

/// Whether a value nests at most `depth` levels of lists and objects. Walks no deeper than that itself.
#[must_use]
pub fn nests_within(value: &Value, depth: usize) -> bool {
    let below = |value: &Value| depth.checked_sub(1).is_some_and(|depth| nests_within(value, depth));
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(below),
        Value::Object(fields) => depth > 0 && fields.values().all(below),
        _ => true,
    }
}

/// Why a JSON patch was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JsonPatchError {
    /// 400: the body is no list of operations.
    #[error("error decoding patch: json: cannot unmarshal {0}")]
    Undecodable(String),
    /// 413.
    #[error("Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {0}")]
    TooMany(usize),
    /// 422: a failed `test`, a missing path, an unknown operation. Upstream hides the reason from the client.
    #[error("the server rejected our request due to an error in our request")]
    Rejected(Rejection),
}

/// What went wrong inside; for logs, the client does not see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// A `test` operation found another value.
    TestFailed,
    /// A path leads nowhere.
    Missing,
    /// A list index that is no number or out of range.
    Index,
    /// An operation that RFC 6902 does not know.
    Operation,
    /// The `copy` operations add more than [`COPY_BYTES_MAX`].
    CopyTooLarge,
    /// The document would nest deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl JsonPatchError {
    /// The HTTP code.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            JsonPatchError::Undecodable(_) => 400,
            JsonPatchError::TooMany(_) => 413,
            JsonPatchError::Rejected(_) => 422,
        }
    }
}

/// Applies a patch; all of it or, on an error, nothing that the caller would see.
///
/// # Errors
/// See [`JsonPatchError`].
pub fn apply(mut target: Value, patch: &Value) -> Result<Value, JsonPatchError> {
    let operations = decode(patch)?;
    if operations.len() > OPERATIONS_MAX {
        return Err(JsonPatchError::TooMany(operations.len()));
    }
    let mut copied = 0;
    for operation in &operations {
        run(&mut target, operation, &mut copied).map_err(JsonPatchError::Rejected)?;
    }
    Ok(target)
}

struct Operation<'a> {
    op: &'a str,
    path: &'a str,
    from: &'a str,
    value: &'a Value,
}

fn decode(patch: &Value) -> Result<Vec<Operation<'_>>, JsonPatchError> {
    let wrong = |what: &str, into: &str| JsonPatchError::Undecodable(format!("{what} into Go {into}"));
    let items = match patch {
        Value::Array(items) => items,
        Value::Null => return Ok(Vec::new()),
        other => return Err(wrong(json_kind(other), "value of type []handlers.jsonPatchOp")),
    };
    items
        .iter()
        .map(|item| {
            let Some(map) = item.as_object() else {
                return Err(wrong(json_kind(item), "value of type handlers.jsonPatchOp"));
            };
            Ok(Operation {
                op: text(map, "op")?,
                path: text(map, "path")?,
                from: text(map, "from")?,
                value: map.get("value").unwrap_or(&Value::Null),
            })
        })
        .collect()
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Result<&'a str, JsonPatchError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(JsonPatchError::Undecodable(format!(
            "{} into Go struct field jsonPatchOp.{key} of type string",
            json_kind(other)
        ))),
    }
}

fn run(target: &mut Value, operation: &Operation<'_>, copied: &mut usize) -> Result<(), Rejection> {
    let Operation { op, path, from, value } = *operation;
    match op {
        "add" => add(target, path, value.clone()),
        "remove" => remove(target, path).map(drop),
        "replace" => {
            let place = find(target, path)?;
            fits(path, value)?;
            *place = value.clone();
            Ok(())
        }
        "move" => {
            let moved = remove(target, from)?;
            add(target, path, moved)
        }
        "copy" => {
            let copy = find(target, from)?.clone();
            *copied += copy.to_string().len();
            if *copied > COPY_BYTES_MAX {
                return Err(Rejection::CopyTooLarge);
            }
            add(target, path, copy)
        }
        "test" => test(target, path, value),
        _ => Err(Rejection::Operation),
    }
}

fn test(target: &mut Value, path: &str, value: &Value) -> Result<(), Rejection> {
    let passed = if path.is_empty() {
        same(target, value)
    } else {
        let (parent, key) = container(target, path)?;
        match step(parent, &key) {
            Ok(found) => same(found, value),
            // Upstream holds a missing member and null for the same.
            Err(Rejection::Missing) => value.is_null(),
            Err(other) => return Err(other),
        }
    };
    if passed { Ok(()) } else { Err(Rejection::TestFailed) }
}

/// Whether a value may stand at a path without nesting the document too deep.
fn fits(path: &str, value: &Value) -> Result<(), Rejection> {
    let above = path.bytes().filter(|byte| *byte == b'/').count();
    match DEPTH_MAX.checked_sub(above) {
        Some(levels) if nests_within(value, levels) => Ok(()),
        _ => Err(Rejection::TooDeep),
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), Rejection> {
    fits(path, &value)?;
    let (parent, key) = container(target, path)?;
    match parent {
        Value::Object(map) => {
            map.insert(key.into_owned(), value);
            Ok(())
        }
        Value::Array(items) => {
            // One past the end is a place to add at, so -1 is the end.
            let at = if key == "-" { items.len() } else { index(&key, items.len() + 1)? };
            items.insert(at, value);
            Ok(())
        }
        _ => Err(Rejection::Missing),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, Rejection> {
    let (parent, key) = container(target, path)?;
    match parent {
        Value::Object(map) => map.shift_remove(key.as_ref()).ok_or(Rejection::Missing),
        Value::Array(items) => {
            let at = index(&key, items.len())?;
            Ok(items.remove(at))
        }
        _ => Err(Rejection::Missing),
    }
}

/// The value at a path; the empty path is the document.
fn find<'a>(target: &'a mut Value, path: &str) -> Result<&'a mut Value, Rejection> {
    if path.is_empty() {
        return Ok(target);
    }
    let (parent, key) = container(target, path)?;
    step(parent, &key)
}

/// The object or list that holds the last key of a path.
fn container<'a, 'p>(target: &'a mut Value, path: &'p str) -> Result<(&'a mut Value, Cow<'p, str>), Rejection> {
    let mut keys = path.strip_prefix('/').ok_or(Rejection::Missing)?.split('/').map(unescape).peekable();
    let mut at = target;
    while let Some(key) = keys.next() {
        if keys.peek().is_none() {
            return Ok((at, key));
        }
        at = step(at, &key)?;
    }
    Err(Rejection::Missing)
}

fn step<'a>(at: &'a mut Value, key: &str) -> Result<&'a mut Value, Rejection> {
    match at {
        Value::Object(map) => map.get_mut(key).ok_or(Rejection::Missing),
        Value::Array(items) => {
            let at = index(key, items.len())?;
            items.get_mut(at).ok_or(Rejection::Index)
        }
        _ => Err(Rejection::Missing),
    }
}

/// A list index below `len`; negative ones count from the end.
fn index(key: &str, len: usize) -> Result<usize, Rejection> {
    let index: i64 = key.parse().map_err(|_| Rejection::Index)?;
    let len = i64::try_from(len).map_err(|_| Rejection::Index)?;
    let from_start = if index < 0 { index + len } else { index };
    if from_start < 0 || from_start >= len {
        return Err(Rejection::Index);
    }
    usize::try_from(from_start).map_err(|_| Rejection::Index)
}

fn unescape(key: &str) -> Cow<'_, str> {
    if key.contains('~') { key.replace("~1", "/").replace("~0", "~").into() } else { key.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patch_json_json() {
        // patch.json, step "json".
        let live = json!({"metadata": {"labels": {"l": "1"}}, "data": {"y": "2", "z": "3"}});
        let patch = json!([
            {"op": "replace", "path": "/data/y", "value": "9"},
            {"op": "add", "path": "/metadata/labels/m", "value": "2"},
        ]);
        let want = json!({"metadata": {"labels": {"l": "1", "m": "2"}}, "data": {"y": "9", "z": "3"}});
        assert_eq!(apply(live, &patch).unwrap(), want);
    }

    #[test]
    fn refusals() {
        // patch.json, steps "json-test-fails", "json-missing-path" and "json-invalid".
        let live = json!({"data": {"y": "9"}, "list": [1]});
        for (patch, why) in [
            (json!([{"op": "test", "path": "/data/y", "value": "0"}]), Rejection::TestFailed),
            (json!([{"op": "remove", "path": "/data/none"}]), Rejection::Missing),
            (json!([{"op": "replace", "path": "/data/none", "value": 1}]), Rejection::Missing),
            (json!([{"op": "add", "path": "/none/x", "value": 1}]), Rejection::Missing),
            (json!([{"op": "add", "path": "/list/2", "value": 1}]), Rejection::Index),
            (json!([{"op": "frob", "path": "/data"}]), Rejection::Operation),
        ] {
            let error = apply(live.clone(), &patch).unwrap_err();
            assert_eq!(error, JsonPatchError::Rejected(why));
            assert_eq!(error.code(), 422);
            assert_eq!(error.to_string(), "the server rejected our request due to an error in our request");
        }
        let error = apply(live, &json!({"op": "remove"})).unwrap_err();
        assert_eq!(error.code(), 400);
        assert_eq!(
            error.to_string(),
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        );
    }

    #[test]
    fn lists_and_moves() {
        let out = apply(
            json!({"l": [1, 2], "a/b": {"c": 1}}),
            &json!([
                {"op": "add", "path": "/l/-", "value": 3},
                {"op": "add", "path": "/l/0", "value": 0},
                {"op": "remove", "path": "/l/-1"},
                {"op": "move", "from": "/a~1b/c", "path": "/c"},
                {"op": "copy", "from": "/l", "path": "/m"},
                {"op": "test", "path": "/gone", "value": null},
                {"op": "add", "path": "/n"},
            ]),
        )
        .unwrap();
        assert_eq!(out, json!({"l": [0, 1, 2], "a/b": {}, "c": 1, "m": [0, 1, 2], "n": null}));
    }

    #[test]
    fn copies_do_not_nest_without_end() {
        // Each copy goes to the deepest place and so doubles the depth: twenty of them nest a million levels, which no stack
        // could walk.
        let mut patch = vec![json!({"op": "add", "path": "/a", "value": {}})];
        patch.extend((0..7).map(|i| json!({"op": "copy", "from": "/a", "path": "/a".repeat((1 << i) + 1)})));
        let error = apply(json!({}), &Value::Array(patch)).unwrap_err();
        assert_eq!(error, JsonPatchError::Rejected(Rejection::TooDeep));
        assert!(nests_within(&json!([{"a": 1}]), 2) && !nests_within(&json!([{"a": 1}]), 1));
    }

    #[test]
    fn bounds() {
        let many = vec![json!({"op": "test", "path": "/a", "value": 1}); OPERATIONS_MAX + 1];
        let error = apply(json!({"a": 1}), &Value::Array(many)).unwrap_err();
        assert_eq!(error, JsonPatchError::TooMany(OPERATIONS_MAX + 1));
        assert_eq!(error.code(), 413);
        let copies = vec![json!({"op": "copy", "from": "/a", "path": "/b"}); 4];
        let error = apply(json!({"a": "x".repeat(1 << 20)}), &Value::Array(copies)).unwrap_err();
        assert_eq!(error, JsonPatchError::Rejected(Rejection::CopyTooLarge));
    }
}
