//! The handle: opens a folder, waits until everything acknowledged is applied, proposes. Fed by the store; must not know what is in an
//! entry.

use crate::keeper::{self, Pressure};
use crate::lock::{self, Held, Released};
use crate::network::Lines;
use crate::settings::{ENTRY_BYTES_MAX, Settings};
use crate::shelf::Shelf;
use crate::store::Store;
use crate::tables::Tables;
use crate::types::{Payload, Raft};
use crate::writer::Writer;
use crate::{Fault, Machine, folder, recover, segment};
use openraft::error::{ClientWriteError, InitializeError, RaftError};
use openraft::{BasicNode, Config, SnapshotPolicy};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A handle on the log; cheap to clone. When the last one is dropped the log stops by itself, some time later; [`Log::close`] waits.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    raft: Raft,
    keeper: JoinHandle<()>,
    new: bool,
    released: tokio::sync::Mutex<Released>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The keeper holds openraft; without it openraft stops when `raft` is dropped.
        self.keeper.abort();
    }
}

impl Log {
    /// Opens (or makes) the log of a single member in a folder, restores the machine from the last snapshot and replays what follows:
    /// when this returns, everything that was ever acknowledged has been applied.
    ///
    /// # Errors
    /// [`Fault::Locked`] if another process has the folder; [`Fault::Damaged`], [`Fault::Io`] or [`Fault::Log`] if it can't be read
    /// or written.
    pub async fn open(dir: &Path, machine: Arc<dyn Machine>) -> Result<Log, Fault> {
        Log::open_with(dir, machine, Settings::default()).await
    }

    /// As [`Log::open`], with other settings.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub async fn open_with(dir: &Path, machine: Arc<dyn Machine>, settings: Settings) -> Result<Log, Fault> {
        let pressure = Pressure::new(settings.snapshot_log_bytes);
        let parts = {
            let (dir, settings, pressure) = (dir.to_owned(), settings.clone(), Arc::clone(&pressure));
            let read = tokio::task::spawn_blocking(move || Parts::read(dir, machine, &settings, pressure)).await;
            read.map_err(|e| Fault::Log(format!("opening: {e}")))??
        };
        let used: Arc<AtomicBool> = parts.tables.used();
        // Replays what is known to be committed.
        let raft = Raft::new(settings.node, Arc::new(config()?), Lines, parts.store, parts.tables)
            .await
            .map_err(|e| Fault::Log(e.to_string()))?;
        let keeper = tokio::spawn(keeper::run(raft.clone(), pressure));
        let released = tokio::sync::Mutex::new(parts.released);
        let mut inner = Inner { raft, keeper, new: false, released };
        if let Err(fault) = ready(&inner.raft, &settings).await {
            inner.close().await;
            return Err(fault);
        }
        inner.new = !used.load(Ordering::Relaxed);
        Ok(Log { inner: Arc::new(inner) })
    }

    /// Commits an entry (synced to disk) of at most [`ENTRY_BYTES_MAX`] bytes and returns what applying it gave. One call is one
    /// fdatasync: a caller with many small commands puts them into one entry.
    ///
    /// Dropping the future does not take the entry back.
    ///
    /// # Errors
    /// See [`Fault`]. After any but [`Fault::TooLarge`] and [`Fault::NotLeader`], the entry may be committed all the same.
    pub async fn propose(&self, entry: Vec<u8>) -> Result<Vec<u8>, Fault> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(Fault::TooLarge { bytes: entry.len(), limit: ENTRY_BYTES_MAX });
        }
        match self.inner.raft.client_write(Payload(entry.into())).await {
            Ok(written) => Ok(written.data),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Err(Fault::NotLeader),
            Err(other) => Err(Fault::Log(other.to_string())),
        }
    }

    /// Whether the log was empty when opened: the machine had been given neither an entry nor a snapshot.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.inner.new
    }

    /// Stops the log for all its handles and frees the folder. Proposals under way fail or are committed.
    pub async fn close(self) {
        self.inner.close().await;
    }
}

impl Inner {
    async fn close(&self) {
        self.keeper.abort();
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "the log's core had ended badly");
        }
        self.released.lock().await.wait().await;
    }
}

/// What a folder holds, before openraft runs over it.
struct Parts {
    store: Store,
    tables: Tables,
    released: Released,
}

impl Parts {
    /// Locks and reads the folder. Blocks.
    fn read(dir: PathBuf, machine: Arc<dyn Machine>, settings: &Settings, pressure: Arc<Pressure>) -> Result<Parts, Fault> {
        std::fs::create_dir_all(&dir).map_err(Fault::io(&dir))?;
        let (held, released) = lock::take(&dir)?;
        let (store, tables) = open(dir, machine, settings, pressure, held)?;
        Ok(Parts { store, tables, released })
    }
}

/// Reads the snapshots and the log of a folder that is held. Blocks.
pub(crate) fn open(
    dir: PathBuf,
    machine: Arc<dyn Machine>,
    settings: &Settings,
    pressure: Arc<Pressure>,
    held: Held,
) -> Result<(Store, Tables), Fault> {
    folder::sweep(&dir)?;
    let (shelf, newest) = Shelf::open(&dir, held.clone())?;
    if newest.is_some() && folder::list(&dir, segment::PREFIX, segment::SUFFIX)?.is_empty() {
        // A log is begun before any snapshot is taken: going on would pass over whatever was committed after it.
        return Err(Fault::damaged(&dir, 0, "there are snapshots, but no segment of the log"));
    }
    let (index, tail) = recover::recover(&dir, settings.segment_bytes())?;
    let tables = Tables::restore(machine, shelf, newest, pressure)?;
    let (purged, applied) = (index.state.purged.map(|id| id.index), tables.applied().map(|id| id.index));
    if purged > applied {
        let why = format!("no whole snapshot holds the entries up to {purged:?}, which are purged from the log");
        return Err(Fault::damaged(&dir, 0, why));
    }
    let writer = Writer {
        index: Arc::new(Mutex::new(index)),
        tail,
        segment_bytes: settings.segment_bytes(),
        cache_bytes: settings.cache_bytes,
        held,
        dir: dir.clone(),
    };
    let store = Store::start(writer).map_err(Fault::io(&dir))?;
    Ok((store, tables))
}

fn config() -> Result<Config, Fault> {
    let config = Config {
        cluster_name: "skiff".to_owned(),
        // By bytes and by the older snapshot, which openraft does not know: see `keeper`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        ..Config::default()
    };
    config.validate().map_err(|e| Fault::Log(e.to_string()))
}

/// Makes the group if there is none yet, then waits until there is a leader and, if that is this member, until it has applied its
/// whole log: with one member that is everything that was acknowledged.
async fn ready(raft: &Raft, settings: &Settings) -> Result<(), Fault> {
    let members: BTreeMap<u64, BasicNode> =
        settings.members.iter().map(|(node, address)| (*node, BasicNode::new(address))).collect();
    // Asked first, because openraft logs an attempt at a group that exists as an error.
    let known = raft.is_initialized().await.map_err(|e| Fault::Log(e.to_string()))?;
    match if known { Ok(()) } else { raft.initialize(members).await } {
        // Not allowed: it has been done before.
        Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
        Err(other) => return Err(Fault::Log(other.to_string())),
    }
    let node = settings.node;
    let wait = raft.wait(Some(Duration::from_secs(settings.ready_seconds)));
    let settled = wait.metrics(
        |m| {
            let applied = m.last_applied.map(|id| id.index);
            m.running_state.is_err()
                || m.current_leader.is_some_and(|leader| leader != node)
                || (m.state.is_leader() && applied == m.last_log_index)
        },
        "a leader, and all entries applied",
    );
    let metrics = settled.await.map_err(|e| Fault::Log(e.to_string()))?;
    metrics.running_state.map_err(|e| Fault::Log(e.to_string()))
}
