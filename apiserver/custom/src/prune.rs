//! What a custom resource's decoder does before anything else: metadata is read as its type, unknown fields go.
//!
//! Fed with bodies and with patched objects. Says what was unknown, in upstream's order; whether that is a warning or an error
//! is the caller's business.

use crate::structural::OBJECT_META;
use serde_json::{Map, Value};
use skiff_schema::check::{self, DecodeError};
use skiff_schema::{NodeId, Schema, built_in};

/// Takes out what the schema does not name and returns the problems, `unknown field "spec.x"`.
///
/// # Errors
/// Metadata that cannot be read as such, in Go's words.
pub fn apply(schema: &Schema, root: NodeId, object: &mut Value) -> Result<Vec<String>, DecodeError> {
    let unknown = check::prune_custom(schema, root, object);
    if let Some(meta) = object.get_mut("metadata") {
        coerce(meta)?;
    }
    Ok(unknown.into_iter().map(|path| format!("unknown field {path:?}")).collect())
}

/// Metadata goes through its Go type: wrong types are errors, empty values are left out.
fn coerce(meta: &mut Value) -> Result<(), DecodeError> {
    if meta.is_null() {
        *meta = Value::Object(Map::new());
    }
    let Some(root) = built_in().named(OBJECT_META) else { return Ok(()) };
    // What is owned by whom is not metadata's business, and its own reader forgives more.
    let held = meta.as_object_mut().and_then(|map| map.shift_remove("managedFields"));
    check::admit_built_in(&built_in().schema, root, "ObjectMeta", meta)?;
    if let (Some(held), Some(map)) = (held, meta.as_object_mut()) {
        map.insert("managedFields".into(), held);
    }
    Ok(())
}
