//! Reads log files back: which lines, from when, how many bytes, and on while the container writes.

use super::{OLD_FILES, file};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest record that is read, in bytes; the rest of a longer one is dropped.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// Which lines are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    pub tail_lines: Option<u64>,
    pub limit_bytes: Option<u64>,
    pub since_ns: Option<u64>,
    pub timestamps: bool,
}

/// A reader of one attempt's files. [`Reader::more`] is called again when more was written.
pub struct Reader {
    path: PathBuf,
    dir: PathBuf,
    attempt: u32,
    choice: Choice,
    // Position in the newest file, and which file that is (it is renamed on rotation).
    at: Option<(File, u64)>,
    left: u64,
    begun: bool,
}

impl Reader {
    pub fn new(dir: &Path, attempt: u32, choice: Choice) -> Reader {
        Reader {
            path: file(dir, attempt, 0),
            dir: dir.to_owned(),
            attempt,
            choice,
            at: None,
            left: choice.limit_bytes.unwrap_or(u64::MAX),
            begun: false,
        }
    }

    /// What the client may still get is used up.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Everything wanted that has been written and not yet returned.
    pub fn more(&mut self) -> io::Result<Vec<u8>> {
        let mut lines = VecDeque::new();
        if self.begun {
            self.rest_of_old(&mut lines)?;
        } else {
            self.begun = true;
            for age in (1..=OLD_FILES).rev() {
                if let Ok(old) = File::open(file(&self.dir, self.attempt, age)) {
                    read_from(&old, 0, self.choice, self.choice.tail_lines, &mut lines)?;
                }
            }
            let newest = File::open(&self.path)?;
            let end = read_from(&newest, 0, self.choice, self.choice.tail_lines, &mut lines)?;
            self.at = Some((newest, end));
        }
        let mut bytes: Vec<u8> = lines.into_iter().flatten().collect();
        bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }

    // Goes on in the file that was the newest, and in its successor if it was rotated meanwhile.
    fn rest_of_old(&mut self, lines: &mut VecDeque<Vec<u8>>) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        let Some((file, at)) = &mut self.at else { return Ok(()) };
        *at = read_from(file, *at, self.choice, None, lines)?;
        let newest = File::open(&self.path)?;
        if newest.metadata()?.ino() != file.metadata()?.ino() {
            let end = read_from(&newest, 0, self.choice, None, lines)?;
            self.at = Some((newest, end));
        }
        Ok(())
    }
}

/// Adds the wanted lines from `at` on, at most the last `tail`; where the last whole record ended.
fn read_from(file: &File, at: u64, choice: Choice, tail: Option<u64>, lines: &mut VecDeque<Vec<u8>>) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut at = reader.seek(SeekFrom::Start(at))?;
    let mut record = Vec::new();
    loop {
        record.clear();
        let read = io::Read::take(&mut reader, RECORD_BYTES_MAX).read_until(b'\n', &mut record)?;
        if read == 0 || record.last() != Some(&b'\n') {
            return Ok(at);
        }
        at += read as u64;
        if let Some(line) = wanted(&record, choice) {
            // A part of a long line belongs to the line before it.
            match lines.back_mut() {
                Some(before) if before.last() != Some(&b'\n') => before.extend_from_slice(&line),
                _ => lines.push_back(line),
            }
            while tail.is_some_and(|tail| lines.len() as u64 > tail) {
                lines.pop_front();
            }
        }
    }
}

/// The line in a record as the client gets it; `None` if it is too old or no record.
fn wanted(record: &[u8], choice: Choice) -> Option<Vec<u8>> {
    let mut parts = record.splitn(4, |b| *b == b' ');
    let (time, _stream, tag, line) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if let Some(since) = choice.since_ns {
        let time: jiff::Timestamp = std::str::from_utf8(time).ok()?.parse().ok()?;
        if u128::try_from(time.as_nanosecond()).ok()? < u128::from(since) {
            return None;
        }
    }
    let mut out = Vec::with_capacity(line.len() + 32);
    if choice.timestamps {
        out.extend_from_slice(time);
        out.push(b' ');
    }
    out.extend_from_slice(line);
    if tag != b"F" {
        out.pop();
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn dir(text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::write(file(dir.path(), 0, 0), text).expect("write");
        dir
    }

    const TEXT: &str = "2026-01-01T00:00:01.000000000Z stdout F one\n2026-01-01T00:00:02.000000000Z stderr F two\n\
        2026-01-01T00:00:03.000000000Z stdout P thr\n2026-01-01T00:00:03.000000000Z stdout F ee\n";

    fn read(choice: Choice) -> String {
        let dir = dir(TEXT);
        String::from_utf8(Reader::new(dir.path(), 0, choice).more().expect("read")).expect("text")
    }

    #[test]
    fn choices() {
        assert_eq!(read(Choice::default()), "one\ntwo\nthree\n");
        assert_eq!(read(Choice { tail_lines: Some(1), ..Choice::default() }), "three\n");
        assert_eq!(read(Choice { tail_lines: Some(0), ..Choice::default() }), "");
        assert_eq!(read(Choice { limit_bytes: Some(5), ..Choice::default() }), "one\nt");
        let since = "2026-01-01T00:00:02Z".parse::<jiff::Timestamp>().expect("time").as_nanosecond();
        let since_ns = u64::try_from(since).ok();
        assert_eq!(read(Choice { since_ns, ..Choice::default() }), "two\nthree\n");
        assert_eq!(
            read(Choice { timestamps: true, tail_lines: Some(2), ..Choice::default() }).lines().next(),
            Some("2026-01-01T00:00:02.000000000Z two")
        );
    }

    #[test]
    fn follows_over_a_rotation() {
        let dir = dir(TEXT);
        std::fs::write(file(dir.path(), 0, 1), "2026-01-01T00:00:00.000000000Z stdout F zero\n").expect("old");
        let mut reader = Reader::new(dir.path(), 0, Choice::default());
        assert!(reader.more().expect("read").starts_with(b"zero\none\n"));
        assert!(reader.more().expect("read").is_empty());
        let mut newest = std::fs::OpenOptions::new().append(true).open(file(dir.path(), 0, 0)).expect("append");
        newest.write_all(b"2026-01-01T00:00:04.000000000Z stdout F four\n2026-01-01T00:00:05Z std").expect("write");
        assert_eq!(reader.more().expect("read"), b"four\n", "a half-written record waits");
        newest.write_all(b"out F five\n").expect("write");
        std::fs::rename(file(dir.path(), 0, 0), file(dir.path(), 0, 1)).expect("rotate");
        std::fs::write(file(dir.path(), 0, 0), "2026-01-01T00:00:06.000000000Z stdout F six\n").expect("new");
        assert_eq!(reader.more().expect("read"), b"five\nsix\n");
    }
}
