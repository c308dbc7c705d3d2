//! The durable command: one transaction of document writes, all or nothing. The same bytes give the same tables on every member.

use crate::event::Event;
use crate::record::{Document, Expect, ResourceId, Write};
use crate::world::{Turn, World};
use alloc::{string::String, sync::Arc, vec::Vec};
use serde::{Deserialize, Serialize};

/// Writes that are applied together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// In order; a later write sees an earlier one.
    pub writes: Vec<Write>,
}

/// One entry of the log: what was collected while the entry before was being synced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The leader's version when it proposed: versions given by this entry are above it on every member.
    pub floor: u64,
    /// Versions that the leader may give out (also to sandboxes, which are not logged) until a later entry raises this.
    /// A restart begins above it, so no version is ever given twice.
    pub ceiling: u64,
    /// In order.
    pub transactions: Vec<Transaction>,
}

/// What an applied transaction gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Version of each written document, in order of the writes.
    pub versions: Vec<u64>,
}

/// Why a transaction was not applied: nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Which write's precondition failed.
    pub write: usize,
    /// What was expected.
    pub expect: Expect,
    /// Version that is there, if something is.
    pub found: Option<u64>,
    /// The key.
    pub key: String,
}

impl World {
    /// Applies a transaction.
    ///
    /// # Errors
    /// [`Clash`] if a precondition does not hold; the world is as before.
    pub fn write_documents(&mut self, turn: &mut Turn, transaction: &Transaction) -> Result<Applied, Clash> {
        self.write_all(turn, transaction, true)
    }

    /// Applies a transaction of documents that are kept in memory only. They get no number: numbers follow from the log alone, so
    /// that a replay gives each durable document the one that nodes know its sandboxes by.
    ///
    /// # Errors
    /// As [`World::write_documents`].
    pub fn write_ephemeral(&mut self, turn: &mut Turn, transaction: &Transaction) -> Result<Applied, Clash> {
        self.write_all(turn, transaction, false)
    }

    fn write_all(&mut self, turn: &mut Turn, transaction: &Transaction, durable: bool) -> Result<Applied, Clash> {
        for (index, write) in transaction.writes.iter().enumerate() {
            // Preconditions look at the state before the transaction: writers name each key once.
            let found = self.documents.get(write.resource, &write.key).map(|d| d.version);
            let holds = match write.expect {
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
                Expect::Present => found.is_some(),
                Expect::Any => true,
            };
            if !holds {
                return Err(Clash { write: index, expect: write.expect, found, key: write.key.clone() });
            }
        }
        let mut versions = Vec::with_capacity(transaction.writes.len());
        for write in &transaction.writes {
            versions.push(self.write_one(turn, write, durable));
        }
        Ok(Applied { versions })
    }

    fn write_one(&mut self, turn: &mut Turn, write: &Write, durable: bool) -> u64 {
        let before = self.documents.get(write.resource, &write.key).cloned();
        if before.is_none() && write.put.is_none() {
            return self.version;
        }
        let version = self.next_version();
        let after = write.put.as_ref().map(|put| {
            let serial = match &before {
                Some(document) if document.uid == put.uid => document.serial,
                _ if durable => self.documents.take_serial(),
                _ => 0,
            };
            Arc::new(Document { version, serial, uid: put.uid, owners: put.owners.clone(), body: put.body.clone() })
        });
        self.documents.replace(write.resource, &write.key, after.clone());
        turn.out
            .events
            .push((version, Event::Document { resource: write.resource, key: write.key.as_str().into(), before, after }));
        version
    }

    /// Puts back a document of a snapshot, without an event.
    pub fn restore_document(&mut self, resource: ResourceId, key: &str, document: Arc<Document>) {
        self.version = self.version.max(document.version);
        self.documents.next_serial = self.documents.next_serial.max(document.serial);
        self.documents.replace(resource, key, Some(document));
    }

    /// Raises the version to at least this.
    pub fn raise_version(&mut self, floor: u64) {
        self.version = self.version.max(floor);
    }

    /// Number of the last document made; part of a snapshot.
    #[must_use]
    pub fn last_serial(&self) -> u32 {
        self.documents.next_serial
    }

    /// Raises the number of the last document, from a snapshot.
    pub fn raise_serial(&mut self, serial: u32) {
        self.documents.next_serial = self.documents.next_serial.max(serial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Put;
    use alloc::vec;

    fn put(key: &str, expect: Expect, body: &[u8]) -> Write {
        let put = Put { uid: 7, owners: Vec::new(), body: body.into() };
        Write { resource: 1, key: key.into(), expect, put: Some(put) }
    }

    #[test]
    fn all_or_nothing_and_versions_grow() {
        let mut world = World::default();
        let mut turn = Turn::new(0, 0);
        let both = Transaction { writes: vec![put("a", Expect::Absent, b"1"), put("b", Expect::Absent, b"1")] };
        assert_eq!(world.write_documents(&mut turn, &both).map(|a| a.versions), Ok(vec![1, 2]));
        let clash = Transaction { writes: vec![put("c", Expect::Absent, b"1"), put("a", Expect::Version(9), b"2")] };
        assert_eq!(world.write_documents(&mut turn, &clash).err().map(|c| (c.write, c.found)), Some((1, Some(1))));
        assert!(world.documents.get(1, "c").is_none());
        let serial = world.documents.get(1, "a").map(|d| d.serial);
        let again = Transaction { writes: vec![put("a", Expect::Version(1), b"2")] };
        assert!(world.write_documents(&mut turn, &again).is_ok());
        assert_eq!(world.documents.get(1, "a").map(|d| (d.serial, d.version)), serial.map(|s| (s, 3)));
        assert_eq!(turn.out.events.len(), 3);
    }
}
