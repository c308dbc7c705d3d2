//! What an owner's end means for what it owns: gone with it, released from it, or marked. Also the finalizers that are the
//! collector's own. Used by every deletion; plans writes, commits nothing.

use super::delete::mark;
use super::write::put;
use crate::store::body::{pack, unpack};
use crate::store::{Core, is_deleting};
use serde_json::{Value, json};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Document, Expect, Put, ResourceId, Write};
use std::sync::Arc;

/// Holds an object under foreground deletion until what it owns is gone.
pub const FOREGROUND: &str = "foregroundDeletion";
/// Holds an object until what it owns is released.
pub const ORPHAN: &str = "orphan";

/// Whether a finalizer is the collector's and not somebody else's.
#[must_use]
pub fn is_collectors(finalizer: &str) -> bool {
    matches!(finalizer, FOREGROUND | ORPHAN)
}

/// Finalizers that somebody waits for; Knative's own are only shown.
pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).filter(|f| !crate::project::knative::is_shown_finalizer(f))
}

/// Replaces the collector's finalizers by the given one, or none.
pub fn set_collectors(object: &mut Value, finalizer: Option<&str>) {
    let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let mut list = meta.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    list.retain(|f| f.as_str().is_none_or(|f| !is_collectors(f) || Some(f) == finalizer));
    if let Some(finalizer) = finalizer.filter(|f| !list.contains(&json!(f))) {
        list.push(finalizer.into());
    }
    if list.is_empty() {
        meta.shift_remove("finalizers");
    } else {
        meta.insert("finalizers".into(), list.into());
    }
}

/// Whether an object waits for what it owns to go first.
#[must_use]
pub fn is_foreground(object: &Value) -> bool {
    is_deleting(object) && finalizers(object).any(|f| f == FOREGROUND)
}

impl Core {
    /// Whether Pods made from records belong to a document.
    #[must_use]
    pub fn has_derived(&self, resource: ResourceId, key: &str) -> bool {
        let Some(document) = self.world.documents.get(resource, key) else { return false };
        let revision = self.world.revisions.get(&document.serial);
        !self.is_own_pod(document.serial) && document.serial != 0 && revision.is_some_and(|r| !r.members.is_empty())
    }

    /// Whether anything belongs to a document.
    #[must_use]
    pub fn has_dependents(&self, resource: ResourceId, key: &str) -> bool {
        let Some(document) = self.world.documents.get(resource, key) else { return false };
        self.has_derived(resource, key) || self.world.documents.owned_by(document.uid).iter().any(|(r, _)| !self.is_ephemeral(*r))
    }

    /// Whether another owner than this one holds a document: one that is there and does not itself wait for its dependents.
    #[must_use]
    pub fn has_other_owner(&self, document: &Document, owner: u128) -> bool {
        document.owners.iter().filter(|o| **o != owner).any(|other| {
            let Some((resource, key)) = self.index.of_uid(*other) else { return false };
            self.world.documents.get(*resource, key).is_some_and(|d| !is_foreground(&unpack(&d.body)))
        })
    }
}

/// The content of a document without an owner. Where its owner decided about it, what was decided last stays.
#[must_use]
pub fn released(core: &Core, resource: ResourceId, key: &str, document: &Arc<Document>, owner: u128) -> Put {
    let mut object = core.standing_alone(resource, key, document);
    release(&mut object, owner);
    let owners = document.owners.iter().copied().filter(|o| *o != owner).collect();
    Put { owners, ..put(resource, &object) }
}

/// Adds the deletion (or release) of everything that an identity owns, however deep.
pub fn dependents(core: &Core, owner: u128, orphan: bool, transaction: &mut Transaction) {
    let mut owners = vec![owner];
    while let Some(owner) = owners.pop() {
        for (resource, key) in core.world.documents.owned_by(owner) {
            if transaction.writes.iter().any(|w| w.resource == *resource && w.key == **key) {
                continue;
            }
            let Some(document) = core.world.documents.get(*resource, key) else { continue };
            let write = |put| Write { resource: *resource, key: key.to_string(), expect: Expect::Any, put };
            if orphan || core.has_other_owner(document, owner) {
                transaction.writes.push(write(Some(released(core, *resource, key, document, owner))));
                continue;
            }
            let object = unpack(&document.body);
            let has_finalizers = finalizers(&object).next().is_some();
            let graceful = core.own_sandbox_placed(document.uid);
            if has_finalizers || graceful {
                if !is_deleting(&object) {
                    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
                    let new = mark(&object, if graceful { own } else { 0 });
                    let put = Put { uid: document.uid, owners: document.owners.clone(), body: pack(&new, true).into() };
                    transaction.writes.push(write(Some(put)));
                }
                continue;
            }
            transaction.writes.push(write(None));
            owners.push(document.uid);
        }
    }
}

fn release(object: &mut Value, owner: u128) {
    let uid = crate::project::name::uid_text(owner);
    let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if let Some(list) = meta.get_mut("ownerReferences").and_then(Value::as_array_mut) {
        list.retain(|reference| reference.get("uid").and_then(Value::as_str) != Some(&uid));
        if list.is_empty() {
            meta.shift_remove("ownerReferences");
        }
    }
}
