//! The state machine as openraft sees it: the caller's [`Machine`] with what has been applied to it. Fed by openraft's worker; must not
//! know what is in an entry or a snapshot.

use crate::keeper::Pressure;
use crate::record::HEAD_BYTES;
use crate::shelf::{self, Shelf, Whole};
use crate::types::{Entry, LogId, Membership, Snapshot, SnapshotMeta, StorageError, StorageIoError, Types, payload_bytes};
use crate::{Fault, Machine};
use openraft::storage::RaftStateMachine;
use openraft::{AnyError, BasicNode, EntryPayload, OptionalSend, RaftSnapshotBuilder, StoredMembership};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The machine and how far it is.
pub(crate) struct Tables {
    machine: Arc<dyn Machine>,
    shelf: Arc<Shelf>,
    pressure: Arc<Pressure>,
    applied: Option<LogId>,
    membership: Membership,
    /// Whether the machine was ever given anything.
    used: Arc<AtomicBool>,
}

/// A snapshot that was taken and is still to be written.
pub(crate) struct Builder {
    shelf: Arc<Shelf>,
    pressure: Arc<Pressure>,
    meta: SnapshotMeta,
    /// `Err` if the machine panicked.
    body: Result<Vec<u8>, String>,
}

/// What the machine did with an entry instead of applying it.
#[derive(Debug, thiserror::Error)]
#[error("the machine panicked on entry {0}")]
struct Panicked(LogId);

impl Tables {
    /// Restores the machine from a snapshot, if there is one. Blocks.
    pub(crate) fn restore(
        machine: Arc<dyn Machine>,
        shelf: Shelf,
        newest: Option<Whole>,
        pressure: Arc<Pressure>,
    ) -> Result<Tables, Fault> {
        let used = Arc::new(AtomicBool::new(newest.is_some()));
        let (mut applied, mut membership) = (None, StoredMembership::default());
        if let Some(whole) = newest {
            let refused = |why| Fault::Log(format!("the machine refuses {}: {why}", whole.meta.snapshot_id));
            machine.restore(whole.body()).map_err(refused)?;
            applied = whole.meta.last_log_id;
            membership = whole.meta.last_membership;
        }
        if let Some(index) = shelf.purgeable() {
            // A process that was killed between snapshot and purge left this to us.
            pressure.purgeable(index);
        }
        Ok(Tables { machine, shelf: Arc::new(shelf), pressure, applied, membership, used })
    }

    /// Set once the machine has been given anything.
    pub(crate) fn used(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.used)
    }

    pub(crate) fn applied(&self) -> Option<LogId> {
        self.applied
    }

    fn apply_one(&mut self, entry: Entry) -> Result<Vec<u8>, Panicked> {
        let bytes = (HEAD_BYTES + payload_bytes(&entry)) as u64;
        let answer = match entry.payload {
            EntryPayload::Blank => Vec::new(),
            EntryPayload::Membership(members) => {
                self.membership = StoredMembership::new(Some(entry.log_id), members);
                Vec::new()
            }
            EntryPayload::Normal(payload) => {
                self.used.store(true, Ordering::Relaxed);
                // A panic would end openraft's worker in silence and leave proposers waiting for ever. The tables may be half
                // changed, so the log stops here; the entry stays on disk.
                let applied = catch_unwind(AssertUnwindSafe(|| self.machine.apply(&payload.0)));
                applied.map_err(|_| Panicked(entry.log_id))?
            }
        };
        self.applied = Some(entry.log_id);
        self.pressure.applied(bytes);
        Ok(answer)
    }
}

fn refused(fault: &Fault) -> StorageError {
    StorageIoError::write_snapshot(None, AnyError::new(fault)).into()
}

/// Runs what blocks beside the runtime.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, StorageError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| refused(&Fault::Log(format!("snapshot: {e}"))))?.map_err(|fault| refused(&fault))
}

impl RaftSnapshotBuilder<Types> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let taken = std::mem::replace(&mut self.body, Err("it was built before".to_owned()));
        let body = taken.map_err(|why| refused(&Fault::Log(format!("snapshot: {why}"))))?;
        let (shelf, meta) = (Arc::clone(&self.shelf), self.meta.clone());
        let file = aside(move || {
            shelf.put(meta, &body)?;
            shelf.newest()?.ok_or_else(|| Fault::Log("the snapshot just written is not there".to_owned()))
        })
        .await?
        .1;
        if let Some(index) = self.shelf.purgeable() {
            self.pressure.purgeable(index);
        }
        Ok(Snapshot { meta: self.meta.clone(), snapshot: Box::new(File::from_std(file)) })
    }
}

impl RaftStateMachine<Types> for Tables {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership<u64, BasicNode>), StorageError> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Vec<u8>>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        for entry in entries {
            let answer = self.apply_one(entry);
            answers.push(answer.map_err(|panicked| StorageIoError::apply(panicked.0, AnyError::new(&panicked)))?);
        }
        Ok(answers)
    }

    /// Takes the machine's bytes here, not in the builder: openraft applies nothing until this returns.
    async fn get_snapshot_builder(&mut self) -> Builder {
        self.pressure.snapshot_begins();
        let machine = Arc::clone(&self.machine);
        let body = tokio::task::spawn_blocking(move || machine.snapshot()).await.map_err(|e| e.to_string());
        let meta = SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
            snapshot_id: shelf::name(self.applied.map_or(0, |id| id.index)),
        };
        Builder { shelf: Arc::clone(&self.shelf), pressure: Arc::clone(&self.pressure), meta, body }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<File>, StorageError> {
        let shelf = Arc::clone(&self.shelf);
        Ok(Box::new(File::from_std(aside(move || shelf.incoming()).await?)))
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, mut snapshot: Box<File>) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        let received = match snapshot.rewind().await {
            Ok(_) => snapshot.read_to_end(&mut bytes).await,
            Err(error) => Err(error),
        };
        received.map_err(|e| StorageError::from(StorageIoError::read_snapshot(Some(meta.signature()), AnyError::new(&e))))?;
        let (shelf, machine, expected) = (Arc::clone(&self.shelf), Arc::clone(&self.machine), meta.clone());
        aside(move || {
            let whole = shelf::parse(Path::new(&expected.snapshot_id), bytes)?;
            if whole.meta != expected {
                return Err(Fault::Log(format!("snapshot {} was announced, {} came", expected, whole.meta)));
            }
            // First the machine: a snapshot that it refuses must not be what the next start begins with.
            machine.restore(whole.body()).map_err(|why| Fault::Log(format!("the machine refuses {expected}: {why}")))?;
            shelf.put(expected, whole.body())
        })
        .await?;
        self.used.store(true, Ordering::Relaxed);
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.pressure.snapshot_begins();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let shelf = Arc::clone(&self.shelf);
        let newest = aside(move || shelf.newest()).await?;
        Ok(newest.map(|(meta, file)| Snapshot { meta, snapshot: Box::new(File::from_std(file)) }))
    }
}
