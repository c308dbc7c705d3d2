//! Reads all segments at open: cuts a torn tail, refuses damage. Gives the index and where to go on writing. Must not know openraft's
//! engine or the machine.

use crate::index::{Index, Place};
use crate::record::{self, HEAD_BYTES, Head, Kind};
use crate::segment::{self, Segment};
use crate::{Fault, folder};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the next group goes.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: Arc<File>,
    pub(crate) segment: u32,
    /// Bytes from the segment's start; the file's cursor stands here.
    pub(crate) offset: u64,
    /// Bytes preallocated.
    pub(crate) size: u64,
    /// The last group on disk.
    pub(crate) group: u64,
}

/// Reads the log in a folder, or begins one.
pub(crate) fn recover(dir: &Path, segment_bytes: u64) -> Result<(Index, Tail), Fault> {
    let mut found = Vec::new();
    for (name, path) in folder::list(dir, segment::PREFIX, segment::SUFFIX)? {
        let Some(number) = segment::number(&name) else {
            return Err(Fault::damaged(&path, 0, "a segment's name has no number"));
        };
        found.push((number, path));
    }
    if found.is_empty() {
        return begin(dir, segment_bytes);
    }
    let mut replay = Replay { index: Index::default(), group: None, open: Vec::new() };
    let mut tail = None;
    let count = found.len();
    let mut expected = found[0].0;
    for (at, (number, path)) in found.into_iter().enumerate() {
        if number != expected {
            return Err(Fault::damaged(&path, 0, format!("segment {expected}, before this one, is missing")));
        }
        expected = number.saturating_add(1);
        tail = Some(replay.segment(number, path, at + 1 == count)?);
    }
    let Some(tail) = tail else { return begin(dir, segment_bytes) };
    let index = replay.index;
    let needed = index.state.purged.map_or(0, |id| id.index + 1);
    if let Some(first) = index.first()
        && first > needed
        && let Some(oldest) = index.segments.first_key_value()
    {
        return Err(Fault::damaged(&oldest.1.path, 0, format!("the log starts with entry {first}, but {needed} is needed")));
    }
    Ok((index, tail))
}

fn begin(dir: &Path, segment_bytes: u64) -> Result<(Index, Tail), Fault> {
    let mut index = Index::default();
    let file = segment::preallocate(dir, segment_bytes).map_err(Fault::io(dir))?;
    let (segment, offset) = segment::begin(dir, 1, 1, &index.state, file).map_err(Fault::io(dir))?;
    let tail = Tail { file: Arc::clone(&segment.file), segment: 1, offset, size: segment_bytes, group: 1 };
    index.segments.insert(1, segment);
    Ok((index, tail))
}

/// What has been read so far.
struct Replay {
    index: Index,
    /// The last whole group; `None` before the first record of all.
    group: Option<u64>,
    /// The records of a group whose last one has not been seen.
    open: Vec<(Head, u32)>,
}

impl Replay {
    fn segment(&mut self, number: u32, path: PathBuf, newest: bool) -> Result<Tail, Fault> {
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(Fault::io(&path))?;
        let bytes = std::fs::read(&path).map_err(Fault::io(&path))?;
        let file = Arc::new(file);
        self.index.segments.insert(number, Segment { file: Arc::clone(&file), path: path.clone(), last: None });
        let (end, why) = self.records(number, &path, &bytes)?;
        let whole = match self.open.first() {
            // A group whose last record is missing was never acknowledged.
            Some((_, start)) => *start as usize,
            None => end,
        };
        let clean = why.is_none() && self.open.is_empty();
        if !clean {
            let why = why.unwrap_or("a group ends without its last record");
            // The group that can be torn is the one after the last whole one. A record of a group after that was written when the
            // torn one had been synced already: then this is no torn write.
            let torn = self.group.unwrap_or(0) + 1;
            if !newest || record::any_later(&bytes[end..], number, torn) {
                return Err(Fault::damaged(&path, end as u64, why));
            }
            tracing::warn!(path = %path.display(), offset = whole, why, "cutting a torn write off the log's end");
            self.open.clear();
        }
        let tail = Tail { file, segment: number, offset: whole as u64, size: bytes.len() as u64, group: self.group.unwrap_or(0) };
        if newest {
            settle(&tail, clean).map_err(Fault::io(&path))?;
        }
        Ok(tail)
    }

    /// Reads records until the zeros after the last, or until something else; returns where, and what was wrong there.
    fn records(&mut self, number: u32, path: &Path, bytes: &[u8]) -> Result<(usize, Option<&'static str>), Fault> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let head = match record::read(rest, number) {
                Ok(head) => head,
                // The segment's first record was synced before the file got its name.
                Err(why) if at == 0 || why == record::UNKNOWN_KIND => return Err(Fault::damaged(path, at as u64, why)),
                Err(_) if rest.iter().all(|byte| *byte == 0) => return Ok((at, None)),
                Err(why) => return Ok((at, Some(why))),
            };
            if let Some(group) = self.group
                && head.group != group + 1
            {
                return match at {
                    0 => Err(Fault::damaged(path, 0, format!("group {} follows group {group}", head.group))),
                    _ => Ok((at, Some("a group is missing before this one"))),
                };
            }
            if (at == 0) != (head.kind == Kind::Segment) {
                return Err(Fault::damaged(path, at as u64, "a segment's first record is missing or repeated"));
            }
            if head.kind == Kind::Segment {
                let state = postcard::from_bytes(&rest[HEAD_BYTES..head.bytes()]);
                self.index.state = state.map_err(|e| Fault::damaged(path, at as u64, format!("the segment's state: {e}")))?;
            }
            let Ok(offset) = u32::try_from(at) else { return Err(Fault::damaged(path, at as u64, "a segment is over 4 GiB")) };
            self.open.push((head, offset));
            if head.last {
                self.close(number, path)?;
                self.group = Some(head.group);
            }
            at += head.bytes();
        }
    }

    /// Takes over a whole group.
    fn close(&mut self, number: u32, path: &Path) -> Result<(), Fault> {
        for (head, offset) in std::mem::take(&mut self.open) {
            match head.kind {
                Kind::Segment => {}
                Kind::Vote => self.index.state.vote = Some(head.vote()),
                Kind::Committed => self.index.state.committed = Some(head.id),
                Kind::Truncate => self.index.truncate(head.id.index),
                Kind::Purge => self.index.purge(head.id),
                Kind::Blank | Kind::Normal | Kind::Membership => {
                    let bytes = u32::try_from(head.bytes()).unwrap_or(u32::MAX);
                    let place = Place::new(&head.id, number, offset, bytes);
                    self.index.place(place, head.id.index).map_err(|expected| {
                        let why = format!("entry {} follows where {expected} was expected", head.id.index);
                        Fault::damaged(path, u64::from(offset), why)
                    })?;
                    self.index.written(head.id.index, place);
                }
            }
        }
        Ok(())
    }
}

/// Makes the end ready for the next group: nothing but zeros after it, the cursor on it.
fn settle(tail: &Tail, clean: bool) -> std::io::Result<()> {
    if !clean {
        segment::zero(&tail.file, tail.offset, tail.size)?;
        tail.file.sync_all()?;
    }
    let mut file: &File = &tail.file;
    file.seek(SeekFrom::Start(tail.offset)).map(drop)
}
