//! Reads a container's pipes and writes its log file; also tells those who follow or are attached.

use super::{FILE_BYTES_MAX, OLD_FILES, file};
use crate::runtime::fifo;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{broadcast, oneshot, watch};

/// Longest line in one record, in bytes; a longer one is split (`P`).
const LINE_BYTES_MAX: usize = 16 << 10;
/// Chunks an attached client may lag behind before it loses some.
const CHUNKS_MAX: usize = 256;

/// A piece of output, as it was read.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub stderr: bool,
    pub bytes: Arc<[u8]>,
}

/// The running output of one attempt. Cheap to clone.
#[derive(Clone)]
pub struct Output {
    pub dir: PathBuf,
    pub attempt: u32,
    chunks: broadcast::Sender<Chunk>,
    written: watch::Receiver<u64>,
    finish: Arc<parking_lot::Mutex<Option<oneshot::Sender<()>>>>,
}

impl Output {
    /// What is written from now on.
    pub fn follow(&self) -> broadcast::Receiver<Chunk> {
        self.chunks.subscribe()
    }

    /// Bytes written so far; closed when nothing comes any more.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// The task has been deleted: take what the pipes still hold and end. Returns when the file is complete.
    pub async fn finish(&self) {
        let sender = self.finish.lock().take();
        if let Some(sender) = sender {
            sender.send(()).ok();
        }
        let mut written = self.written.clone();
        while written.changed().await.is_ok() {}
    }
}

/// Starts to read. A terminal has no `stderr`.
pub fn start(stdout: Receiver, stderr: Option<Receiver>, dir: &Path, attempt: u32) -> io::Result<Output> {
    std::fs::create_dir_all(dir)?;
    let (chunks, _) = broadcast::channel(CHUNKS_MAX);
    let (sender, written) = watch::channel(0);
    let (finish, finished) = oneshot::channel();
    let output = Output {
        dir: dir.to_owned(),
        attempt,
        chunks: chunks.clone(),
        written,
        finish: Arc::new(parking_lot::Mutex::new(Some(finish))),
    };
    let log = Log::open(dir.to_owned(), attempt)?;
    tokio::spawn(pump(stdout, stderr, log, chunks, sender, finished));
    Ok(output)
}

async fn pump(
    stdout: Receiver,
    stderr: Option<Receiver>,
    mut log: Log,
    chunks: broadcast::Sender<Chunk>,
    written: watch::Sender<u64>,
    mut finished: oneshot::Receiver<()>,
) {
    let (mut out, mut err) = (Lines::new("stdout"), Lines::new("stderr"));
    loop {
        let errors_readable = async {
            match &stderr {
                Some(pipe) => pipe.readable().await,
                None => std::future::pending().await,
            }
        };
        let last = tokio::select! {
            _ = &mut finished => true,
            _ = stdout.readable() => false,
            _ = errors_readable => false,
        };
        let mut total = drain(&stdout, false, last, &mut out, &mut log, &chunks);
        if let Some(pipe) = &stderr {
            total += drain(pipe, true, last, &mut err, &mut log, &chunks);
        }
        if last {
            out.end(&mut log);
            err.end(&mut log);
        }
        log.flush();
        if total > 0 {
            written.send_modify(|sum| *sum += total as u64);
        }
        if last {
            return;
        }
    }
}

fn drain(
    pipe: &Receiver,
    stderr: bool,
    last: bool,
    lines: &mut Lines,
    log: &mut Log,
    chunks: &broadcast::Sender<Chunk>,
) -> usize {
    let mut buffer = [0u8; 16 << 10];
    let mut total = 0;
    loop {
        let count = if last { fifo::read_now(pipe, &mut buffer) } else { pipe.try_read(&mut buffer).unwrap_or(0) };
        if count == 0 {
            break;
        }
        lines.push(&buffer[..count], log);
        total += count;
        if chunks.receiver_count() > 0 {
            chunks.send(Chunk { stderr, bytes: Arc::from(&buffer[..count]) }).ok();
        }
        // The other pipe and the followers get a turn.
        if !last && total > 256 << 10 {
            break;
        }
    }
    total
}

/// Splits a stream into records.
struct Lines {
    name: &'static str,
    rest: Vec<u8>,
}

impl Lines {
    fn new(name: &'static str) -> Lines {
        Lines { name, rest: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8], log: &mut Log) {
        self.rest.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(length) = self.rest[from..].iter().position(|b| *b == b'\n') {
            log.record(self.name, true, &self.rest[from..from + length]);
            from += length + 1;
        }
        self.rest.drain(..from);
        while self.rest.len() >= LINE_BYTES_MAX {
            log.record(self.name, false, &self.rest[..LINE_BYTES_MAX]);
            self.rest.drain(..LINE_BYTES_MAX);
        }
    }

    fn end(&mut self, log: &mut Log) {
        if !self.rest.is_empty() {
            log.record(self.name, true, &self.rest);
            self.rest.clear();
        }
    }
}

struct Log {
    dir: PathBuf,
    attempt: u32,
    file: File,
    bytes: u64,
    // Records of one turn, written together.
    pending: Vec<u8>,
}

impl Log {
    fn open(dir: PathBuf, attempt: u32) -> io::Result<Log> {
        let file = OpenOptions::new().create(true).append(true).open(file(&dir, attempt, 0))?;
        let bytes = file.metadata()?.len();
        Ok(Log { dir, attempt, file, bytes, pending: Vec::new() })
    }

    fn record(&mut self, stream: &str, full: bool, line: &[u8]) {
        let tag = if full { "F" } else { "P" };
        let head = format!("{:.9} {stream} {tag} ", jiff::Timestamp::now());
        self.pending.extend_from_slice(head.as_bytes());
        self.pending.extend_from_slice(line);
        self.pending.push(b'\n');
        if self.pending.len() > 256 << 10 {
            self.flush();
        }
    }

    // A full disk must not stop the container, which would block on its pipe: what cannot be written is lost.
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        if self.bytes > FILE_BYTES_MAX
            && let Err(error) = self.rotate()
        {
            tracing::warn!(%error, "log is not rotated");
        }
        if let Err(error) = self.file.write_all(&self.pending) {
            tracing::warn!(%error, "container output is lost");
        }
        self.bytes += self.pending.len() as u64;
        self.pending.clear();
    }

    fn rotate(&mut self) -> io::Result<()> {
        for age in (0..OLD_FILES).rev() {
            match std::fs::rename(file(&self.dir, self.attempt, age), file(&self.dir, self.attempt, age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = OpenOptions::new().create(true).append(true).open(file(&self.dir, self.attempt, 0))?;
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_records_and_files_rotate() {
        let dir = tempfile::tempdir().expect("dir");
        let mut log = Log::open(dir.path().to_owned(), 0).expect("open");
        let mut lines = Lines::new("stdout");
        lines.push(b"one\ntw", &mut log);
        lines.push(b"o\n", &mut log);
        lines.push(&vec![b'x'; LINE_BYTES_MAX + 1], &mut log);
        lines.end(&mut log);
        log.flush();
        let text = std::fs::read_to_string(file(dir.path(), 0, 0)).expect("read");
        let tags: Vec<_> = text.lines().map(|l| l.splitn(4, ' ').skip(1).collect::<Vec<_>>()).collect();
        assert_eq!(tags[0], ["stdout", "F", "one"]);
        assert_eq!(tags[1], ["stdout", "F", "two"]);
        assert_eq!((tags[2][1], tags[2][2].len()), ("P", LINE_BYTES_MAX));
        assert_eq!(tags[3], ["stdout", "F", "x"]);
        log.bytes = FILE_BYTES_MAX + 1;
        lines.push(b"new\n", &mut log);
        log.flush();
        assert!(file(dir.path(), 0, 1).exists());
        assert!(std::fs::read_to_string(file(dir.path(), 0, 0)).expect("read").ends_with("new\n"));
    }
}
