//! Directives that stand in a map: `$patch`, `$retainKeys` and the prefixes of the list directives.
//!
//! Used by the merge of maps; knows no schema.

use super::error::StrategicError;
use serde_json::{Map, Value};

/// What to do with the map that holds it.
pub(super) const DIRECTIVE: &str = "$patch";

/// The keys of a map that stay; all others go.
const RETAIN_KEYS: &str = "$retainKeys";

/// Prefix of lists of scalars to delete from a field.
pub(super) const DELETE_FROM: &str = "$deleteFromPrimitiveList";

/// Prefix of the order of a field's items.
pub(super) const SET_ORDER: &str = "$setElementOrder";

/// Obeys `$retainKeys`: the patch may set only retained keys, and all other keys of the original go.
pub(super) fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), StrategicError> {
    let Some(retain) = patch.shift_remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(retain) = retain else { return Err(StrategicError::RetainKeys) };
    let retained = |name: &str| retain.iter().any(|key| key.as_str() == Some(name));
    for (name, change) in patch.iter() {
        let exempt = change.is_null() || name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER);
        if !exempt && !retained(name) {
            return Err(StrategicError::RetainKeys);
        }
    }
    original.retain(|name, _| retained(name));
    Ok(())
}

/// A value from the patch that is new to the document: objects with a directive go, at any depth.
pub(super) fn without_directives(value: Value) -> Option<Value> {
    Some(match value {
        Value::Object(map) => {
            if map.contains_key(DIRECTIVE) {
                return None;
            }
            Value::Object(map.into_iter().filter_map(|(name, v)| Some((name, without_directives(v)?))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().filter_map(without_directives).collect()),
        other => other,
    })
}
