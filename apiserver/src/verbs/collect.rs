//! Foreground deletion: an object waits, marked, until what it owns and what blocks it is gone; then it goes.
//!
//! One task for each such object, begun by its deletion and again at the start of the server for those found on the way. It
//! works on the tables as they are and expects their versions, so that it never undoes what somebody else writes meanwhile.

use super::delete::mark;
use super::dependents::{FOREGROUND, dependents, finalizers, is_foreground, released, set_collectors};
use super::house::House;
use super::write;
use crate::status::Outcome;
use crate::store::body::{pack, unpack};
use crate::store::{Core, is_deleting};
use serde_json::Value;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Document, Expect, Put, ResourceId, Write};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Pause between two passes at least; beyond it, something must have changed.
const PAUSE: Duration = Duration::from_millis(50);
/// Pause at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Waits for what an object owns, in the background.
pub fn begin(house: &Arc<House>, resource: ResourceId, key: &str) {
    let (house, key) = (house.clone(), key.to_owned());
    tokio::spawn(async move {
        let mut versions = house.store.versions();
        loop {
            versions.borrow_and_update();
            match pass(&house, resource, &key).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(refusal) => tracing::warn!(%key, message = %refusal.message, "a foreground deletion"),
            }
            tokio::time::sleep(PAUSE).await;
            // Nothing is lost if nothing changes for so long: the next pass finds what there is.
            let _ = tokio::time::timeout(PAUSE_MAX, versions.changed()).await;
        }
    });
}

/// Foreground deletions that an earlier run began.
pub fn resume(house: &Arc<House>) {
    let found: Vec<(ResourceId, String)> = {
        let core = house.store.read();
        let all =
            core.world.documents.tables().flat_map(|(id, table)| table.iter().map(move |(key, document)| (id, key, document)));
        let waits = |document: &Document| mentions(&document.body) && is_foreground(&unpack(&document.body));
        all.filter(|(_, _, document)| waits(document)).map(|(id, key, _)| (id, key.to_string())).collect()
    };
    found.iter().for_each(|(resource, key)| begin(house, *resource, key));
}

/// Looked for before the body is parsed: hardly any waits.
fn mentions(body: &[u8]) -> bool {
    body.windows(FOREGROUND.len()).any(|window| window == FOREGROUND.as_bytes())
}

/// One pass; true when there is nothing left to wait for.
async fn pass(house: &House, resource: ResourceId, key: &str) -> Outcome<bool> {
    let (transaction, over) = plan(&house.store.read(), resource, key);
    if transaction.writes.is_empty() {
        return Ok(over);
    }
    let Some(kind) = house.registry.kinds().of_id(resource).cloned() else { return Ok(true) };
    Ok(write::commit(house, &kind, transaction).await?.is_some() && over)
}

/// What can be done now for an object under foreground deletion, and whether that is all.
#[must_use]
pub fn plan(core: &Core, resource: ResourceId, key: &str) -> (Transaction, bool) {
    let mut collection = Collection { core, transaction: Transaction::default(), seen: BTreeSet::new() };
    let over = collection.finish(resource, key);
    (collection.transaction, over)
}

struct Collection<'a> {
    core: &'a Core,
    transaction: Transaction,
    seen: BTreeSet<(ResourceId, Box<str>)>,
}

impl Collection<'_> {
    fn write(&mut self, resource: ResourceId, key: &str, document: &Document, put: Option<Put>) {
        let expect = Expect::Version(document.version);
        self.transaction.writes.push(Write { resource, key: key.to_owned(), expect, put });
    }

    fn rewrite(&mut self, resource: ResourceId, key: &str, document: &Document, object: &Value) {
        let put = Put { uid: document.uid, owners: document.owners.clone(), body: pack(object, true).into() };
        self.write(resource, key, document, Some(put));
    }

    /// Takes an object that waits one step further. True if nothing holds it any more.
    fn finish(&mut self, resource: ResourceId, key: &str) -> bool {
        let Some(document) = self.core.world.documents.get(resource, key).cloned() else { return true };
        let object = unpack(&document.body);
        if !is_foreground(&object) {
            return true;
        }
        if !self.seen.insert((resource, key.into())) {
            // A circle: it would wait for itself.
            return true;
        }
        let mut held = self.core.has_derived(resource, key) || self.core.own_sandbox_placed(document.uid);
        for (child, child_key) in self.core.world.documents.owned_by(document.uid) {
            held |= !self.child(*child, child_key, document.uid);
        }
        if held {
            return false;
        }
        let mut last = object;
        set_collectors(&mut last, None);
        if finalizers(&last).next().is_some() {
            // What others hold it for is theirs.
            self.rewrite(resource, key, &document, &last);
            return true;
        }
        self.write(resource, key, &document, None);
        // What does not block goes with it.
        dependents(self.core, document.uid, false, &mut self.transaction);
        true
    }

    /// Sees to a dependent. True if its owner need not wait for it.
    fn child(&mut self, resource: ResourceId, key: &str, owner: u128) -> bool {
        let core = self.core;
        let Some(document) = core.world.documents.get(resource, key).cloned() else { return true };
        let object = unpack(&document.body);
        if core.is_ephemeral(resource) || self.transaction.writes.iter().any(|w| w.resource == resource && w.key == key) {
            return true;
        }
        if core.has_other_owner(&document, owner) {
            let put = released(core, resource, key, &document, owner);
            self.write(resource, key, &document, Some(put));
            return true;
        }
        let free = !blocks(&object, owner);
        if is_foreground(&object) {
            return self.finish(resource, key) || free;
        }
        if is_deleting(&object) {
            return free;
        }
        let graceful = core.own_sandbox_placed(document.uid);
        let waits = core.has_dependents(resource, key);
        if !waits && !graceful && finalizers(&object).next().is_none() {
            self.write(resource, key, &document, None);
            return true;
        }
        let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
        let mut new = mark(&object, if graceful { own } else { 0 });
        set_collectors(&mut new, waits.then_some(FOREGROUND));
        self.rewrite(resource, key, &document, &new);
        free
    }
}

/// Whether a dependent holds its owner back (`blockOwnerDeletion`).
fn blocks(object: &Value, owner: u128) -> bool {
    let uid = crate::project::name::uid_text(owner);
    let list = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    list.filter(|reference| reference.get("uid").and_then(Value::as_str) == Some(&uid))
        .any(|reference| reference.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true))
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
