//! Where each entry stands, and the newest ones themselves. Fed by the store (appends) and the writer (places); read by openraft's
//! readers. Must not know records or the machine.

use crate::Fault;
use crate::record::{self, HEAD_BYTES};
use crate::segment::{Segment, State};
use crate::types::{Entry, LogId, payload_bytes};
use bytes::Bytes;
use openraft::CommittedLeaderId;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// The number of no segment: not written yet.
const NOWHERE: u32 = 0;
/// What a cached entry costs beyond its payload.
const CACHED_BYTES: usize = 128;

/// Where an entry's record stands: 32 bytes each, for every entry that is not purged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    leader: CommittedLeaderId<u64>,
    segment: u32,
    offset: u32,
    /// Bytes of the record.
    bytes: u32,
}

impl Place {
    pub(crate) fn new(id: &LogId, segment: u32, offset: u32, bytes: u32) -> Place {
        Place { leader: id.leader_id, segment, offset, bytes }
    }
}

/// The log as seen from memory.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Vote, committed and purged.
    pub(crate) state: State,
    /// All segments by number; the last is being written.
    pub(crate) segments: BTreeMap<u32, Segment>,
    /// The index of the first place.
    first: u64,
    places: VecDeque<Place>,
    /// The newest entries: the tail of `places`, at least all that are not written yet.
    recent: VecDeque<Entry>,
    recent_bytes: usize,
}

/// An entry, or where to read it.
#[derive(Debug)]
pub(crate) enum Found {
    Here(Entry),
    There { place: Place, index: u64, file: Arc<File>, path: PathBuf },
}

impl Index {
    /// The index that the next entry must have; `None` if there is no entry.
    fn next(&self) -> Option<u64> {
        (!self.places.is_empty()).then(|| self.first + self.places.len() as u64)
    }

    /// The first index that is not purged or void.
    pub(crate) fn first(&self) -> Option<u64> {
        (!self.places.is_empty()).then_some(self.first)
    }

    /// The last entry's id, or the last purged one's.
    pub(crate) fn last(&self) -> Option<LogId> {
        match (self.places.back(), self.next()) {
            (Some(place), Some(next)) => Some(LogId::new(place.leader, next - 1)),
            _ => self.state.purged,
        }
    }

    /// Adds an entry that is about to be written. An error names the index that was expected.
    pub(crate) fn append(&mut self, entry: Entry) -> Result<(), u64> {
        self.place(Place::new(&entry.log_id, NOWHERE, 0, 0), entry.log_id.index)?;
        self.recent_bytes += CACHED_BYTES + payload_bytes(&entry);
        self.recent.push_back(entry);
        Ok(())
    }

    /// Adds an entry that is on disk (recovery). An error names the index that was expected.
    pub(crate) fn place(&mut self, place: Place, index: u64) -> Result<(), u64> {
        match self.next() {
            Some(next) if next != index => return Err(next),
            Some(_) => {}
            None => self.first = index,
        }
        self.places.push_back(place);
        Ok(())
    }

    /// Notes where an entry was written, unless it has been truncated or purged since.
    pub(crate) fn written(&mut self, index: u64, place: Place) {
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.last = segment.last.max(Some(index));
        }
        let at = index.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(known) = at.and_then(|at| self.places.get_mut(at))
            && known.leader == place.leader
        {
            *known = place;
        }
    }

    /// Forgets the oldest cached entries above a bound; what is not written yet stays.
    pub(crate) fn evict(&mut self, bytes_max: usize) {
        while self.recent_bytes > bytes_max {
            let oldest = self.places.len() - self.recent.len();
            if self.places.get(oldest).is_none_or(|place| place.segment == NOWHERE) {
                return;
            }
            let Some(entry) = self.recent.pop_front() else { return };
            self.recent_bytes -= CACHED_BYTES + payload_bytes(&entry);
        }
    }

    /// Voids all entries from an index on.
    pub(crate) fn truncate(&mut self, from: u64) {
        while self.next().is_some_and(|next| next > from) {
            self.places.pop_back();
            if let Some(entry) = self.recent.pop_back() {
                self.recent_bytes -= CACHED_BYTES + payload_bytes(&entry);
            }
        }
    }

    /// Forgets all entries up to an id.
    pub(crate) fn purge(&mut self, upto: LogId) {
        self.state.purged = self.state.purged.max(Some(upto));
        while !self.places.is_empty() && self.first <= upto.index {
            if self.recent.len() == self.places.len()
                && let Some(entry) = self.recent.pop_front()
            {
                self.recent_bytes -= CACHED_BYTES + payload_bytes(&entry);
            }
            self.places.pop_front();
            self.first += 1;
        }
    }

    /// The oldest segment, if it holds nothing but purged entries and is not the one being written.
    pub(crate) fn oldest_purged(&self) -> Option<(u32, PathBuf)> {
        let purged = self.state.purged?;
        let (number, oldest) = self.segments.first_key_value().filter(|_| self.segments.len() > 1)?;
        (oldest.last <= Some(purged.index)).then(|| (*number, oldest.path.clone()))
    }

    /// The entries of a range that exist, up to so many bytes (but at least one).
    pub(crate) fn find(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<Found>, Fault> {
        let Some(next) = self.next() else { return Ok(Vec::new()) };
        let uncached = self.places.len() - self.recent.len();
        let mut found = Vec::new();
        let mut bytes = 0;
        for index in range.start.max(self.first)..range.end.min(next) {
            let at = usize::try_from(index - self.first).unwrap_or(usize::MAX);
            let one = match at.checked_sub(uncached).and_then(|at| self.recent.get(at)) {
                Some(entry) => {
                    bytes += HEAD_BYTES + payload_bytes(entry);
                    Found::Here(entry.clone())
                }
                None => {
                    let place = self.places[at];
                    let segment = self.segments.get(&place.segment);
                    let Some(segment) = segment else {
                        return Err(Fault::Log(format!("entry {index} is in segment {}, which is gone", place.segment)));
                    };
                    bytes += place.bytes as usize;
                    Found::There { place, index, file: Arc::clone(&segment.file), path: segment.path.clone() }
                }
            };
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(one);
        }
        Ok(found)
    }
}

impl Found {
    /// The entry; reads the disk if it must.
    pub(crate) fn load(self) -> Result<Entry, Fault> {
        let (place, index, file, path) = match self {
            Found::Here(entry) => return Ok(entry),
            Found::There { place, index, file, path } => (place, index, file, path),
        };
        let offset = u64::from(place.offset);
        let mut bytes = vec![0; place.bytes as usize];
        file.read_exact_at(&mut bytes, offset).map_err(Fault::io(&path))?;
        let head = record::read(&bytes, place.segment).map_err(|why| Fault::damaged(&path, offset, why))?;
        if head.id != LogId::new(place.leader, index) {
            return Err(Fault::damaged(&path, offset, format!("entry {index} was expected, {} is there", head.id)));
        }
        head.entry(Bytes::from(bytes).slice(HEAD_BYTES..)).map_err(|why| Fault::damaged(&path, offset, why))
    }
}
