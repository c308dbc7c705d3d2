//! What can go wrong with the log, typed. Fed by every other file here; must not know how a fault is shown to a client.

use std::io;
use std::path::{Path, PathBuf};

/// Why the log did not open, or a proposal was not committed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The disk or the group refused; the operator must look.
    #[error("log: {0}")]
    Log(String),
    /// Another member leads.
    #[error("not the leader")]
    NotLeader,
    /// Another process has the folder open.
    #[error("log: {} is held by the process with pid {pid}", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// The holder, as it wrote itself down; `unknown` if it has not yet.
        pid: String,
    },
    /// Bytes that were synced once do not read back as they were written.
    #[error("log: {} is damaged at byte {offset}: {why}", file.display())]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Bytes from its start.
        offset: u64,
        /// What did not fit.
        why: String,
    },
    /// The disk refused.
    #[error("log: {}: {source}", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The entry is over the bound and was not proposed.
    #[error("log: an entry of {bytes} bytes is over the bound of {limit} bytes")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// [`crate::ENTRY_BYTES_MAX`].
        limit: usize,
    },
}

impl Fault {
    /// Names the path of an I/O error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Fault + '_ {
        move |source| Fault::Io { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(file: &Path, offset: u64, why: impl Into<String>) -> Fault {
        Fault::Damaged { file: file.to_owned(), offset, why: why.into() }
    }
}
