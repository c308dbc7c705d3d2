//! The log: openraft, its segments and snapshots. Takes bytes of spec commands, gives back what applying them gave.
//!
//! The store feeds it through [`Log::propose`]; it feeds the store through [`Machine`]. It must not know what is in an entry.
//!
//! ```text
//! propose ─► openraft ─► store ─► writer thread ─► log-*.wal     (one record an entry, one fdatasync a group)
//!               │          └────► index (places, recent entries) ◄── reader
//!               └──► tables ─► Machine::apply
//!                       └────► shelf ─► snapshot-*.skiff         (the newest two)
//! ```
//!
//! Segments are removed once the *older* of the two snapshots covers them, so that one damaged snapshot loses nothing.

mod fault;
mod folder;
mod index;
mod keeper;
mod lock;
mod log;
mod network;
mod record;
mod recover;
mod segment;
mod settings;
mod shelf;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod types;
mod writer;

pub use fault::Fault;
pub use log::Log;
pub use settings::{ENTRY_BYTES_MAX, Settings};

/// What the log drives: the tables. Must be deterministic: the same entries give the same tables on every member.
pub trait Machine: Send + Sync + 'static {
    /// Applies one committed entry and returns the answer for its proposer.
    fn apply(&self, entry: &[u8]) -> Vec<u8>;
    /// Everything, as bytes. No entry is applied while this runs.
    fn snapshot(&self) -> Vec<u8>;
    /// Replaces everything.
    ///
    /// # Errors
    /// The bytes are not a snapshot of this machine; the text says why.
    fn restore(&self, snapshot: &[u8]) -> Result<(), String>;
}
