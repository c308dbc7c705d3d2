//! Decides when to take a snapshot and what log may go: by bytes, so that a restart stays bounded. Fed by the tables; tells openraft.
//! Must not know files.

use crate::types::Raft;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// No purge is due.
const NOTHING: u64 = u64::MAX;

/// What has piled up since the last snapshot.
#[derive(Debug)]
pub(crate) struct Pressure {
    log_bytes: AtomicU64,
    log_bytes_max: u64,
    purge_upto: AtomicU64,
    due: Notify,
}

impl Pressure {
    pub(crate) fn new(log_bytes_max: u64) -> Arc<Pressure> {
        Arc::new(Pressure {
            log_bytes: AtomicU64::new(0),
            log_bytes_max,
            purge_upto: AtomicU64::new(NOTHING),
            due: Notify::new(),
        })
    }

    /// So many bytes of log were applied.
    pub(crate) fn applied(&self, bytes: u64) {
        if self.log_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= self.log_bytes_max {
            self.due.notify_one();
        }
    }

    /// A snapshot of everything applied so far begins.
    pub(crate) fn snapshot_begins(&self) {
        self.log_bytes.store(0, Ordering::Relaxed);
    }

    /// The log up to this index is not needed any more.
    pub(crate) fn purgeable(&self, index: u64) {
        self.purge_upto.store(index, Ordering::Relaxed);
        self.due.notify_one();
    }
}

/// The keeper's loop; ends when openraft has.
pub(crate) async fn run(raft: Raft, pressure: Arc<Pressure>) {
    loop {
        pressure.due.notified().await;
        if pressure.log_bytes.load(Ordering::Relaxed) >= pressure.log_bytes_max
            // Ignored by openraft while a snapshot is being built; then the next entry asks again.
            && raft.trigger().snapshot().await.is_err()
        {
            return;
        }
        let upto = pressure.purge_upto.swap(NOTHING, Ordering::Relaxed);
        if upto != NOTHING && raft.trigger().purge_log(upto).await.is_err() {
            return;
        }
    }
}
