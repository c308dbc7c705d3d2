//! Tests of the whole log over a folder. The machine here keeps every entry it was given, so that a lost or doubled one shows.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod damage;
mod restart;
mod suite;

use crate::{Fault, Log, Machine, Settings};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Keeps its entries; answers with how many it has.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) entries: Mutex<Vec<Vec<u8>>>,
    /// Entries that came through `apply`, not through a snapshot.
    pub(crate) applied: Mutex<usize>,
}

impl Machine for Kept {
    fn apply(&self, entry: &[u8]) -> Vec<u8> {
        assert_ne!(entry, b"panic", "as asked");
        let mut entries = self.entries.lock();
        entries.push(entry.to_vec());
        *self.applied.lock() += 1;
        entries.len().to_le_bytes().to_vec()
    }

    fn snapshot(&self) -> Vec<u8> {
        postcard::to_allocvec(&*self.entries.lock()).unwrap()
    }

    fn restore(&self, snapshot: &[u8]) -> Result<(), String> {
        *self.entries.lock() = postcard::from_bytes(snapshot).map_err(|e| e.to_string())?;
        Ok(())
    }
}

/// Small segments and snapshots, so that a short test sees many.
pub(crate) fn small() -> Settings {
    Settings { segment_bytes: 16 << 10, snapshot_log_bytes: 64 << 10, cache_bytes: 4 << 10, ..Settings::default() }
}

pub(crate) async fn open(dir: &Path, settings: Settings) -> Result<(Log, Arc<Kept>), Fault> {
    let kept = Arc::new(Kept::default());
    let log = Log::open_with(dir, Arc::clone(&kept) as Arc<dyn Machine>, settings).await?;
    Ok((log, kept))
}

/// Entry number `n`, of that many bytes.
pub(crate) fn entry(n: usize, bytes: usize) -> Vec<u8> {
    let mut entry = format!("{n}:").into_bytes();
    entry.resize(bytes.max(entry.len()), b'.');
    entry
}

pub(crate) async fn fill(log: &Log, range: std::ops::Range<usize>, bytes: usize) {
    for n in range {
        let answer = log.propose(entry(n, bytes)).await.unwrap();
        assert_eq!(answer, (n + 1).to_le_bytes());
    }
}

pub(crate) fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    crate::folder::list(dir, prefix, "").unwrap().into_iter().map(|(_, path)| path).collect()
}
