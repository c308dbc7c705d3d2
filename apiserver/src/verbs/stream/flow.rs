//! Measures of a stream: how much may lie in memory, how large a piece may be, how long silence may last.
//!
//! Fed by every protocol of this folder. Knows bytes and time, no protocol.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Largest frame or message that a client may send.
pub const PIECE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a client that one connection holds while the node does not take them.
pub const HELD_BYTES_MAX: usize = 4 << 20;
/// Pieces that wait in one queue.
pub const QUEUE_MAX: usize = 8;
/// A connection without a byte in either direction for so long is ended; upstream's streaming idle timeout.
pub const SILENCE: Duration = Duration::from_secs(4 * 60 * 60);
/// How long a client has, after everything was said, to read the rest and hang up; as upstream's `finishTimeout`.
pub const FAREWELL: Duration = Duration::from_secs(15 * 60);
/// How long the last frames may take once nobody waits for anything any more.
pub const LINGER: Duration = Duration::from_secs(5);
/// How long a client has to create the streams that it announced.
pub const CREATION: Duration = Duration::from_secs(30);

/// Bytes of a client, counted against its connection's budget until they are dropped.
pub struct Chunk {
    bytes: Bytes,
    _held: Option<OwnedSemaphorePermit>,
}

/// The budget of one connection.
#[derive(Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// A whole budget.
    #[must_use]
    pub fn new() -> Budget {
        Budget(Arc::new(Semaphore::new(HELD_BYTES_MAX)))
    }

    /// Waits until these bytes may be held.
    pub async fn hold(&self, bytes: Bytes) -> Chunk {
        let count = u32::try_from(bytes.len().min(HELD_BYTES_MAX)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let held = self.0.clone().acquire_many_owned(count).await.ok();
        Chunk { bytes, _held: held }
    }
}

impl Chunk {
    /// What it holds.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// What the client says on one stream. The end of the queue without [`Said::Fin`] means that the client is gone.
pub enum Said {
    /// More bytes.
    Data(Chunk),
    /// No more bytes will come; the client still listens.
    Fin,
}

/// When something last happened.
pub struct Pulse {
    start: Instant,
    last_ms: AtomicU64,
}

impl Pulse {
    /// Beats once, now.
    #[must_use]
    pub fn new() -> Arc<Pulse> {
        Arc::new(Pulse { start: Instant::now(), last_ms: AtomicU64::new(0) })
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Something happened.
    pub fn beat(&self) {
        self.last_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    /// Returns once nothing has happened for `limit`.
    pub async fn silent(&self, limit: Duration) {
        loop {
            let quiet = Duration::from_millis(self.age_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed)));
            match limit.checked_sub(quiet) {
                // A beat may be rounded down to its millisecond.
                Some(rest) => tokio::time::sleep(rest + Duration::from_millis(1)).await,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_counts_from_the_last_beat() {
        let (pulse, started) = (Pulse::new(), Instant::now());
        tokio::join!(pulse.silent(Duration::from_millis(60)), async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            pulse.beat();
        });
        assert!(started.elapsed() >= Duration::from_millis(99));
    }

    #[tokio::test]
    async fn a_budget_is_given_back() {
        let budget = Budget::new();
        let whole = budget.hold(Bytes::from(vec![0; HELD_BYTES_MAX])).await;
        let more = budget.hold(Bytes::from_static(b"x"));
        assert!(tokio::time::timeout(Duration::from_millis(20), more).await.is_err());
        drop(whole);
        assert_eq!(budget.hold(Bytes::from_static(b"x")).await.bytes().as_ref(), b"x");
    }
}
