//! The log as openraft sees it. Fed by openraft's core; hands writes to the writer and reads from the index. Must not know the machine.

use crate::Fault;
use crate::index::{Found, Index};
use crate::types::{Entry, LogId, StorageError, StorageIoError, Types, Vote};
use crate::writer::{Order, Writer};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, ErrorSubject, ErrorVerb, LogState, OptionalSend, RaftLogReader};
use parking_lot::Mutex;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Bytes of entries that are sent to another member at once.
const REPLICATE_BYTES_MAX: usize = 4 << 20;

/// Writes and reads the log.
pub(crate) struct Store {
    index: Arc<Mutex<Index>>,
    orders: mpsc::Sender<Order>,
}

/// Reads the log.
#[derive(Clone)]
pub(crate) struct Reader {
    index: Arc<Mutex<Index>>,
}

impl Store {
    /// Starts writing where recovery ended.
    pub(crate) fn start(writer: Writer) -> io::Result<Store> {
        let index = Arc::clone(&writer.index);
        Ok(Store { index, orders: writer.start()? })
    }

    /// Waits until an order is on disk.
    async fn order(&self, order: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Order) -> io::Result<()> {
        let (done, synced) = oneshot::channel();
        self.orders.send(order(done)).await.map_err(|_| gone())?;
        synced.await.map_err(|_| gone())?
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the log's writer has ended")
}

fn logs(error: &io::Error) -> StorageError {
    StorageIoError::write_logs(AnyError::new(error)).into()
}

async fn read(index: &Mutex<Index>, range: Range<u64>, bytes_max: usize) -> Result<Vec<Entry>, StorageError> {
    let refused = |fault: Fault| StorageError::from(StorageIoError::read_logs(AnyError::new(&fault)));
    let found = index.lock().find(range, bytes_max).map_err(refused)?;
    let load = |found: Vec<Found>| found.into_iter().map(Found::load).collect::<Result<Vec<_>, Fault>>();
    // The usual case, an entry that is being committed, is in memory.
    if found.iter().all(|one| matches!(one, Found::Here(_))) {
        return load(found).map_err(refused);
    }
    let loaded = tokio::task::spawn_blocking(move || load(found)).await;
    loaded.map_err(|e| StorageError::from(StorageIoError::read_logs(AnyError::new(&e))))?.map_err(refused)
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(at) => *at,
        Bound::Excluded(at) => at.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(at) => at.saturating_add(1),
        Bound::Excluded(at) => *at,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<Types> for Reader {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<Entry>, StorageError>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        read(&self.index, half_open(&range), usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        read(&self.index, start..end, REPLICATE_BYTES_MAX).await
    }
}

impl RaftLogReader<Types> for Store {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<Entry>, StorageError>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        read(&self.index, half_open(&range), usize::MAX).await
    }
}

impl RaftLogStorage<Types> for Store {
    type LogReader = Reader;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError> {
        let index = self.index.lock();
        Ok(LogState { last_purged_log_id: index.state.purged, last_log_id: index.last() })
    }

    async fn get_log_reader(&mut self) -> Reader {
        Reader { index: Arc::clone(&self.index) }
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        self.index.lock().state.vote = Some(*vote);
        let saved = self.order(|done| Order::Vote(*vote, done)).await;
        saved.map_err(|e| StorageError::from_io_error(ErrorSubject::Vote, ErrorVerb::Write, e))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.index.lock().state.vote)
    }

    /// Written with the next group: a committed id that is one behind costs the next open one more commit, a sync of its own would
    /// halve the rate of proposals.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        self.index.lock().state.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.index.lock().state.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        {
            let mut index = self.index.lock();
            for entry in &entries {
                // Shares the payload, copies nothing.
                index.append(entry.clone()).map_err(|expected| {
                    let found = entry.log_id.index;
                    logs(&io::Error::other(format!("entry {found} was appended where {expected} was expected")))
                })?;
            }
        }
        self.orders.send(Order::Append(entries, callback)).await.map_err(|_| logs(&gone()))
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.index.lock().truncate(log_id.index);
        self.order(|done| Order::Truncate(log_id, done)).await.map_err(|e| logs(&e))
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.index.lock().purge(log_id);
        self.order(|done| Order::Purge(log_id, done)).await.map_err(|e| logs(&e))
    }
}
