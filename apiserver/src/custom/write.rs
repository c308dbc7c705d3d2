//! What a write of a custom resource, or of a definition, passes beside what all writes do.

use crate::registry::{Kind, ids, resource_id};
use crate::status::{Outcome, Refusal};
use crate::verbs::ask::{Ask, FieldValidation};
use crate::verbs::house::House;
use crate::verbs::intake;
use serde_json::{Value, json};
use skiff_custom::{Definition, Version, conditions, default, prune, validate as rules};
use skiff_kinds::FieldError;
use skiff_schema::check;

/// Metadata is read, unknown fields go, defaults come.
///
/// # Errors
/// 400 for metadata of wrong types, and for unknown fields if the client wants that.
pub fn decode(
    ask: &Ask,
    kind: &Kind,
    version: &Version,
    value: &mut Value,
    raw: Option<&[u8]>,
    validation: FieldValidation,
) -> Outcome<()> {
    let (name, spelled) = (kind.kind(), &*kind.resource.version);
    let mut problems = match raw {
        Some(raw) if validation != FieldValidation::Ignore => check::duplicate_fields(raw),
        _ => Vec::new(),
    };
    let unknown = prune::apply(&version.schema, version.root, value);
    problems.extend(unknown.map_err(|e| Refusal::bad_request(e.cannot_be_handled(name, spelled)))?);
    intake::report(ask, name, spelled, &problems, validation)?;
    default::apply(&version.tree, value);
    Ok(())
}

/// Nothing new is made of a kind whose definition is going.
///
/// # Errors
/// 405.
pub fn check_alive(kind: &Kind) -> Outcome<()> {
    if !kind.terminating {
        return Ok(());
    }
    let mut refusal = Refusal::method();
    refusal.message = "create not allowed while custom resource definition is terminating".to_owned();
    refusal.details = Some(json!({"group": kind.group(), "kind": kind.resource.plural}));
    Err(refusal)
}

/// A new object has no status where that is a subresource.
pub fn prepare_create(kind: &Kind, object: &mut Value) {
    let Some(version) = &kind.custom else { return };
    if version.status
        && let Some(map) = object.as_object_mut()
    {
        map.shift_remove("status");
    }
    object["metadata"]["generation"] = 1.into();
}

/// Every change outside of metadata is a new generation; what belongs to `/status` has been put back by then.
pub fn prepare_update(kind: &Kind, new: &mut Value, old: &Value) {
    if kind.custom.is_none() {
        return;
    }
    let content = |object: &Value| -> Option<Value> {
        let mut map = object.as_object()?.clone();
        ["metadata", "apiVersion", "kind"].iter().for_each(|field| _ = map.shift_remove(*field));
        Some(map.into())
    };
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let changed = content(new) != content(old);
    new["metadata"]["generation"] = (before + i64::from(changed)).into();
}

/// Errors of a custom resource by its schema, and of a definition by what only the house knows.
pub fn validate(house: &House, kind: &Kind, sub: &str, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    if let Some(version) = &kind.custom {
        errors.extend(rules::object(version, new, old, sub == "status"));
    } else if kind.id == ids::CRDS && sub.is_empty() {
        definition(house, new, old, errors);
    }
}

fn definition(house: &House, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let name = new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    lift_shared(new, errors);
    if old.is_none()
        && let Some(text) = conditions::missing_approval(new)
    {
        errors.push(FieldError::required("metadata.annotations[api-approved.kubernetes.io]", text));
    }
    // A schema that is wrong by itself is not compiled, and one that was taken before is not judged again.
    if !errors.is_empty() || old.is_some_and(|old| old.get("spec") == new.get("spec")) {
        return;
    }
    let definition = Definition::read(new);
    for fault in &definition.faults {
        errors.push(FieldError::invalid(&fault.place, go_rule(&fault.rule), &fault.fault.text));
    }
    let id = resource_id(&definition.group, &definition.names.plural);
    let built_in = house.registry.built_in_of(id).map(|k| format!("{}.{}", k.resource.plural, k.resource.group));
    let taken = built_in.or_else(|| house.registry.definitions.with_number(id, name)).filter(|other| *other != name);
    if let Some(other) = taken {
        let why = format!("resources are numbered by a hash of their name, and {other} has the same one; choose another plural");
        errors.push(FieldError::invalid("spec.names.plural", definition.names.plural.as_str(), why));
    }
}

/// What all versions share is upstream's own form of it a part of the definition itself, and errors name it there.
fn lift_shared(document: &Value, errors: &mut Vec<FieldError>) {
    let versions = document.pointer("/spec/versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let Some(first) = versions.first() else { return };
    let parts = [
        ("schema", "validation"),
        ("subresources", "subresources"),
        ("additionalPrinterColumns", "additionalPrinterColumns"),
        ("selectableFields", "selectableFields"),
    ];
    for (part, place) in parts.into_iter().filter(|(part, _)| versions.iter().all(|v| v.get(*part) == first.get(*part))) {
        errors.retain_mut(|error| {
            for i in 0..versions.len() {
                let head = format!("spec.versions[{i}].{part}");
                let rest = error.field.strip_prefix(&head).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
                if let Some(rest) = rest.map(str::to_owned) {
                    error.field = format!("spec.{place}{rest}");
                    // The others say the same again.
                    return i == 0;
                }
            }
            true
        });
    }
}

/// A rule as Go prints its internal form, which has no names for JSON.
fn go_rule(rule: &Value) -> Value {
    let text = |field: &str| rule.get(field).cloned().unwrap_or_else(|| "".into());
    let or_null = |field: &str| rule.get(field).cloned().unwrap_or(Value::Null);
    json!({"Rule": text("rule"), "Message": text("message"), "MessageExpression": text("messageExpression"),
        "Reason": or_null("reason"), "FieldPath": text("fieldPath"), "OptionalOldSelf": or_null("optionalOldSelf")})
}
