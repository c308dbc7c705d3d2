//! The table of sandboxes: a chunked slab of rows (no stall while it grows, crates.md 1d), their versions, and the index from
//! identity to row. The overlay is beside it. One owner changes it: the turn.

use super::{Overlay, Sandbox};
use crate::wire::SandboxKey;
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::hash::{BuildHasher, Hasher};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Index of a row; reused after the sandbox is gone.
pub type Row = u32;

const CHUNK: usize = 4096;

/// A row with what the table keeps of it. Words of 32 bits, so that nothing is lost to alignment.
#[derive(Clone, Copy)]
struct Slot {
    sandbox: Sandbox,
    version: [u32; 2],
    /// Position in its revision's lane.
    at: u32,
}

const _: () = assert!(core::mem::size_of::<Slot>() == 28);

fn halves(version: u64) -> [u32; 2] {
    [version as u32, (version >> 32) as u32]
}

/// All sandboxes.
pub struct Sandboxes {
    chunks: Vec<Box<[Slot]>>,
    len: usize,
    free: Vec<Row>,
    index: HashTable<Row>,
    overlays: BTreeMap<Row, Arc<Overlay>>,
    hash: FixedState,
}

impl Default for Sandboxes {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
            free: Vec::new(),
            index: HashTable::new(),
            overlays: BTreeMap::new(),
            hash: FixedState::default(),
        }
    }
}

fn digest(state: &FixedState, key: SandboxKey) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u64(u64::from(key.revision) << 32 | u64::from(key.seq));
    hasher.finish()
}

impl Sandboxes {
    /// Live sandboxes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len - self.free.len()
    }

    /// None.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slot(&self, row: Row) -> &Slot {
        &self.chunks[row as usize / CHUNK][row as usize % CHUNK]
    }

    fn slot_mut(&mut self, row: Row) -> &mut Slot {
        &mut self.chunks[row as usize / CHUNK][row as usize % CHUNK]
    }

    /// The row's sandbox. Rows come from this table's own indexes.
    #[must_use]
    pub fn get(&self, row: Row) -> Sandbox {
        self.slot(row).sandbox
    }

    /// `resourceVersion` of the last change.
    #[must_use]
    pub fn version(&self, row: Row) -> u64 {
        let [low, high] = self.slot(row).version;
        u64::from(high) << 32 | u64::from(low)
    }

    /// Whether a row is in use. Rows are used again: keep keys, not rows, from one turn to the next.
    #[must_use]
    pub fn is_live(&self, row: Row) -> bool {
        (row as usize) < self.len && self.slot(row).sandbox.revision() != 0
    }

    /// The row that the next [`Sandboxes::insert`] will use.
    pub(crate) fn next_row(&self) -> Row {
        self.free.last().copied().unwrap_or(self.len as Row)
    }

    /// Position in the lane of its revision.
    pub(crate) fn at(&self, row: Row) -> u32 {
        self.slot(row).at
    }

    /// Notes the position.
    pub(crate) fn set_at(&mut self, row: Row, at: u32) {
        self.slot_mut(row).at = at;
    }

    /// All rows in use. For checks: it looks at the whole table.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.len as Row).filter(|row| self.is_live(*row))
    }

    /// The rare part, if any.
    #[must_use]
    pub fn overlay(&self, row: Row) -> Option<&Arc<Overlay>> {
        self.overlays.get(&row)
    }

    /// Row of an identity.
    #[must_use]
    pub fn find(&self, key: SandboxKey) -> Option<Row> {
        self.index.find(digest(&self.hash, key), |row| self.get(*row).key() == key).copied()
    }

    /// Adds a row; the caller has checked that the identity is free.
    pub(crate) fn insert(&mut self, sandbox: Sandbox, version: u64) -> Row {
        let row = match self.free.pop() {
            Some(row) => row,
            None => {
                if self.len == self.chunks.len() * CHUNK {
                    self.chunks.push(alloc::vec![Slot { sandbox, version: [0; 2], at: 0 }; CHUNK].into_boxed_slice());
                }
                self.len += 1;
                (self.len - 1) as Row
            }
        };
        *self.slot_mut(row) = Slot { sandbox, version: halves(version), at: 0 };
        let (hash, chunks) = (self.hash.clone(), &self.chunks);
        self.index.insert_unique(digest(&hash, sandbox.key()), row, |row| {
            digest(&hash, chunks[*row as usize / CHUNK][*row as usize % CHUNK].sandbox.key())
        });
        row
    }

    /// Changes a row.
    pub(crate) fn set(&mut self, row: Row, sandbox: Sandbox, version: u64) {
        let slot = self.slot_mut(row);
        slot.sandbox = sandbox;
        slot.version = halves(version);
    }

    /// Sets or clears the rare part.
    pub(crate) fn set_overlay(&mut self, row: Row, overlay: Option<Arc<Overlay>>) {
        match overlay {
            Some(overlay) if !overlay.is_plain() => self.overlays.insert(row, overlay),
            _ => self.overlays.remove(&row),
        };
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, row: Row) {
        let key = self.get(row).key();
        let hash = digest(&self.hash, key);
        if let Ok(entry) = self.index.find_entry(hash, |r| *r == row) {
            entry.remove();
        }
        self.overlays.remove(&row);
        // Revision 0 is nobody's: the row is free.
        self.slot_mut(row).sandbox = Sandbox::new(SandboxKey { revision: 0, seq: 0 }, 0);
        self.free.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_identity_and_reused() {
        let mut table = Sandboxes::default();
        let key = |seq| SandboxKey { revision: 3, seq };
        let rows: Vec<Row> = (0..10_000).map(|seq| table.insert(Sandbox::new(key(seq), 1), u64::from(seq))).collect();
        assert_eq!(table.len(), 10_000);
        assert!((0..10_000).all(|seq| table.find(key(seq)) == Some(rows[seq as usize])));
        table.remove(rows[7]);
        assert_eq!((table.find(key(7)), table.len()), (None, 9_999));
        assert_eq!(table.insert(Sandbox::new(key(20_000), 1), 1), rows[7]);
    }
}
