//! The numbers of a log. Fed by whoever opens it; must not know the folder.

use std::collections::BTreeMap;

/// Bytes in one entry, at most. A larger proposal is refused with [`crate::Fault::TooLarge`].
pub const ENTRY_BYTES_MAX: usize = 64 << 20;
/// The largest segment that is preallocated whatever the settings say; offsets in a segment are 32 bits.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const SEGMENT_BYTES_MIN: u64 = 4 << 10;

/// How a log is laid out and who its members are. The default is one member.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This member's number; must be a key of `members`, and must never change in a folder.
    pub node: u64,
    /// All members by number, with the address at which the others reach them (unused while there is one).
    pub members: BTreeMap<u64, String>,
    /// Bytes preallocated per segment; clamped to 4 KiB..=1 GiB.
    pub segment_bytes: u64,
    /// Bytes of log since the last snapshot that ask for the next one: bounds the restart.
    pub snapshot_log_bytes: u64,
    /// Bytes of the newest entries kept in memory for readers.
    pub cache_bytes: usize,
    /// Seconds that opening waits for a leader and for everything acknowledged to be applied.
    pub ready_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            node: 1,
            members: BTreeMap::from([(1, String::new())]),
            segment_bytes: 16 << 20,
            snapshot_log_bytes: 64 << 20,
            cache_bytes: 16 << 20,
            ready_seconds: 60,
        }
    }
}

impl Settings {
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
    }
}
