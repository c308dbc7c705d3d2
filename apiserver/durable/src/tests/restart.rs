//! What is there after a restart.

use super::{entry, files, fill, open, small};
use crate::{Fault, Settings};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_replays_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), Settings::default()).await.unwrap();
    assert!(log.is_new());
    fill(&log, 0..200, 100).await;
    log.close().await;
    for opened in 0..3 {
        let (log, kept) = open(dir.path(), Settings::default()).await.unwrap();
        assert!(!log.is_new());
        let expected: Vec<_> = (0..200 + opened).map(|n| entry(n, 100)).collect();
        assert!(*kept.entries.lock() == expected);
        fill(&log, 200 + opened..201 + opened, 100).await;
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_log_stays_new() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let (log, _) = open(dir.path(), Settings::default()).await.unwrap();
        assert!(log.is_new());
        log.close().await;
    }
}

/// The folder as a kill would leave it: copied while the log is open.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_in_a_copy_of_the_open_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    for n in 0..30 {
        fill(&log, n..n + 1, 700).await;
        let copy = tempfile::tempdir().unwrap();
        for path in files(dir.path(), "log-") {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        let (copied, kept) = open(copy.path(), small()).await.unwrap();
        assert_eq!(kept.entries.lock().len(), n + 1);
        copied.close().await;
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_bound_the_log_and_the_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    // About 600 kB of log: ten snapshots' worth, forty segments.
    fill(&log, 0..600, 1000).await;
    let until = Instant::now() + Duration::from_secs(20);
    while files(dir.path(), "log-").len() > 20 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    log.close().await;
    assert!(files(dir.path(), "log-").len() <= 20, "{:?}", files(dir.path(), ""));
    assert_eq!(files(dir.path(), "snapshot-").len(), 2);

    let (log, kept) = open(dir.path(), small()).await.unwrap();
    let expected: Vec<_> = (0..600).map(|n| entry(n, 1000)).collect();
    assert!(*kept.entries.lock() == expected);
    assert!(*kept.applied.lock() < 300, "{} entries were replayed", kept.applied.lock());
    fill(&log, 600..601, 1000).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_snapshot_is_ignored_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    fill(&log, 0..10, 100).await;
    log.close().await;
    let unfinished = dir.path().join("snapshot-00000000000000000099-00000000000000000001.skiff.tmp");
    std::fs::write(&unfinished, b"half of it").unwrap();
    let (log, kept) = open(dir.path(), small()).await.unwrap();
    assert_eq!(kept.entries.lock().len(), 10);
    assert!(!unfinished.exists());
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_larger_than_a_segment_fit_and_those_over_the_bound_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    fill(&log, 0..1, 100).await;
    fill(&log, 1..2, 100_000).await;
    fill(&log, 2..3, 100).await;
    let refused = log.propose(vec![0; crate::ENTRY_BYTES_MAX + 1]).await;
    assert!(matches!(refused, Err(Fault::TooLarge { .. })));
    log.close().await;
    let (log, kept) = open(dir.path(), small()).await.unwrap();
    assert!(*kept.entries.lock() == [entry(0, 100), entry(1, 100_000), entry(2, 100)]);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_holder() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    let refused = open(dir.path(), small()).await.err().unwrap();
    assert!(refused.to_string().contains(&format!("pid {}", std::process::id())), "{refused}");
    assert!(matches!(refused, Fault::Locked { .. }));
    log.close().await;
    open(dir.path(), small()).await.unwrap().0.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_frees_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), small()).await.unwrap());
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match open(dir.path(), small()).await {
            Ok((log, _)) => return log.close().await,
            Err(fault) => assert!(Instant::now() < until, "{fault}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_panics_fails_its_proposer() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path(), small()).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), log.propose(b"panic".to_vec())).await;
    assert!(matches!(answer.unwrap(), Err(Fault::Log(_))));
    let next = tokio::time::timeout(Duration::from_secs(10), log.propose(b"next".to_vec())).await;
    assert!(matches!(next.unwrap(), Err(Fault::Log(_))));
    log.close().await;
}

/// Two of three are needed, and no other can be reached.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_can_not_be_reached_are_no_majority() {
    let dir = tempfile::tempdir().unwrap();
    let members = (1..=3).map(|node| (node, format!("skiff-{node}:6444"))).collect();
    let refused = open(dir.path(), Settings { members, ready_seconds: 1, ..small() }).await.err().unwrap();
    assert!(matches!(refused, Fault::Log(_)), "{refused}");
}
