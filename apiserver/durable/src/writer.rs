//! The one thread that writes segments. Fed by the store through a bounded queue; tells the index where entries went and openraft when
//! they are synced. Must not know the machine.

use crate::index::{Index, Place};
use crate::lock::Held;
use crate::record::{HEAD_BYTES, Kind, Record};
use crate::recover::Tail;
use crate::types::{Entry, LogId, Types, Vote, payload_bytes};
use crate::{folder, segment};
use openraft::storage::LogFlushed;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Orders waiting for the writer; a sender beyond waits.
pub(crate) const QUEUE_ORDERS_MAX: usize = 16;
/// Orders of one group stop being collected above this.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Tells the store that an order is on disk.
pub(crate) type Done = oneshot::Sender<io::Result<()>>;

/// What the store wants written.
pub(crate) enum Order {
    Append(Vec<Entry>, LogFlushed<Types>),
    Vote(Vote, Done),
    Truncate(LogId, Done),
    Purge(LogId, Done),
}

impl Order {
    fn bytes(&self) -> usize {
        match self {
            Order::Append(entries, _) => entries.iter().map(|e| HEAD_BYTES + payload_bytes(e)).sum(),
            _ => HEAD_BYTES,
        }
    }
}

enum Answer {
    Flushed(LogFlushed<Types>),
    Done(Done),
}

/// The writer's own.
pub(crate) struct Writer {
    pub(crate) dir: PathBuf,
    pub(crate) index: Arc<Mutex<Index>>,
    pub(crate) tail: Tail,
    pub(crate) segment_bytes: u64,
    pub(crate) cache_bytes: usize,
    pub(crate) held: Held,
}

struct Run {
    writer: Writer,
    group: Vec<Record>,
    heads: Vec<[u8; HEAD_BYTES]>,
    answers: Vec<Answer>,
    /// The committed id that disk knows.
    committed: Option<LogId>,
    /// The next segment's file, being zeroed before it is needed.
    spare: Option<JoinHandle<io::Result<File>>>,
    /// Why nothing is written any more: after a failed sync, what the disk holds is unknown.
    broken: Option<String>,
}

impl Writer {
    /// Starts the thread. It ends when the queue's senders are gone.
    pub(crate) fn start(self) -> io::Result<mpsc::Sender<Order>> {
        let (orders, queue) = mpsc::channel(QUEUE_ORDERS_MAX);
        let committed = self.index.lock().state.committed;
        let run = Run {
            writer: self,
            group: Vec::new(),
            heads: Vec::new(),
            answers: Vec::with_capacity(QUEUE_ORDERS_MAX),
            committed,
            spare: None,
            broken: None,
        };
        std::thread::Builder::new().name("skiff-log".to_owned()).spawn(move || run.run(queue))?;
        Ok(orders)
    }
}

impl Run {
    fn run(mut self, mut queue: mpsc::Receiver<Order>) {
        while let Some(order) = queue.blocking_recv() {
            let mut bytes = order.bytes();
            let mut purged = matches!(order, Order::Purge(..));
            let mut staged = self.stage(order);
            while staged.is_ok() && bytes < GROUP_BYTES_MAX && self.answers.len() < QUEUE_ORDERS_MAX {
                let Ok(order) = queue.try_recv() else { break };
                bytes += order.bytes();
                purged |= matches!(order, Order::Purge(..));
                staged = self.stage(order);
            }
            let result = staged.and_then(|()| self.commit());
            self.answer(result);
            if purged && self.broken.is_none() {
                self.remove_purged();
            }
            self.prepare_spare();
        }
        // Not needed for safety: it spares the next open a commit.
        if let Err(error) = self.commit() {
            tracing::warn!(%error, "the committed index was not written at the end");
        }
        // The thread would write to a folder that is no longer ours.
        if let Some(spare) = self.spare.take() {
            drop(spare.join());
        }
        drop(self.writer.held);
    }

    fn stage(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Append(entries, flushed) => {
                self.answers.push(Answer::Flushed(flushed));
                for entry in entries {
                    self.group.push(Record::entry(entry).map_err(io::Error::other)?);
                }
            }
            Order::Vote(vote, done) => {
                self.answers.push(Answer::Done(done));
                self.group.push(Record::vote(&vote));
            }
            Order::Truncate(from, done) => {
                self.answers.push(Answer::Done(done));
                self.group.push(Record::plain(Kind::Truncate, from));
            }
            Order::Purge(upto, done) => {
                self.answers.push(Answer::Done(done));
                self.group.push(Record::plain(Kind::Purge, upto));
            }
        }
        Ok(())
    }

    /// Writes the group and syncs it.
    fn commit(&mut self) -> io::Result<()> {
        if let Some(why) = &self.broken {
            return Err(io::Error::other(why.clone()));
        }
        // The committed id costs no sync of its own: it rides with the next group, first, so that it never names an entry that
        // this very group may lose.
        let committed = self.writer.index.lock().state.committed;
        if let Some(id) = committed
            && self.committed != committed
        {
            self.group.insert(0, Record::plain(Kind::Committed, id));
        }
        if self.group.is_empty() {
            return Ok(());
        }
        let need: usize = self.group.iter().map(Record::bytes).sum();
        if self.writer.tail.offset + need as u64 > self.writer.tail.size {
            self.roll(need as u64)?;
        }
        self.write()?;
        self.committed = committed;
        self.publish();
        self.writer.tail.offset += need as u64;
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let tail = &mut self.writer.tail;
        tail.group += 1;
        self.heads.clear();
        let last = self.group.len() - 1;
        self.heads.extend(self.group.iter().enumerate().map(|(at, r)| r.head(tail.segment, tail.group, at == last)));
        let mut slices: Vec<IoSlice<'_>> =
            self.heads.iter().zip(&self.group).flat_map(|(head, r)| [IoSlice::new(head), IoSlice::new(&r.body)]).collect();
        let mut file: &File = &tail.file;
        let mut rest = slices.as_mut_slice();
        // Drops empty slices in front: writing nothing would look like a full disk.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut rest, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        file.sync_data()
    }

    /// Tells the index where the group's entries stand.
    fn publish(&mut self) {
        let tail = &self.writer.tail;
        let mut offset = tail.offset;
        let mut index = self.writer.index.lock();
        for record in self.group.drain(..) {
            if record.kind.is_entry() {
                // Both fit: a segment that does not was refused in `roll`.
                let at = u32::try_from(offset).unwrap_or(u32::MAX);
                let bytes = u32::try_from(record.bytes()).unwrap_or(u32::MAX);
                index.written(record.id.index, Place::new(&record.id, tail.segment, at, bytes));
            }
            offset += record.bytes() as u64;
        }
        index.evict(self.writer.cache_bytes);
    }

    fn answer(&mut self, result: io::Result<()>) {
        if let Err(error) = &result
            && self.broken.is_none()
        {
            tracing::error!(%error, "the log can't be written; nothing more will be");
            self.broken = Some(format!("the log failed before: {error}"));
        }
        self.group.clear();
        for answer in self.answers.drain(..) {
            let result = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            match answer {
                Answer::Flushed(flushed) => flushed.log_io_completed(result),
                // A store that has gone away does not need its answer.
                Answer::Done(done) => drop(done.send(result)),
            }
        }
    }

    /// Goes on in a new segment, large enough for the group that does not fit.
    fn roll(&mut self, need: u64) -> io::Result<()> {
        let state = self.writer.index.lock().state;
        let first = segment::first_record(&state)?.bytes() as u64;
        let size = self.writer.segment_bytes.max(first + need);
        if size > u64::from(u32::MAX) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("one write of {need} bytes")));
        }
        let spare = self.spare.take().map(JoinHandle::join);
        let file = match spare {
            Some(Ok(Ok(file))) if size == self.writer.segment_bytes => file,
            // The spare is of the wrong size, or could not be made; if it still can't, this says why.
            _ => segment::preallocate(&self.writer.dir, size)?,
        };
        let tail = &mut self.writer.tail;
        let (segment, offset) = segment::begin(&self.writer.dir, tail.segment + 1, tail.group + 1, &state, file)?;
        *tail = Tail { file: Arc::clone(&segment.file), segment: tail.segment + 1, offset, size, group: tail.group + 1 };
        self.writer.index.lock().segments.insert(tail.segment, segment);
        Ok(())
    }

    /// Has the next segment zeroed while this one still has room: that takes tens of milliseconds.
    fn prepare_spare(&mut self) {
        let tail = &self.writer.tail;
        if self.spare.is_some() || self.broken.is_some() || tail.offset < tail.size / 2 {
            return;
        }
        let (dir, bytes) = (self.writer.dir.clone(), self.writer.segment_bytes);
        let thread = std::thread::Builder::new().name("skiff-log-spare".to_owned());
        // Without a thread, `roll` does it itself.
        self.spare = thread.spawn(move || segment::preallocate(&dir, bytes)).ok();
    }

    /// Removes whole segments below the purged id, which is on disk by now. Oldest first, and none after one that can't be removed: a
    /// gap in the numbers would look like damage. What stays is only lost space, and is tried again at the next purge.
    fn remove_purged(&self) {
        let mut removed = false;
        loop {
            let Some((number, path)) = self.writer.index.lock().oldest_purged() else { break };
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a purged segment stays");
                break;
            }
            self.writer.index.lock().segments.remove(&number);
            removed = true;
        }
        if removed && let Err(error) = folder::sync(&self.writer.dir) {
            tracing::warn!(%error, "the folder was not synced after a purge");
        }
    }
}
