//! What is peculiar to a kind, as five short functions that the generic stations call. Pure: objects in, objects and field
//! errors out. Fed by `decode` and `admit`; must not know sockets, storage or other objects of the cluster.

use crate::field::FieldError;
use serde_json::Value;

/// The hooks of one kind. Objects are complete JSON objects of the kind (apiVersion, kind, metadata, …) that already have the
/// right JSON types and no unknown fields.
#[derive(Clone, Copy)]
pub struct Strategy {
    /// Fills in upstream's defaults (Annex B). Idempotent.
    pub default: fn(&mut Value),
    /// All field errors of a new object, `metadata` excluded (the generic station checks it).
    pub validate: fn(&Value) -> Vec<FieldError>,
    /// All field errors of a change (new, old), immutability included; again without `metadata`.
    pub validate_update: fn(&Value, &Value) -> Vec<FieldError>,
    /// Before defaulting is checked on create: drops `status` where there is a status subresource, sets `generation: 1` where
    /// the kind has one, fills what upstream's strategy fills.
    pub prepare_create: fn(&mut Value),
    /// The same on update (new, old): keeps the old `status`, bumps `metadata.generation` when what counts has changed.
    pub prepare_update: fn(&mut Value, &Value),
}

/// A kind with nothing peculiar.
pub const PLAIN: Strategy = Strategy {
    default: |_| {},
    validate: |_| Vec::new(),
    validate_update: |_, _| Vec::new(),
    prepare_create: |_| {},
    prepare_update: |_, _| {},
};

/// `prepare_create` of most kinds with a status subresource and a generation.
pub fn reset_status(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert("generation".into(), 1.into());
    }
}

/// `prepare_update` of most kinds with a status subresource and a generation: status is kept, generation grows with `spec`.
pub fn keep_status(new: &mut Value, old: &Value) {
    let changed = new.get("spec") != old.get("spec");
    if let Some(map) = new.as_object_mut() {
        match old.get("status") {
            Some(status) => map.insert("status".into(), status.clone()),
            None => map.remove("status"),
        };
    }
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    if let Some(meta) = new.get_mut("metadata").and_then(Value::as_object_mut) {
        let now = before + i64::from(changed);
        if now > 0 {
            meta.insert("generation".into(), now.into());
        }
    }
}

/// The strategy of a built-in kind by group and kind; kinds without one are [`PLAIN`].
#[must_use]
pub fn strategy(group: &str, kind: &str) -> Strategy {
    crate::workload::strategy(group, kind).or_else(|| crate::object::strategy(group, kind)).unwrap_or(PLAIN)
}
