//! Snapshot files: written whole or not at all, the newest two kept. Fed by the tables; must not know the log or what a snapshot holds.
//!
//! ```text
//! magic "skSNAP01" │ crc32 of all that follows │ bytes of the meta u32 │ bytes of the body u64 │ meta (postcard) │ body
//! ```

use crate::lock::Held;
use crate::types::SnapshotMeta;
use crate::{Fault, folder};
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Snapshots kept: the log is purged up to the older, so that one damaged file loses nothing.
const KEPT: usize = 2;
const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".skiff";
const MAGIC: &[u8; 8] = b"skSNAP01";
const HEAD_BYTES: usize = 24;

/// The folder's snapshots.
#[derive(Debug)]
pub(crate) struct Shelf {
    dir: PathBuf,
    /// Oldest first; whole ones only.
    kept: Mutex<Vec<(PathBuf, SnapshotMeta)>>,
    _held: Held,
}

/// A snapshot that was read back whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) meta: SnapshotMeta,
    bytes: Vec<u8>,
    body_at: usize,
}

impl Whole {
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body_at..]
    }
}

/// A name that sorts by index, then by time: unique, and the snapshot's id.
pub(crate) fn name(index: u64) -> String {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{PREFIX}{index:020}-{nanoseconds:020}{SUFFIX}")
}

impl Shelf {
    /// Lists the snapshots and reads the newest whole one. A damaged one is put aside under another name.
    pub(crate) fn open(dir: &Path, held: Held) -> Result<(Shelf, Option<Whole>), Fault> {
        let mut kept = Vec::new();
        let mut newest = None;
        for (_, path) in folder::list(dir, PREFIX, SUFFIX)?.into_iter().rev() {
            // All are checked, though only the newest is restored: the log is purged up to the older on the strength of it.
            match std::fs::read(&path).map_err(Fault::io(&path)).and_then(|bytes| parse(&path, bytes)) {
                Ok(whole) => {
                    kept.push((path, whole.meta.clone()));
                    newest = newest.or(Some(whole));
                }
                Err(fault @ Fault::Damaged { .. }) => {
                    tracing::error!(%fault, "a snapshot is put aside");
                    let aside = path.with_extension("damaged");
                    std::fs::rename(&path, &aside).map_err(Fault::io(&path))?;
                }
                Err(other) => return Err(other),
            }
        }
        kept.reverse();
        Ok((Shelf { dir: dir.to_owned(), kept: Mutex::new(kept), _held: held }, newest))
    }

    /// Writes a snapshot; it is durable when this returns. Blocks.
    pub(crate) fn put(&self, meta: SnapshotMeta, body: &[u8]) -> Result<(), Fault> {
        let path = self.dir.join(&meta.snapshot_id);
        let unfinished = self.dir.join(format!("{}{}", meta.snapshot_id, folder::UNFINISHED));
        write(&unfinished, &meta, body)?;
        std::fs::rename(&unfinished, &path).map_err(Fault::io(&unfinished))?;
        folder::sync(&self.dir).map_err(Fault::io(&self.dir))?;
        let mut kept = self.kept.lock();
        kept.retain(|(old, _)| *old != path);
        kept.push((path, meta));
        while kept.len() > KEPT {
            let (old, _) = kept.remove(0);
            if let Err(error) = std::fs::remove_file(&old) {
                tracing::warn!(path = %old.display(), %error, "an old snapshot stays");
            }
        }
        Ok(())
    }

    /// The newest snapshot's file, at its start.
    pub(crate) fn newest(&self) -> Result<Option<(SnapshotMeta, File)>, Fault> {
        let kept = self.kept.lock();
        let Some((path, meta)) = kept.last() else { return Ok(None) };
        Ok(Some((meta.clone(), File::open(path).map_err(Fault::io(path))?)))
    }

    /// The index up to which the log may go: what the older of the kept snapshots holds.
    pub(crate) fn purgeable(&self) -> Option<u64> {
        let kept = self.kept.lock();
        if kept.len() < KEPT {
            return None;
        }
        kept.first().and_then(|(_, meta)| meta.last_log_id).map(|id| id.index)
    }

    /// A file without a name, into which another member's snapshot is received.
    pub(crate) fn incoming(&self) -> Result<File, Fault> {
        let path = self.dir.join(format!("{}incoming{}", PREFIX, folder::UNFINISHED));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(Fault::io(&path))?;
        // It lives as long as its handle: a break in the transfer leaves nothing behind.
        std::fs::remove_file(&path).map_err(Fault::io(&path))?;
        Ok(file)
    }
}

fn write(path: &Path, meta: &SnapshotMeta, body: &[u8]) -> Result<(), Fault> {
    let meta = postcard::to_allocvec(meta).map_err(|e| Fault::Log(format!("a snapshot's meta does not encode: {e}")))?;
    let mut head = [0; HEAD_BYTES];
    head[0..8].copy_from_slice(MAGIC);
    head[12..16].copy_from_slice(&u32::try_from(meta.len()).unwrap_or(u32::MAX).to_le_bytes());
    head[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
    let crc = checksum(&head, &[&meta, body]);
    head[8..12].copy_from_slice(&crc.to_le_bytes());
    let written = File::create(path).and_then(|mut file| {
        file.write_all(&head)?;
        file.write_all(&meta)?;
        file.write_all(body)?;
        file.sync_all()
    });
    written.map_err(Fault::io(path))
}

/// Checks a snapshot's bytes; `path` is for the error only.
pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Whole, Fault> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Err(Fault::damaged(path, 0, "no whole head")) };
    if head[0..8] != *MAGIC {
        return Err(Fault::damaged(path, 0, "not a snapshot of this version"));
    }
    let crc = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    let meta_bytes = u32::from_le_bytes([head[12], head[13], head[14], head[15]]) as usize;
    let rest = &bytes[HEAD_BYTES..];
    if checksum(head, &[rest]) != crc {
        return Err(Fault::damaged(path, 8, "the checksum is wrong"));
    }
    let meta = rest.get(..meta_bytes).ok_or_else(|| Fault::damaged(path, 12, "the meta is longer than the file"))?;
    let meta = postcard::from_bytes(meta).map_err(|e| Fault::damaged(path, HEAD_BYTES as u64, format!("the meta: {e}")))?;
    Ok(Whole { meta, body_at: HEAD_BYTES + meta_bytes, bytes })
}

fn checksum(head: &[u8; HEAD_BYTES], parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[12..]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}
