//! One record of a segment: a head of 48 bytes and a body. Fed by the writer, read by recovery and readers. Must not know files.
//!
//! ```text
//! 0 crc32 of all that follows │ 4 length of the body │ 8 group │ 16 kind │ 17 flags │ 18 magic │ 20 segment
//! 24 term │ 32 node │ 40 index │ 48 body          (integers little-endian)
//! ```
//!
//! A *group* is what one fdatasync covered: groups are numbered one by one through all segments, and the last record of each is
//! flagged. So a torn write (the group after the last synced one) can be told from damage to what was synced.

use crate::settings::ENTRY_BYTES_MAX;
use crate::types::{Entry, LogId, Payload, Vote};
use bytes::Bytes;
use openraft::{CommittedLeaderId, EntryPayload};

/// Bytes of a head.
pub(crate) const HEAD_BYTES: usize = 48;
const MAGIC: [u8; 2] = *b"sK";
/// Where magic and segment number stand in a head: the pattern that a search for records looks for.
const PATTERN_AT: usize = 18;
/// The last record of its group.
const LAST: u8 = 1;
/// A vote that a quorum granted.
const GRANTED: u8 = 2;
/// What [`read`] says of a whole record of an unknown kind: never a torn write.
pub(crate) const UNKNOWN_KIND: &str = "a record is of a kind that this version does not know";
/// Bodies that are not entries (a membership, a segment's state) stay far below this.
const BODY_BYTES_MAX: usize = ENTRY_BYTES_MAX;

/// What a record says. The discriminants are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The first of a segment: vote, committed and purged as of then.
    Segment = 1,
    /// An entry of a new leader, without content.
    Blank = 2,
    /// An entry of the machine.
    Normal = 3,
    /// An entry of openraft's: who the members are.
    Membership = 4,
    /// A vote of this member.
    Vote = 5,
    /// Entries up to here are committed.
    Committed = 6,
    /// Entries from here on are void.
    Truncate = 7,
    /// Entries up to here are in a snapshot.
    Purge = 8,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::{Blank, Committed, Membership, Normal, Purge, Segment, Truncate, Vote};
        [Segment, Blank, Normal, Membership, Vote, Committed, Truncate, Purge].into_iter().find(|k| *k as u8 == byte)
    }

    pub(crate) fn is_entry(self) -> bool {
        matches!(self, Kind::Blank | Kind::Normal | Kind::Membership)
    }
}

/// A record before it has a place.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// The entry's id; or term and node of a vote; or the bound of a truncation or purge.
    pub(crate) id: LogId,
    pub(crate) body: Bytes,
    granted: bool,
}

impl Record {
    pub(crate) fn plain(kind: Kind, id: LogId) -> Record {
        Record { kind, id, body: Bytes::new(), granted: false }
    }

    pub(crate) fn segment(state: Vec<u8>) -> Record {
        Record { body: state.into(), ..Record::plain(Kind::Segment, LogId::default()) }
    }

    pub(crate) fn vote(vote: &Vote) -> Record {
        let id = LogId::new(CommittedLeaderId::new(vote.leader_id.term, vote.leader_id.node_id), 0);
        Record { granted: vote.committed, ..Record::plain(Kind::Vote, id) }
    }

    pub(crate) fn entry(entry: Entry) -> Result<Record, postcard::Error> {
        let (kind, body) = match entry.payload {
            EntryPayload::Blank => (Kind::Blank, Bytes::new()),
            EntryPayload::Normal(payload) => (Kind::Normal, payload.0),
            EntryPayload::Membership(members) => (Kind::Membership, postcard::to_allocvec(&members)?.into()),
        };
        Ok(Record { body, ..Record::plain(kind, entry.log_id) })
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> usize {
        HEAD_BYTES + self.body.len()
    }

    /// The head for a place. Bodies are below 4 GiB: proposals and replies of other members are bounded.
    pub(crate) fn head(&self, segment: u32, group: u64, last: bool) -> [u8; HEAD_BYTES] {
        let flags = if last { LAST } else { 0 } | if self.granted { GRANTED } else { 0 };
        let mut head = [0; HEAD_BYTES];
        head[4..8].copy_from_slice(&u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_le_bytes());
        head[8..16].copy_from_slice(&group.to_le_bytes());
        head[16] = self.kind as u8;
        head[17] = flags;
        head[PATTERN_AT..24].copy_from_slice(&pattern(segment));
        head[24..32].copy_from_slice(&self.id.leader_id.term.to_le_bytes());
        head[32..40].copy_from_slice(&self.id.leader_id.node_id.to_le_bytes());
        head[40..48].copy_from_slice(&self.id.index.to_le_bytes());
        let crc = checksum(&head, &self.body);
        head[0..4].copy_from_slice(&crc.to_le_bytes());
        head
    }
}

/// A head that was read and whose checksum, over the body too, is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) group: u64,
    pub(crate) last: bool,
    pub(crate) id: LogId,
    pub(crate) body_bytes: usize,
    granted: bool,
}

impl Head {
    /// Bytes on disk, the body included.
    pub(crate) fn bytes(&self) -> usize {
        HEAD_BYTES + self.body_bytes
    }

    /// The vote in a record of that kind.
    pub(crate) fn vote(&self) -> Vote {
        let mut vote = Vote::new(self.id.leader_id.term, self.id.leader_id.node_id);
        vote.committed = self.granted;
        vote
    }

    /// The entry in a record of one of those kinds.
    pub(crate) fn entry(&self, body: Bytes) -> Result<Entry, String> {
        let payload = match self.kind {
            Kind::Blank => EntryPayload::Blank,
            Kind::Normal => EntryPayload::Normal(Payload(body)),
            Kind::Membership => EntryPayload::Membership(postcard::from_bytes(&body).map_err(|e| format!("membership: {e}"))?),
            other => return Err(format!("an entry was expected, not {other:?}")),
        };
        Ok(Entry { log_id: self.id, payload })
    }
}

/// Reads the record at the start of `bytes`, which belongs to that segment.
pub(crate) fn read(bytes: &[u8], segment: u32) -> Result<Head, &'static str> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Err("the file ends within a record's head") };
    if head[PATTERN_AT..24] != pattern(segment) {
        return Err("no record starts here");
    }
    let body_bytes = u32_at(head, 4) as usize;
    if body_bytes > BODY_BYTES_MAX {
        return Err("a record's length is over the bound");
    }
    let Some(body) = bytes.get(HEAD_BYTES..HEAD_BYTES + body_bytes) else { return Err("the file ends within a record's body") };
    if checksum(head, body) != u32_at(head, 0) {
        return Err("a record's checksum is wrong");
    }
    let Some(kind) = Kind::from_byte(head[16]) else { return Err(UNKNOWN_KIND) };
    Ok(Head {
        kind,
        group: u64_at(head, 8),
        last: head[17] & LAST != 0,
        granted: head[17] & GRANTED != 0,
        id: LogId::new(CommittedLeaderId::new(u64_at(head, 24), u64_at(head, 32)), u64_at(head, 40)),
        body_bytes,
    })
}

/// Whether a whole record of a later group than `group` stands anywhere in `bytes`.
pub(crate) fn any_later(bytes: &[u8], segment: u32, group: u64) -> bool {
    let pattern = pattern(segment);
    bytes
        .windows(pattern.len())
        .enumerate()
        .filter(|(_, window)| *window == pattern)
        .filter_map(|(at, _)| read(&bytes[at.checked_sub(PATTERN_AT)?..], segment).ok())
        .any(|head| head.group > group)
}

fn pattern(segment: u32) -> [u8; 6] {
    let [a, b, c, d] = segment.to_le_bytes();
    [MAGIC[0], MAGIC[1], a, b, c, d]
}

fn checksum(head: &[u8; HEAD_BYTES], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[4..]);
    hasher.update(body);
    hasher.finalize()
}

fn u32_at(head: &[u8; HEAD_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

fn u64_at(head: &[u8; HEAD_BYTES], at: usize) -> u64 {
    u64::from(u32_at(head, at)) | u64::from(u32_at(head, at + 4)) << 32
}
