//! The children's logs: kept within bounds, and errors in them pointed out.
//!
//! Fed by `house` every few seconds. Reads what was added since; must not know what a child does.

use crate::layout::Layout;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// A log that is longer is kept as `NAME.log.1` and begun anew.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// What is read of a log in one go; of more, only the end.
const READ_BYTES_MAX: u64 = 1 << 20;
/// Longest line that is shown.
const LINE_CHARS_MAX: usize = 300;

/// One child's log.
pub struct Log {
    /// Whose.
    pub name: &'static str,
    path: PathBuf,
    seen: u64,
}

/// Errors since the last look.
pub struct Found {
    /// How many lines.
    pub count: usize,
    /// The last of them.
    pub last: String,
}

impl Log {
    /// From its present end on.
    pub fn of(layout: &Layout, name: &'static str) -> Self {
        let path = layout.log(name);
        let seen = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        Self { name, path, seen }
    }

    /// Errors that were logged since the last look; `None` if there are none.
    pub fn errors(&mut self) -> Option<Found> {
        let text = self.added()?;
        let mut errors = text.lines().filter(|line| is_error(line));
        let last = errors.next_back()?;
        Some(Found { count: errors.count() + 1, last: shortened(last) })
    }

    /// The last lines of it, for a child that does not come up.
    pub fn tail(&mut self, lines: usize) -> Vec<String> {
        let text = self.added().unwrap_or_default();
        let all: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(shortened).collect();
        all[all.len().saturating_sub(lines)..].to_vec()
    }

    fn added(&mut self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        let from = if length < self.seen { 0 } else { self.seen }.max(length.saturating_sub(READ_BYTES_MAX));
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).ok()?;
        file.take(READ_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        self.seen = from + bytes.len() as u64;
        if length > LOG_BYTES_MAX {
            self.turn();
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The child appends, so it goes on at the beginning of the emptied file; lines of the moment between are lost.
    fn turn(&mut self) {
        let kept = self.path.with_extension("log.1");
        let emptied = std::fs::copy(&self.path, &kept)
            .and_then(|_| OpenOptions::new().write(true).open(&self.path))
            .and_then(|file| file.set_len(0));
        if emptied.is_ok() {
            self.seen = 0;
        }
    }
}

/// As the tracing crate, containerd and the standard library's panics write them.
fn is_error(line: &str) -> bool {
    line.split_whitespace().nth(1) == Some("ERROR")
        || line.contains("level=error")
        || line.contains("level=fatal")
        || line.contains("panicked at")
}

fn shortened(line: &str) -> String {
    line.trim().chars().take(LINE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::is_error;

    #[test]
    fn errors_are_told_from_words() {
        assert!(is_error("2026-11-24T14:00:00Z ERROR skiff_kubelet::node: template"));
        assert!(is_error("time=\"2026-11-24\" level=error msg=\"x\""));
        assert!(!is_error("2026-11-24T14:00:00Z  INFO skiff: this was no ERROR at all, as the level in front says, honestly"));
    }
}
