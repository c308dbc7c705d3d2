//! What this node was told and has seen, so that a successor of a killed agent finds its sandboxes again. The records and
//! their replay are pure; [`Journal`] appends them to one small file. Lost with the machine, as the containers are.
//!
//! A record is written without waiting for the disk: the page cache outlives `kill -9`, and after a crash of the machine there
//! is nothing left that it could describe.

use crate::plan::Instance;
use serde::{Deserialize, Serialize};
use skiff_engine::wire::{Create, SandboxKey, SandboxState, Template};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Deleted keys that are remembered, to refuse orders that come late.
const TOMBS_MAX: usize = 4096;
/// The file is rewritten when it is larger than this many bytes and than twice what it would be anew.
const REWRITE_BYTES: u64 = 4 << 20;

/// Everything about one sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub create: Create,
    pub containers: Vec<Instance>,
    /// Namespace file and address; `None` before the network stands, or on the node's own network.
    pub network: Option<(PathBuf, Ipv4Addr)>,
    pub state: SandboxState,
    /// Unix milliseconds of `state`.
    pub state_ms: u64,
    /// Unix seconds when the order was taken.
    pub created_s: u64,
    /// Grace in seconds once it is to be deleted.
    pub deleting: Option<u32>,
}

/// One line of the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Largest epoch obeyed, and the node's range (network, prefix).
    Welcome {
        epoch: u64,
        network: u32,
        prefix: u8,
    },
    Template(Template),
    DropTemplate(u32),
    Sandbox(Box<Entry>),
    Gone(SandboxKey, u32),
}

/// The sum of all records.
#[derive(Default)]
pub struct Ledger {
    pub epoch: u64,
    pub range: Option<(u32, u8)>,
    pub templates: BTreeMap<u32, Template>,
    pub sandboxes: BTreeMap<SandboxKey, Entry>,
    tombs: VecDeque<(SandboxKey, u32)>,
}

/// What to do with an order for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Unknown key.
    New,
    /// Known, same or newer generation.
    Known,
    /// Older than what was seen: refuse.
    Stale,
    /// Already removed.
    Buried,
}

impl Ledger {
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Welcome { epoch, network, prefix } => {
                self.epoch = self.epoch.max(epoch);
                self.range = Some((network, prefix));
            }
            Record::Template(template) => drop(self.templates.insert(template.revision, template)),
            Record::DropTemplate(revision) => drop(self.templates.remove(&revision)),
            Record::Sandbox(entry) => drop(self.sandboxes.insert(entry.create.key, *entry)),
            Record::Gone(key, generation) => {
                self.sandboxes.remove(&key);
                if self.tombs.len() >= TOMBS_MAX {
                    self.tombs.pop_front();
                }
                self.tombs.push_back((key, generation));
            }
        }
    }

    /// How an order of this generation stands to what is known.
    pub fn judge(&self, key: SandboxKey, generation: u32) -> Verdict {
        if let Some(entry) = self.sandboxes.get(&key) {
            return if generation < entry.create.generation { Verdict::Stale } else { Verdict::Known };
        }
        match self.tombs.iter().rev().find(|(k, _)| *k == key) {
            Some((_, seen)) if generation > *seen => Verdict::New,
            Some(_) => Verdict::Buried,
            None => Verdict::New,
        }
    }

    /// Whether a sandbox still runs this revision.
    pub fn uses(&self, revision: u32) -> bool {
        self.sandboxes.range(SandboxKey { revision, seq: 0 }..=SandboxKey { revision, seq: u32::MAX }).next().is_some()
    }

    fn records(&self) -> Vec<Record> {
        let mut all = Vec::new();
        if let Some((network, prefix)) = self.range {
            all.push(Record::Welcome { epoch: self.epoch, network, prefix });
        }
        all.extend(self.templates.values().cloned().map(Record::Template));
        all.extend(self.tombs.iter().map(|(key, generation)| Record::Gone(*key, *generation)));
        all.extend(self.sandboxes.values().cloned().map(|e| Record::Sandbox(Box::new(e))));
        all
    }
}

/// The ledger and its file.
pub struct Journal {
    pub ledger: Ledger,
    path: PathBuf,
    file: File,
    bytes: u64,
    compact_at: u64,
}

impl Journal {
    /// Reads what a predecessor left and goes on from there. A torn last record is dropped.
    pub fn open(path: &Path) -> io::Result<Journal> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => drop(file.read_to_end(&mut bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let ledger = replay(&bytes);
        let (file, size) = rewrite(path, &ledger)?;
        Ok(Journal { ledger, path: path.to_owned(), file, bytes: size, compact_at: REWRITE_BYTES.max(size * 2) })
    }

    /// Applies and writes down. A full disk costs only the memory across a restart of the agent, so it is not an error.
    pub fn put(&mut self, record: Record) {
        let written = encode(&record).and_then(|frame| {
            self.bytes += frame.len() as u64;
            self.file.write_all(&frame)
        });
        self.ledger.apply(record);
        let kept = written.and_then(|()| if self.bytes > self.compact_at { self.compact() } else { Ok(()) });
        if let Err(error) = kept {
            tracing::warn!(%error, "ledger is not written");
        }
    }

    fn compact(&mut self) -> io::Result<()> {
        let (file, size) = rewrite(&self.path, &self.ledger)?;
        self.file = file;
        self.bytes = size;
        self.compact_at = REWRITE_BYTES.max(size * 2);
        Ok(())
    }
}

fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let body = postcard::to_allocvec(record).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    let length = u32::try_from(body.len()).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    Ok([&length.to_le_bytes()[..], &body].concat())
}

fn replay(mut bytes: &[u8]) -> Ledger {
    let mut ledger = Ledger::default();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let Some(body) = rest.get(..u32::from_le_bytes(*length) as usize) else { break };
        match postcard::from_bytes(body) {
            Ok(record) => ledger.apply(record),
            Err(error) => tracing::warn!(%error, "a record of the ledger is skipped"),
        }
        bytes = &rest[body.len()..];
    }
    ledger
}

// Written beside and renamed, so that there is always a whole file. It holds secrets: nobody else may read it.
fn rewrite(path: &Path, ledger: &Ledger) -> io::Result<(File, u64)> {
    let next = path.with_extension("next");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    let mut size = 0;
    for record in ledger.records() {
        let frame = encode(&record)?;
        file.write_all(&frame)?;
        size += frame.len() as u64;
    }
    std::fs::rename(&next, path)?;
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::Role;

    fn key(seq: u32) -> SandboxKey {
        SandboxKey { revision: 7, seq }
    }

    fn entry(seq: u32, generation: u32) -> Record {
        let create = Create { key: key(seq), generation, slot: 5, name: "p".into(), uid: "u".into(), decided_ms: 0 };
        Record::Sandbox(Box::new(Entry {
            create,
            containers: vec![Instance::new("c", Role::Main, "i")],
            network: Some((PathBuf::from("/n"), Ipv4Addr::LOCALHOST)),
            state: SandboxState::Creating,
            state_ms: 1,
            created_s: 0,
            deleting: None,
        }))
    }

    #[test]
    fn a_successor_reads_what_was_written_even_after_a_torn_record() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("ledger");
        let mut journal = Journal::open(&path).expect("open");
        journal.put(Record::Welcome { epoch: 3, network: 1, prefix: 20 });
        journal.put(entry(1, 1));
        journal.put(entry(2, 1));
        journal.put(Record::Gone(key(1), 1));
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).expect("append");
        file.write_all(&[200, 0, 0, 0, 1]).expect("tear");
        let journal = Journal::open(&path).expect("reopen");
        assert_eq!((journal.ledger.epoch, journal.ledger.range), (3, Some((1, 20))));
        assert_eq!(journal.ledger.sandboxes.keys().copied().collect::<Vec<_>>(), [key(2)]);
        assert_eq!(journal.ledger.judge(key(1), 1), Verdict::Buried);
    }

    #[test]
    fn orders_are_judged_by_generation() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.judge(key(1), 4), Verdict::New);
        ledger.apply(entry(1, 4));
        assert_eq!(ledger.judge(key(1), 4), Verdict::Known);
        assert_eq!(ledger.judge(key(1), 5), Verdict::Known);
        assert_eq!(ledger.judge(key(1), 3), Verdict::Stale);
        assert!(ledger.uses(7) && !ledger.uses(8));
        ledger.apply(Record::Gone(key(1), 5));
        assert_eq!(ledger.judge(key(1), 5), Verdict::Buried);
        assert_eq!(ledger.judge(key(1), 6), Verdict::New);
    }
}
