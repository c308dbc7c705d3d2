//! The two kinds that only keep a template: PodTemplates and ControllerRevisions.
//!
//! Fed by `workload::strategy`. Must not know who keeps them.

use super::pod::bump;
use super::read::{Faults, Read, immutable};
use super::{defaults, template};
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::Value;

/// The strategy of PodTemplates.
pub const POD_TEMPLATE: Strategy = Strategy {
    default: |object| {
        if let Some(body) = object.get_mut("template") {
            defaults::template(body);
        }
    },
    validate: check_template,
    validate_update: |new, _| check_template(new),
    prepare_create: |object| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("generation".into(), 1.into());
        }
    },
    prepare_update: |new, old| bump(new, old, "template"),
};

/// The strategy of ControllerRevisions; they have no generation.
pub const REVISION: Strategy = Strategy { validate: check_revision, validate_update: check_revision_update, ..PLAIN };

fn check_template(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    template::check(&mut out, object.at("template").unwrap_or(&Value::Null), "template");
    out
}

fn check_revision(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    match object.at("data") {
        None => out.push(FieldError::required("data", "data is mandatory")),
        Some(data) if !data.is_object() => {
            out.push(FieldError::invalid("data", data.clone(), "data must be a valid JSON object"));
        }
        Some(_) => {}
    }
    if object.number("revision") < 0 {
        out.push(FieldError::invalid("revision", object.number("revision"), super::read::NEGATIVE));
    }
    out
}

fn check_revision_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = check_revision(new);
    immutable(&mut out, new.get("data"), old.get("data"), "data");
    out
}
