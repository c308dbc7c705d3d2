//! Knative's webhooks and reconcilers at the places where a write passes: pruning, defaults, validation, children.
//!
//! Fed by the verbs. What the rules say is in the crate `skiff-knative`; here is only where they apply. `turn` makes the
//! children of a write in its transaction, `follow` does what nobody's write asks for.

mod follow;
#[cfg(test)]
mod tests;
mod turn;

pub use follow::follow;

use super::ask::{Ask, FieldValidation};
use super::companion::write_new;
use super::house::House;
use super::intake;
use crate::clock;
use crate::project::knative::{DOMAIN_CLAIMS, Sight, config, data_of, is_config, is_shown};
use crate::project::name;
use crate::registry::{Kind, ids};
use crate::status::{Outcome, Refusal};
use serde_json::{Value, json};
use skiff_engine::command::Transaction;
use skiff_kinds::object::meta;
use skiff_knative::config::{NAMESPACE, check as check_config};
use skiff_knative::{Kind as Rules, Operation, Request, admit as admit_rules, doc, gotype};

fn rules(kind: &Kind) -> Option<Rules> {
    Rules::of(kind.group(), kind.kind())
}

/// Prunes what a new Knative object has and its kind does not; other kinds pass.
///
/// # Errors
/// 400 for unknown fields, where they are to be refused.
pub fn default_new(_house: &House, ask: &Ask, object: &mut Value) -> Outcome<()> {
    prune(ask, object, "CreateOptions")
}

/// The same for a change.
///
/// # Errors
/// As [`default_new`].
pub fn default_changed(_house: &House, ask: &Ask, new: &mut Value, _old: &Value) -> Outcome<()> {
    if !ask.address.subresource.is_empty() {
        return Ok(());
    }
    // An apply has told its unknown fields in its own way; what the options are called matters to their errors only.
    prune(ask, new, "UpdateOptions")
}

fn prune(ask: &Ask, object: &mut Value, options: &str) -> Outcome<()> {
    let Some(kind) = rules(&ask.kind) else { return Ok(()) };
    // As Go prints metadata.
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.retain(|_, value| !matches!(value, Value::Object(map) if map.is_empty()));
    }
    let problems: Vec<String> = gotype::prune(kind, object).iter().map(|path| format!("unknown field {path:?}")).collect();
    let validation = if problems.is_empty() { FieldValidation::Ignore } else { ask.field_validation(options)? };
    intake::report(ask, kind.name(), &ask.kind.resource.version, &problems, validation)
}

/// Takes a Knative object through both webhooks, and gives it its generation; other kinds pass. Comes after the request's
/// fields have got their owner: what a webhook adds is nobody's.
///
/// # Errors
/// The webhook's refusal, or the schema's.
pub fn admit(house: &House, ask: &Ask, object: &mut Value, old: Option<&Value>) -> Outcome<()> {
    let Some(kind) = rules(&ask.kind) else { return Ok(()) };
    let faults = match old {
        Some(old) => meta::validate_meta_update(object, old),
        None => meta::validate_meta(object, ask.kind.resource.namespaced, meta::name_rule(ask.kind.group(), ask.kind.kind())),
    };
    // The API server looks at metadata between the two webhooks; only what can't even be decoded comes before.
    if !faults.is_empty() && gotype::decode_error(kind, object).is_none() {
        let shown = if doc::text(object, "/metadata/generateName").is_empty() { doc::name(object) } else { "" };
        return Err(Refusal::invalid(ask.kind.group(), ask.kind.kind(), shown, &faults));
    }
    let operation = old.map_or(Operation::Create, Operation::Update);
    let config = config(&house.store.read());
    let warnings = match admit_rules(&Request { kind, operation, user: &ask.user.name }, &config, object) {
        Ok(admitted) => admitted.warnings,
        Err(refusal) => {
            refusal.warnings.iter().for_each(|text| ask.warn(text.clone()));
            let mut answer = Refusal::new(refusal.code, refusal.reason, refusal.message);
            answer.details = refusal.details;
            return Err(answer);
        }
    };
    warnings.into_iter().for_each(|text| ask.warn(text));
    match old {
        None => skiff_kinds::strategy::reset_status(object),
        Some(old) => skiff_kinds::strategy::keep_status(object, old),
    }
    Ok(())
}

/// Checks of other kinds that Knative's webhooks make (its ConfigMaps).
///
/// # Errors
/// The webhook's refusal.
pub fn check(_house: &House, ask: &Ask, new: &Value, _old: Option<&Value>) -> Outcome<()> {
    let name = doc::name(new);
    if !is_config(ask.kind.id, &format!("{}/{name}", ask.address.namespace)) || !name.starts_with("config-") {
        return Ok(());
    }
    debug_assert_eq!(ask.address.namespace, NAMESPACE);
    check_config(name, &data_of(new), doc::annotation(new, "knative.dev/example-checksum"))
        .map_err(|error| Refusal::bad_request(error.message()))
}

/// Children of a written Knative object, in the same transaction.
///
/// # Errors
/// None so far: what can't be reconciled is said by conditions.
pub fn companions(house: &House, kind: &Kind, old: Option<&Value>, new: &Value, transaction: &mut Transaction) -> Outcome<()> {
    if !matches!(kind.id, ids::KSERVICES | ids::CONFIGURATIONS | ids::ROUTES | ids::DOMAIN_MAPPINGS)
        || crate::store::is_deleting(new)
    {
        return Ok(());
    }
    let now = clock::now_rfc3339();
    let core = house.store.read();
    let sight = Sight::new(&core);
    let writes = match kind.id {
        ids::KSERVICES => turn::service(&sight, &now, new),
        ids::CONFIGURATIONS => turn::configuration(&sight, &now, new, old.is_none()),
        ids::ROUTES => turn::route(&sight, &now, old, new),
        _ => {
            if sight.config.network.autocreate_claims && sight.load(DOMAIN_CLAIMS, doc::name(new)).is_none() {
                transaction.writes.push(claim(new, &now));
            }
            return Ok(());
        }
    };
    turn::add(&core, writes, transaction);
    Ok(())
}

/// An object is about to go, and others with it: what it showed last is what a watch that comes late shows, and Routes keep the
/// traffic that they gave.
pub fn leave(house: &House, ask: &Ask, object: &Value) {
    if !is_shown(ask.kind.id) {
        return;
    }
    let core = house.store.read();
    if let (Some(document), Some(status)) = (core.world.documents.get(ask.kind.id, &ask.address.key()), object.get("status")) {
        core.index.knative.remember_last(document.serial, status.clone());
    }
    if ask.kind.id == ids::CONFIGURATIONS {
        turn::keep_routes(&Sight::new(&core), object);
    }
}

/// The claim of a mapping that makes its own. It goes with the mapping, though no owner is shown.
fn claim(mapping: &Value, now: &str) -> skiff_engine::record::Write {
    let object = json!({
        "metadata": {"name": doc::name(mapping), "uid": name::uid_text(name::new_uid()), "creationTimestamp": now, "generation": 1},
        "spec": {"namespace": doc::namespace(mapping)},
    });
    let mut write = write_new(DOMAIN_CLAIMS, &object);
    if let Some(put) = &mut write.put {
        put.owners.push(name::uid_of(doc::uid(mapping)));
    }
    write
}
