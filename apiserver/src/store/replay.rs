//! The versions of a replay: those that were given out when the entries were first applied.
//!
//! While an entry is being synced, sandboxes and ephemeral documents take versions too, and none of them is in the log. So the
//! version from which an entry was counted is known only once it has been applied; the entry after it says it, and a replay
//! moves what it wrote there. Preconditions on versions then hold, or not, as they first did.

use super::Core;
use skiff_engine::command::{Batch, Clash, Transaction};
use skiff_engine::record::{Document, ResourceId};
use std::sync::Arc;

/// The entry that was applied last.
#[derive(Debug, Default)]
pub struct LastEntry {
    /// Its writes have versions above this one.
    from: u64,
    /// Up to this one.
    to: u64,
    /// Keys that it wrote; noted by a replay only, which may have to move them.
    written: Vec<(ResourceId, String)>,
    /// A replay would count from elsewhere unless a further entry says from where.
    unsaid: bool,
}

impl LastEntry {
    /// What the next entry says of this one.
    #[must_use]
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Whether an entry is needed only to say it.
    #[must_use]
    pub fn is_unsaid(&self) -> bool {
        self.unsaid
    }
}

impl Core {
    /// Moves what the entry before has written to where it was first counted from.
    pub(super) fn realign(&mut self, from: u64) {
        let last = std::mem::take(&mut self.last_entry);
        let Some(distance) = from.checked_sub(last.from).filter(|distance| *distance > 0) else { return };
        for (resource, key) in last.written {
            let Some(document) = self.world.documents.get(resource, &key).filter(|d| d.version > last.from) else { continue };
            let moved = Document { version: document.version + distance, ..Document::clone(document) };
            self.world.restore_document(resource, &key, Arc::new(moved));
        }
        self.world.raise_version(last.to + distance);
    }

    /// Notes an entry that was just applied from this version.
    pub(super) fn note_entry<T>(&mut self, from: u64, batch: &Batch, results: &[Result<T, Clash>]) {
        let applied = || batch.transactions.iter().zip(results).filter(|(_, result)| result.is_ok()).map(|(t, _)| t);
        let keys = |t: &Transaction| t.writes.iter().map(|w| (w.resource, w.key.clone())).collect::<Vec<_>>();
        let written = if self.is_live() { Vec::new() } else { applied().flat_map(keys).collect() };
        let unsaid = from != batch.floor && applied().next().is_some();
        self.last_entry = LastEntry { from, to: self.world.version, written, unsaid };
    }
}

#[cfg(test)]
mod tests {
    use super::super::propose::encode;
    use super::super::{Applier, Store};
    use crate::registry::{Registry, ids};
    use skiff_durable::Machine;
    use skiff_engine::command::{Batch, Transaction};
    use skiff_engine::record::{Expect, Put, Write};
    use std::sync::Arc;

    /// A leader: what it proposes is kept, and between a proposal and its end something else takes a version.
    struct Leader {
        store: Arc<Store>,
        log: Vec<Vec<u8>>,
    }

    fn fresh() -> Arc<Store> {
        Store::new(Arc::new(Registry::new()), 1).0
    }

    impl Leader {
        fn propose(&mut self, writes: Vec<Write>) -> bool {
            let entry = {
                let core = self.store.read();
                let floor = core.world.version;
                encode(&Batch { floor, ceiling: 1 << 20, transactions: vec![Transaction { writes }] }, core.last_entry.from())
                    .unwrap()
            };
            let lease = Put { uid: 9, owners: Vec::new(), body: b"{}"[..].into() };
            let write = Write { resource: ids::LEASES, key: "n/l".into(), expect: Expect::Any, put: Some(lease) };
            self.store.commit_ephemeral(&Transaction { writes: vec![write] }).unwrap();
            let version = self.version("a");
            Applier(self.store.clone()).apply(&entry);
            self.log.push(entry);
            self.version("a") != version
        }

        fn version(&self, key: &str) -> Option<u64> {
            self.store.read().world.documents.get(ids::CONFIG_MAPS, key).map(|d| d.version)
        }

        fn restarted(self) -> Leader {
            let store = fresh();
            for entry in &self.log {
                Applier(store.clone()).apply(entry);
            }
            store.begin(0, 0);
            Leader { store, log: self.log }
        }
    }

    fn put(key: &str, expect: Expect) -> Write {
        let put = Put { uid: 7, owners: Vec::new(), body: b"{}"[..].into() };
        Write { resource: ids::CONFIG_MAPS, key: key.into(), expect, put: Some(put) }
    }

    #[test]
    fn what_was_acknowledged_is_done_again() {
        let store = fresh();
        store.begin(0, 0);
        let mut leader = Leader { store, log: Vec::new() };
        assert!(leader.propose(vec![put("b", Expect::Absent), put("a", Expect::Absent)]));
        let made = leader.version("a").unwrap();
        assert!(leader.store.read().last_entry.is_unsaid(), "nothing in the log says that a lease took a version");
        assert!(leader.propose(vec![put("a", Expect::Version(made))]));
        assert!(!leader.propose(vec![put("a", Expect::Version(made))]), "a clash stays one");
        let (a, b) = (leader.version("a"), leader.version("b"));
        let mut leader = leader.restarted();
        assert_eq!((leader.version("a"), leader.version("b")), (a, b));
        assert!(leader.propose(vec![Write { put: None, ..put("a", Expect::Version(a.unwrap())) }]));
        let leader = leader.restarted();
        assert_eq!((leader.version("a"), leader.version("b")), (None, b), "what was deleted stays away");
    }

    #[test]
    fn an_entry_without_the_word_is_read_too() {
        let store = fresh();
        let batch = Batch { floor: 4, ceiling: 9, transactions: vec![Transaction { writes: vec![put("a", Expect::Absent)] }] };
        Applier(store.clone()).apply(&postcard::to_allocvec(&batch).unwrap());
        assert_eq!(store.read().world.documents.get(ids::CONFIG_MAPS, "a").map(|d| d.version), Some(5));
    }
}
