//! Any declared object as canonical bytes, and the table of them. Durable: this table is all that the log restores.
//!
//! Fed by `command/write_documents.rs`. Does not know what is in the bytes: identity, owners and finality come with the write.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use serde::{Deserialize, Serialize};

/// Number of a resource, chosen by the caller and the same for ever (the house hashes `plural.group`).
pub type ResourceId = u32;

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `resourceVersion` of the last write.
    pub version: u64,
    /// A durable number, never used for another document.
    pub serial: u32,
    /// Identity.
    pub uid: u128,
    /// Identities of owners.
    pub owners: Vec<u128>,
    /// Canonical bytes; what is in them is the caller's affair.
    pub body: Arc<[u8]>,
}

/// What must hold for a write to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// Nothing is there.
    Absent,
    /// This very version is there.
    Version(u64),
    /// Something is there.
    Present,
    /// Whatever.
    Any,
}

/// One write of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Which table.
    pub resource: ResourceId,
    /// `namespace/name`, or the name alone.
    pub key: String,
    /// Precondition.
    pub expect: Expect,
    /// New content; `None` deletes.
    pub put: Option<Put>,
}

/// New content of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// See [`Document`].
    pub uid: u128,
    /// See [`Document`].
    pub owners: Vec<u128>,
    /// See [`Document`].
    pub body: Arc<[u8]>,
}

/// Documents of one resource in key order.
pub type Table = BTreeMap<Box<str>, Arc<Document>>;

/// All documents.
#[derive(Debug, Default)]
pub struct Documents {
    tables: BTreeMap<ResourceId, Table>,
    owned: BTreeMap<u128, Vec<(ResourceId, Box<str>)>>,
    /// Serial of the next new document.
    pub(crate) next_serial: u32,
}

static EMPTY: Table = BTreeMap::new();

impl Documents {
    /// The table of a resource, empty if it never had one.
    #[must_use]
    pub fn table(&self, resource: ResourceId) -> &Table {
        self.tables.get(&resource).unwrap_or(&EMPTY)
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = (ResourceId, &Table)> {
        self.tables.iter().map(|(id, table)| (*id, table))
    }

    /// One document.
    #[must_use]
    pub fn get(&self, resource: ResourceId, key: &str) -> Option<&Arc<Document>> {
        self.table(resource).get(key)
    }

    /// What names this identity as an owner.
    #[must_use]
    pub fn owned_by(&self, uid: u128) -> &[(ResourceId, Box<str>)] {
        self.owned.get(&uid).map_or(&[], Vec::as_slice)
    }

    /// Serial for a new document; serial 0 means none.
    pub(crate) fn take_serial(&mut self) -> u32 {
        self.next_serial += 1;
        self.next_serial
    }

    /// Puts or removes a document and keeps the index of owners right. Returns what was there.
    pub(crate) fn replace(&mut self, resource: ResourceId, key: &str, after: Option<Arc<Document>>) -> Option<Arc<Document>> {
        let table = self.tables.entry(resource).or_default();
        let before = match &after {
            Some(document) => table.insert(key.into(), document.clone()),
            None => table.remove(key),
        };
        let same = matches!((&before, &after), (Some(a), Some(b)) if a.owners == b.owners);
        if !same {
            for owner in before.iter().flat_map(|d| d.owners.iter()) {
                if let Some(list) = self.owned.get_mut(owner) {
                    // Sorted, so that an owner of many can lose them one by one.
                    if let Ok(at) = list.binary_search_by(|(r, k)| (*r, &**k).cmp(&(resource, key))) {
                        list.remove(at);
                    }
                    if list.is_empty() {
                        self.owned.remove(owner);
                    }
                }
            }
            for owner in after.iter().flat_map(|d| d.owners.iter()) {
                let list = self.owned.entry(*owner).or_default();
                if let Err(at) = list.binary_search_by(|(r, k)| (*r, &**k).cmp(&(resource, key))) {
                    list.insert(at, (resource, key.into()));
                }
            }
        }
        before
    }
}
