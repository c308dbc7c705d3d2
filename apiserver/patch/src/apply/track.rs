//! Ownership of ordinary writes: create, update and every patch but apply.
//!
//! Called once per write with the object as decoded and defaulted, before admission and before the kind prepares it (so that
//! what the server fills in belongs to nobody). Must not fail a write: what cannot be read is ignored, as upstream does.

use super::compare::{Comparison, compare};
use super::extract::reconcile;
use super::ledger::{Ledger, Operation, Owner};
use super::reset::Reset;
use super::topology::Subject;
use crate::go_text::same;
use serde_json::{Map, Value};

/// Who writes, through what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The field manager's name; empty is `unknown`.
    pub field_manager: &'a str,
    /// The version of the request, `apps/v1`.
    pub api_version: &'a str,
    /// `status`, `scale`, …; empty for the main resource.
    pub subresource: &'a str,
    /// RFC 3339 in whole seconds.
    pub now: &'a str,
    /// What this write cannot change.
    pub reset: Reset<'a>,
}

impl Write<'_> {
    pub(crate) fn owner(&self, operation: Operation) -> Owner {
        let name = if self.field_manager.is_empty() { "unknown" } else { self.field_manager };
        Owner { name: name.into(), operation, api_version: self.api_version.into(), subresource: self.subresource.into() }
    }
}

/// Records in `new.metadata.managedFields` what the write has changed; `live` is `None` on create.
///
/// A write that changes nothing leaves the records as they were. A request that sends `managedFields: []` or `[{}]` resets
/// them; one that sends none, or invalid ones, keeps those of `live`.
pub fn track_update(subject: Subject<'_>, write: &Write<'_>, live: Option<&Value>, new: &mut Value) {
    let live_fields = live.and_then(managed_fields);
    let sent = take_managed_fields(new);
    let own = if write.subresource.is_empty() { sent.as_ref() } else { None };
    if own.is_some_and(is_reset) {
        if is_stored(live) {
            return;
        }
        return record(subject, write, Ledger::default(), live, new);
    }
    let explicit = own.filter(|own| live_fields != Some(*own)).and_then(|own| Ledger::read(Some(own)).ok());
    if let Some(ledger) = explicit.filter(|ledger| !ledger.records.is_empty()) {
        return record(subject, write, ledger, live, new);
    }
    let comparison = changes(subject, write, live, new);
    if comparison.is_same() {
        // The common no-op: nothing to read, nothing to write anew.
        match live_fields {
            Some(fields) if Ledger::read(Some(fields)).is_ok() => put_managed_fields(new, Some(fields.clone())),
            _ => {}
        }
        return;
    }
    let ledger = Ledger::read(live_fields).unwrap_or_default();
    if ledger.records.is_empty() && is_stored(live) {
        // Nobody tracks this object; the first apply will.
        return;
    }
    settle(subject, write, ledger, comparison, new);
}

fn record(subject: Subject<'_>, write: &Write<'_>, ledger: Ledger, live: Option<&Value>, new: &mut Value) {
    let comparison = changes(subject, write, live, new);
    settle(subject, write, ledger, comparison, new);
}

fn changes(subject: Subject<'_>, write: &Write<'_>, live: Option<&Value>, new: &Value) -> Comparison {
    let mut comparison = compare(subject, live, Some(new));
    comparison.without(write.reset);
    comparison
}

fn settle(subject: Subject<'_>, write: &Write<'_>, mut ledger: Ledger, comparison: Comparison, new: &mut Value) {
    reconcile_all(subject, &mut ledger);
    credit_changes(write, &mut ledger, comparison);
    ledger.cap();
    put_managed_fields(new, ledger.write());
}

/// Takes what has changed from everyone else and gives it to the writer.
pub(crate) fn credit_changes(write: &Write<'_>, ledger: &mut Ledger, comparison: Comparison) {
    let (changed, removed) = comparison.into_changed();
    ledger.records.retain_mut(|record| {
        let lost = record.set.subtract(&changed) | record.set.subtract(&removed);
        if lost {
            record.text = None;
        }
        !record.set.is_empty()
    });
    if !changed.is_empty() {
        ledger.credit(write.owner(Operation::Update), changed, write.now);
    }
}

/// Adapts all records to the schema of today.
pub(crate) fn reconcile_all(subject: Subject<'_>, ledger: &mut Ledger) {
    let place = subject.place();
    for record in &mut ledger.records {
        if reconcile(&place, &mut record.set) {
            record.text = None;
        }
    }
}

/// If the objects differ in nothing but the times in `managedFields`, puts the old times back, so that the write is none.
/// Says whether the objects are then equal.
pub fn settle_times(live: &Value, new: &mut Value) -> bool {
    let equal = match (live.as_object(), new.as_object()) {
        (Some(a), Some(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, a)| {
                    b.get(name).is_some_and(|b| if name == "metadata" { same_but_times(a, b) } else { same(a, b) })
                })
        }
        _ => same(live, new),
    };
    if equal {
        put_managed_fields(new, managed_fields(live).cloned());
    }
    equal
}

fn same_but_times(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return same(a, b) };
    let timeless = |entry: &Value| match entry {
        Value::Object(map) => {
            Value::Object(map.iter().filter(|(k, _)| *k != "time").map(|(k, v)| (k.clone(), v.clone())).collect())
        }
        other => other.clone(),
    };
    let same_records = |a: &Value, b: &Value| match (a.as_array(), b.as_array()) {
        // Times decide the order, so records are looked for, not zipped.
        (Some(a), Some(b)) => {
            let b: Vec<Value> = b.iter().map(timeless).collect();
            a.len() == b.len() && a.iter().all(|entry| b.contains(&timeless(entry)))
        }
        _ => same(a, b),
    };
    a.len() == b.len()
        && a.iter()
            .all(|(name, a)| b.get(name).is_some_and(|b| if name == "managedFields" { same_records(a, b) } else { same(a, b) }))
}

fn is_stored(live: Option<&Value>) -> bool {
    live.and_then(|live| live.get("metadata")?.get("uid")?.as_str()).is_some_and(|uid| !uid.is_empty())
}

/// An empty list, or a list of one empty record.
fn is_reset(fields: &Value) -> bool {
    match fields.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => one.as_object().is_some_and(|map| map.values().all(|value| value.is_null() || value.as_str() == Some(""))),
        _ => false,
    }
}

/// `metadata.managedFields`.
pub(crate) fn managed_fields(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields")
}

pub(crate) fn take_managed_fields(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.shift_remove("managedFields")
}

/// Sets `metadata.managedFields`, or removes them.
pub(crate) fn put_managed_fields(object: &mut Value, fields: Option<Value>) {
    let Some(fields) = fields else {
        take_managed_fields(object);
        return;
    };
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("managedFields".into(), fields);
    }
}
