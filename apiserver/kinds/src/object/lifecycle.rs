//! What happens to `status` and `metadata.generation` on create and update, in the ways upstream's kinds do it.
//!
//! Used by the `prepare` hooks of this folder, beside `strategy::{reset_status, keep_status}` for the most common way. Knows
//! no kind.

use super::fill::unset;
use serde_json::Value;

/// Forgets a client's `status`; the kind has no generation.
pub(super) fn drop_status(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("status");
    }
}

/// Keeps the old `status`; the kind has no generation.
pub(super) fn hold_status(new: &mut Value, old: &Value) {
    let Some(map) = new.as_object_mut() else { return };
    match old.get("status") {
        Some(status) => map.insert("status".into(), status.clone()),
        None => map.shift_remove("status"),
    };
}

/// The first generation of a kind without status.
pub(super) fn first_generation(object: &mut Value) {
    set_generation(object, 1);
}

/// The next generation when anything but `metadata` and `status` has changed.
pub(super) fn next_generation(new: &mut Value, old: &Value) {
    let changed = differs(new, old);
    step_generation(new, old, changed);
}

/// Keeps or raises the generation.
pub(super) fn step_generation(new: &mut Value, old: &Value, changed: bool) {
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let now = before + i64::from(changed);
    if now > 0 {
        set_generation(new, now);
    }
}

fn set_generation(object: &mut Value, generation: i64) {
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert("generation".into(), generation.into());
    }
}

/// Does anything outside `metadata` and `status` differ?
fn differs(new: &Value, old: &Value) -> bool {
    let body = |v: &Value| -> Vec<(String, Value)> {
        let skip = ["metadata", "status", "apiVersion", "kind"];
        let mut fields: Vec<_> = v
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(k, v)| !skip.contains(&k.as_str()) && !v.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields
    };
    body(new) != body(old)
}

/// Gives an object the `status` that Go writes out for a fresh one.
pub(super) fn fresh_status(object: &mut Value, status: Value) {
    if let Some(map) = object.as_object_mut() {
        unset(map, "status", status);
    }
}
