//! Container output: from the pipes into CRI-format files (`TIME stdout F line`) with rotation, and back out of them.
//! Fed by the sandbox room; the stream room reads. Knows no pod and no wire.

mod reader;
mod writer;

pub use reader::{Choice, Reader};
pub use writer::{Chunk, Output, start};

use std::path::{Path, PathBuf};

/// A log file is rotated when it is larger than this many bytes.
const FILE_BYTES_MAX: u64 = 10 << 20;
/// Rotated files that are kept beside the newest.
const OLD_FILES: u32 = 2;

/// File of one attempt of a container, `age` 0 for the newest.
fn file(dir: &Path, attempt: u32, age: u32) -> PathBuf {
    dir.join(if age == 0 { format!("{attempt}.log") } else { format!("{attempt}.log.{age}") })
}

/// Removes the files of an attempt.
pub fn remove(dir: &Path, attempt: u32) {
    for age in 0..=OLD_FILES {
        std::fs::remove_file(file(dir, attempt, age)).ok();
    }
}
