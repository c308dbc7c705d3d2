//! Server-side apply: merge, prune, conflicts, records.
//!
//! Fed by the PATCH handler with the parsed body; knows the schema and `managedFields`, no storage. The caller defaults,
//! validates and stores what comes back.

use super::check::complaints;
use super::compare::compare;
use super::conflict::{ApplyError, Conflict, Conflicts};
use super::extract::{set_of, strip};
use super::fieldset::FieldSet;
use super::join::join;
use super::last_applied::{self, KUBECTL};
use super::ledger::{Ledger, Operation, Record};
use super::prune::prune;
use super::topology::Subject;
use super::track::{Write, credit_changes, managed_fields, put_managed_fields, reconcile_all, take_managed_fields};
use super::zero::empty_object;
use crate::go_text::same;
use serde_json::Value;
use skiff_schema::Gvk;

/// Owns what an object had before anyone applied to it.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Applies a configuration to the live object (`None` creates it) and returns the object with its new `managedFields`.
///
/// If the result equals `live` in all but `managedFields`, times stay as they were: an owner that changes nothing gets no time.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply(
    subject: Subject<'_>,
    write: &Write<'_>,
    kind: &Gvk,
    live: Option<&Value>,
    config: &Value,
    force: bool,
) -> Result<Value, ApplyError> {
    check_config(subject, kind, config)?;
    let mut ledger = Ledger::read(live.and_then(managed_fields)).map_err(ApplyError::Stored)?;
    if let Some(live) = live.filter(|_| ledger.records.is_empty()) {
        let mut comparison = compare(subject, None, Some(live));
        comparison.without(write.reset);
        credit_changes(&Write { field_manager: BEFORE_FIRST_APPLY, ..*write }, &mut ledger, comparison);
    }
    reconcile_all(subject, &mut ledger);
    let attempt = Attempt { subject, write, live, config };
    let outcome = match attempt.run(ledger.clone(), force) {
        Err(conflicts) if write.field_manager == KUBECTL => {
            attempt.forgive(conflicts, kind)?;
            attempt.run(ledger, true)
        }
        other => other,
    };
    let (mut object, ledger) = outcome.map_err(ApplyError::Conflict)?;
    if write.field_manager == KUBECTL {
        last_applied::refresh(&mut object, config);
    }
    put_managed_fields(&mut object, ledger.write());
    Ok(object)
}

fn check_config(subject: Subject<'_>, kind: &Gvk, config: &Value) -> Result<(), ApplyError> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    // Go prints the group's slash even for the core group.
    let type_text = format!("{group}/{version}, Kind={}", text("kind"));
    if *kind.group != *group || *kind.version != *version || *kind.kind != *text("kind") {
        return Err(ApplyError::WrongType(type_text));
    }
    if managed_fields(config).and_then(Value::as_array).is_some_and(|fields| !fields.is_empty()) {
        return Err(ApplyError::ManagedFieldsSent);
    }
    let Some(complaints) = complaints(&subject.place(), config) else { return Ok(()) };
    let meta = |key: &str| config.get("metadata").and_then(|meta| meta.get(key)?.as_str()).unwrap_or_default();
    let object = format!("{}/{}; {type_text}", meta("namespace"), meta("name"));
    Err(ApplyError::Untyped { object, complaints })
}

struct Attempt<'a> {
    subject: Subject<'a>,
    write: &'a Write<'a>,
    live: Option<&'a Value>,
    config: &'a Value,
}

impl Attempt<'_> {
    /// The merged object without `managedFields`, and the records.
    fn run(&self, mut ledger: Ledger, force: bool) -> Result<(Value, Ledger), Conflicts> {
        let place = self.subject.place();
        let live = self.live.unwrap_or(empty_object());
        let owner = self.write.owner(Operation::Apply);
        let mut set = set_of(&place, self.config);
        strip(&mut set);
        self.write.reset.filter(&mut set);
        let last = ledger.take(&owner);

        let mut merged = join(&place, Some(live), Some(self.config));
        take_managed_fields(&mut merged);
        if let Some(last) = &last {
            let mut owned = set.clone();
            for record in &ledger.records {
                owned.unite(record.set.clone());
            }
            merged = prune(self.subject, merged, &last.set, &owned);
        }

        let mut comparison = compare(self.subject, self.live, Some(&merged));
        comparison.without(self.write.reset);
        let (changed, removed) = comparison.into_changed();
        let conflicts = conflicts(&ledger, &changed);
        if !force && !conflicts.is_empty() {
            return Err(Conflicts(conflicts));
        }
        disown(&mut ledger, &changed, &removed);
        let unchanged = self.live.is_some_and(|live| same_objects(live, &merged));
        if !set.is_empty() {
            let time = if unchanged { last.and_then(|last| last.time) } else { Some(self.write.now.to_owned()) };
            ledger.records.push(Record { owner, time, set, text: None });
        }
        Ok((merged, ledger))
    }

    /// Conflicts over fields that client-side apply has set and nobody has touched since are none.
    fn forgive(&self, conflicts: Conflicts, kind: &Gvk) -> Result<(), ApplyError> {
        let allowed = self.live.and_then(|live| last_applied::unchanged_since(self.subject, &kind.api_version(), live));
        let Some(allowed) = allowed else { return Err(ApplyError::Conflict(conflicts)) };
        let left: Vec<Conflict> = conflicts.0.into_iter().filter(|one| !allowed.has(&one.path)).collect();
        if left.is_empty() { Ok(()) } else { Err(ApplyError::Conflict(Conflicts(left))) }
    }
}

fn conflicts(ledger: &Ledger, changed: &FieldSet) -> Vec<Conflict> {
    let mut owners: Vec<&Record> = ledger.records.iter().filter(|record| record.set.intersects(changed)).collect();
    owners.sort_by_cached_key(|record| record.owner.sort_key());
    let conflict = |record: &Record| {
        let owner = record.owner.clone();
        let paths = record.set.intersection(changed).paths();
        paths.into_iter().map(move |path| Conflict { owner: owner.clone(), path }).collect::<Vec<_>>()
    };
    owners.into_iter().flat_map(conflict).collect()
}

fn disown(ledger: &mut Ledger, changed: &FieldSet, removed: &FieldSet) {
    ledger.records.retain_mut(|record| {
        if record.set.subtract(changed) | record.set.subtract(removed) {
            record.text = None;
        }
        !record.set.is_empty()
    });
}

/// Whether two objects are equal in all but `managedFields`; the second has none.
fn same_objects(live: &Value, merged: &Value) -> bool {
    let (Some(a), Some(b)) = (live.as_object(), merged.as_object()) else { return same(live, merged) };
    let without_fields = |a: &Value, b: &Value| match (a.as_object(), b.as_object()) {
        (Some(a), Some(b)) => {
            let count = a.len() - usize::from(a.contains_key("managedFields"));
            count == b.len() && b.iter().all(|(name, b)| a.get(name).is_some_and(|a| same(a, b)))
        }
        _ => same(a, b),
    };
    a.len() == b.len()
        && a.iter()
            .all(|(name, a)| b.get(name).is_some_and(|b| if name == "metadata" { without_fields(a, b) } else { same(a, b) }))
}
