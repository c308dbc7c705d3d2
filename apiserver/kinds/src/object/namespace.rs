//! Namespace: its phase, the `kubernetes` finalizer and the label with its own name.
//!
//! Fed through the strategy table. Emptying a namespace is the business of a controller, not of this file.

use super::at::{At, Faults};
use super::fill::{made, object_at, unset};
use super::meta;
use crate::field::FieldError;
use crate::strategy::Strategy;
use serde_json::{Value, json};

pub(super) const NAMESPACE: Strategy = Strategy { default, validate, validate_update, prepare_create, prepare_update };

const NAME_LABEL: &str = "kubernetes.io/metadata.name";

fn default(object: &mut Value) {
    // A name that is still to be generated gets its label in `prepare_create`.
    label(object);
    made(object, "spec");
    made(object, "status");
}

fn label(object: &mut Value) {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("").to_owned();
    if name.is_empty() {
        return;
    }
    let Some(meta) = object_at(object, "/metadata") else { return };
    unset(meta, "labels", json!({}));
    if let Some(labels) = object_at(object, "/metadata/labels") {
        labels.insert(NAME_LABEL.into(), name.into());
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    for finalizer in At::root(object).get("spec").get("finalizers").items() {
        super::rule::qualified(&mut out, &finalizer);
        meta::finalizer(&mut out, &finalizer);
    }
    out
}

fn validate_update(new: &Value, _old: &Value) -> Vec<FieldError> {
    validate(new)
}

fn prepare_create(object: &mut Value) {
    label(object);
    if let Some(map) = object.as_object_mut() {
        map.insert("status".into(), json!({"phase": "Active"}));
    }
    let Some(spec) = made(object, "spec") else { return };
    unset(spec, "finalizers", json!([]));
    if let Some(list) = spec.get_mut("finalizers").and_then(Value::as_array_mut)
        && !list.iter().any(|f| f == "kubernetes")
    {
        list.push("kubernetes".into());
    }
}

/// Finalizers of the spec change through `/finalize` only, the phase through `/status`.
fn prepare_update(new: &mut Value, old: &Value) {
    let Some(map) = new.as_object_mut() else { return };
    for part in ["spec", "status"] {
        match old.get(part) {
            Some(value) => map.insert(part.into(), value.clone()),
            None => map.shift_remove(part),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_namespace_is_active() {
        let mut ns = json!({"metadata": {"name": "a"}});
        default(&mut ns);
        prepare_create(&mut ns);
        assert_eq!(
            ns,
            json!({"metadata": {"name": "a", "labels": {NAME_LABEL: "a"}}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
        );
        let mut changed = json!({"metadata": {"name": "a"}, "spec": {"finalizers": []}});
        prepare_update(&mut changed, &ns);
        assert_eq!(changed["spec"], ns["spec"]);
    }
}
