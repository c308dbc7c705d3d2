//! Segment files: names, preallocation, the first record. Fed by the writer and recovery; must not know groups beyond the first.

use crate::folder;
use crate::record::Record;
use crate::types::{LogId, Vote};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How segment files' names start.
pub(crate) const PREFIX: &str = "log-";
/// How they end.
pub(crate) const SUFFIX: &str = ".wal";
const SPARE: &str = "spare.tmp";
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What a segment repeats from those before it, so that they can go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
}

/// A segment that is part of the log.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    pub(crate) path: PathBuf,
    /// The highest index ever written to it.
    pub(crate) last: Option<u64>,
}

/// The path of a segment by number; numbers start with 1.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{PREFIX}{number:010}{SUFFIX}"))
}

/// The number in a file's name.
pub(crate) fn number(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

/// Makes a file of zeros, synced: later writes to it change no metadata, so that fdatasync has less to do.
pub(crate) fn preallocate(dir: &Path, bytes: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(dir.join(SPARE))?;
    zero(&file, 0, bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// Overwrites a range with zeros; the caller syncs.
pub(crate) fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let count = (to - at).min(ZEROS.len() as u64);
        file.write_all_at(&ZEROS[..usize::try_from(count).unwrap_or(ZEROS.len())], at)?;
        at += count;
    }
    Ok(())
}

/// The first record of a segment.
pub(crate) fn first_record(state: &State) -> io::Result<Record> {
    postcard::to_allocvec(state).map(Record::segment).map_err(io::Error::other)
}

/// Turns a preallocated file into the segment with that number. Its first record is on disk before its name is: a segment without
/// a first record is damage, never a crash.
///
/// Returns the segment and the offset after the first record, where the file's cursor stands.
pub(crate) fn begin(dir: &Path, number: u32, group: u64, state: &State, mut file: File) -> io::Result<(Segment, u64)> {
    let first = first_record(state)?;
    let mut bytes = first.head(number, group, true).to_vec();
    bytes.extend_from_slice(&first.body);
    // The cursor still stands at the start: zeros are written by position.
    file.write_all(&bytes)?;
    file.sync_data()?;
    let path = path(dir, number);
    std::fs::rename(dir.join(SPARE), &path)?;
    folder::sync(dir)?;
    Ok((Segment { file: Arc::new(file), path, last: None }, first.bytes() as u64))
}
