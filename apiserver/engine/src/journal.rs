//! The bounded ring of events of one resource; answers "resume from here" with what came after, or "gone".
//!
//! Fed by the store after each turn. `X` is what the reader keeps beside an event (encoded forms, shared by all watchers).

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

/// An event with its version and what readers keep beside it.
#[derive(Debug)]
pub struct Entry<E, X> {
    /// `resourceVersion`.
    pub version: u64,
    /// The event.
    pub event: E,
    /// The readers' own.
    pub beside: X,
}

/// The ring.
#[derive(Debug)]
pub struct Journal<E, X> {
    ring: VecDeque<Arc<Entry<E, X>>>,
    entries_max: usize,
    /// Everything after this version is in the ring.
    floor: u64,
}

/// The asked version is older than the ring: the reader must list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Oldest version from which one can resume.
    pub oldest: u64,
}

impl<E, X: Default> Journal<E, X> {
    /// An empty ring that begins at a version. At `entries_max` the oldest entry makes room.
    #[must_use]
    pub fn new(floor: u64, entries_max: usize) -> Self {
        Self { ring: VecDeque::new(), entries_max, floor }
    }

    /// Appends; versions never go back.
    pub fn push(&mut self, version: u64, event: E) {
        if self.ring.len() >= self.entries_max
            && let Some(old) = self.ring.pop_front()
        {
            self.floor = old.version;
        }
        self.ring.push_back(Arc::new(Entry { version, event, beside: X::default() }));
    }

    /// Entries after `version`, at most `count`.
    ///
    /// # Errors
    /// [`Gone`] if the ring no longer reaches back that far.
    pub fn after(&self, version: u64, count: usize) -> Result<Vec<Arc<Entry<E, X>>>, Gone> {
        if version < self.floor {
            return Err(Gone { oldest: self.floor });
        }
        let start = self.ring.partition_point(|entry| entry.version <= version);
        // A batch never ends between two entries of one version: the cursor could not tell them apart.
        let mut end = start.saturating_add(count).min(self.ring.len());
        while end > start && end < self.ring.len() && self.ring[end].version == self.ring[end - 1].version {
            end += 1;
        }
        Ok(self.ring.range(start..end).cloned().collect())
    }

    /// Oldest version from which one can resume.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Entries from the newest backwards, for reads of an older version.
    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<Entry<E, X>>> {
        self.ring.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resumes_or_says_gone() {
        let mut journal: Journal<u32, ()> = Journal::new(10, 3);
        for version in 11..=13 {
            journal.push(version, 0);
        }
        assert_eq!(journal.after(10, 9).map(|e| e.len()), Ok(3));
        journal.push(14, 0);
        assert_eq!(journal.after(10, 9).map(|e| e.len()), Err(Gone { oldest: 11 }));
        assert_eq!(journal.after(11, 9).map(|e| e.len()), Ok(3));
        assert_eq!(journal.after(14, 9).map(|e| e.len()), Ok(0));
    }

    #[test]
    fn a_batch_keeps_one_version_together() {
        let mut journal: Journal<u32, ()> = Journal::new(0, 10);
        for version in [1, 2, 2, 2, 3] {
            journal.push(version, 0);
        }
        assert_eq!(journal.after(0, 2).map(|e| e.len()), Ok(4));
    }
}
