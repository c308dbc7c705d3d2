//! Torn writes are cut; damage to what was synced is refused, or healed from the older snapshot.

use super::{entry, files, fill, open, small};
use crate::Fault;
use std::os::unix::fs::FileExt;
use std::path::Path;

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

/// Where an entry's text stands in a file.
fn position(path: &Path, entry: &[u8]) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(entry.len()).position(|w| w == entry).unwrap() as u64
}

/// Where the zeros after the last record begin.
fn end(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    bytes.iter().rposition(|b| *b != 0).unwrap() as u64 + 1
}

async fn filled(dir: &Path, count: usize) {
    let (log, _) = open(dir, small()).await.unwrap();
    fill(&log, 0..count, 300).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 10).await;
    let segment = files(dir.path(), "log-").pop().unwrap();
    // Half of a next record: the start of an earlier one, then nothing.
    let bytes = std::fs::read(&segment).unwrap();
    let from = usize::try_from(position(&segment, &entry(3, 300))).unwrap() - crate::record::HEAD_BYTES;
    overwrite(&segment, end(&segment), &bytes[from..from + 100]);
    for count in 10..13 {
        let (log, kept) = open(dir.path(), small()).await.unwrap();
        assert!(*kept.entries.lock() == (0..count).map(|n| entry(n, 300)).collect::<Vec<_>>());
        fill(&log, count..count + 1, 300).await;
        log.close().await;
        overwrite(&segment, end(&segment), b"rubbish");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_last_group_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 10).await;
    let segment = files(dir.path(), "log-").pop().unwrap();
    // The last group is the committed index that is written at the close; take the entry before it along.
    let at = position(&segment, &entry(9, 300));
    let size = std::fs::metadata(&segment).unwrap().len();
    overwrite(&segment, at + 100, &vec![0; usize::try_from(size - at - 100).unwrap()]);
    let (log, kept) = open(dir.path(), small()).await.unwrap();
    assert_eq!(kept.entries.lock().len(), 9);
    fill(&log, 9..10, 300).await;
    log.close().await;
    let (log, kept) = open(dir.path(), small()).await.unwrap();
    assert_eq!(kept.entries.lock().len(), 10);
    log.close().await;
}

async fn refused_at(dir: &Path, file: &Path, at: u64) {
    match open(dir, small()).await.err().unwrap() {
        Fault::Damaged { file: found, offset, why } => {
            assert_eq!((found.as_path(), offset), (file, at), "{why}");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_of_the_last_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 10).await;
    let segment = files(dir.path(), "log-").pop().unwrap();
    let at = position(&segment, &entry(4, 300));
    overwrite(&segment, at + 7, b"?");
    refused_at(dir.path(), &segment, at - crate::record::HEAD_BYTES as u64).await;
    // Nothing was cut: the second open says the same.
    refused_at(dir.path(), &segment, at - crate::record::HEAD_BYTES as u64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_an_older_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100).await;
    let segments = files(dir.path(), "log-");
    assert!(segments.len() > 2);
    let at = position(&segments[0], &entry(20, 300));
    overwrite(&segments[0], at - 20, b"?");
    refused_at(dir.path(), &segments[0], at - crate::record::HEAD_BYTES as u64).await;
    // Zeros up to the end look like room that was not used; the group numbers tell.
    let size = std::fs::metadata(&segments[0]).unwrap().len();
    let from = at - crate::record::HEAD_BYTES as u64;
    overwrite(&segments[0], from, &vec![0; usize::try_from(size - from).unwrap()]);
    assert!(matches!(open(dir.path(), small()).await, Err(Fault::Damaged { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 150).await;
    let segments = files(dir.path(), "log-");
    assert!(segments.len() > 2);
    std::fs::remove_file(&segments[1]).unwrap();
    refused_at(dir.path(), &segments[2], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_healed_from_the_older_and_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    fill(&log, 0..600, 1000).await;
    log.close().await;
    let snapshots = files(dir.path(), "snapshot-");
    assert_eq!(snapshots.len(), 2);
    overwrite(&snapshots[1], 5000, b"?");
    let (log, kept) = open(dir.path(), small()).await.unwrap();
    assert!(*kept.entries.lock() == (0..600).map(|n| entry(n, 1000)).collect::<Vec<_>>());
    log.close().await;

    // Nor is a snapshot enough without the log.
    let other = tempfile::tempdir().unwrap();
    for path in files(dir.path(), "snapshot-") {
        std::fs::copy(&path, other.path().join(path.file_name().unwrap())).unwrap();
    }
    assert!(matches!(open(other.path(), small()).await, Err(Fault::Damaged { .. })));

    // Without any snapshot the purged log is not enough, and that is said, not passed over.
    for path in files(dir.path(), "snapshot-") {
        std::fs::remove_file(path).unwrap();
    }
    assert!(matches!(open(dir.path(), small()).await, Err(Fault::Damaged { .. })));
}
