//! Knative's webhooks and reconcilers at the places where a write passes: defaults, validation, children.

use super::ask::Ask;
use super::house::House;
use crate::registry::Kind;
use crate::status::Outcome;
use serde_json::Value;
use skiff_engine::command::Transaction;

/// Takes a new Knative object through pruning, defaulting and validation; other kinds pass.
///
/// # Errors
/// The webhook's refusal.
pub fn default_new(_house: &House, _ask: &Ask, _object: &mut Value) -> Outcome<()> {
    Ok(())
}

/// The same for a change.
///
/// # Errors
/// The webhook's refusal.
pub fn default_changed(_house: &House, _ask: &Ask, _new: &mut Value, _old: &Value) -> Outcome<()> {
    Ok(())
}

/// Checks of other kinds that Knative's webhooks make (its ConfigMaps).
///
/// # Errors
/// The webhook's refusal.
pub fn check(_house: &House, _ask: &Ask, _new: &Value, _old: Option<&Value>) -> Outcome<()> {
    Ok(())
}

/// Children of a written Knative object, in the same transaction.
///
/// # Errors
/// What can't be reconciled.
pub fn companions(_house: &House, _kind: &Kind, _old: Option<&Value>, _new: &Value, _transaction: &mut Transaction) -> Outcome<()> {
    Ok(())
}
