//! The one writer. Everything that changes the world enters here: transactions of documents through the log, fleet commands
//! straight into a turn. After each turn events go to the journals, orders and routes to the agents' outboxes.
//!
//! Fed by `verbs` (transactions), `agents` (reports, load) and the clock (ticks). Knows no HTTP.

mod addresses;
pub mod body;
mod core;
mod flatten;
mod index;
mod notes;
mod propose;
mod replay;
mod selecting;
mod snapshot;

pub use self::addresses::Addresses;
pub use self::core::{Change, Core, Forms, JOURNAL_ENTRIES_MAX, LineForm, View};
pub use flatten::{HASH_LABEL, is_deleting, template_hash};
pub use index::Index;
pub use propose::Committed;

use crate::clock;
use dashmap::DashMap;
use parking_lot::{RwLock, RwLockReadGuard};
use skiff_durable::Log;
use skiff_engine::command::{Clash, Transaction};
use skiff_engine::record::ResourceId;
use skiff_engine::{Turn, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

/// Between two compactions (upstream's `--etcd-compaction-interval`).
pub const COMPACT_EVERY: std::time::Duration = std::time::Duration::from_secs(300);

/// Transactions waiting for the log; at the bound the caller waits (and its request times out).
pub const PROPOSALS_MAX: usize = 8192;

/// A waiting transaction.
pub(crate) struct Proposal {
    pub transaction: Transaction,
    pub answer: oneshot::Sender<Result<Committed, Clash>>,
}

/// What the agents' room is told after a turn; it must not block.
pub trait Outbox: Send + Sync {
    /// Looks at the outcome of a turn with the tables as they are after it.
    fn after_turn(&self, core: &Core, outcome: &skiff_engine::Outcome);
}

/// The store.
pub struct Store {
    core: Arc<RwLock<Core>>,
    proposals: mpsc::Sender<Proposal>,
    version: watch::Sender<u64>,
    /// One for each resource that was ever watched: a watcher of one is not woken by the others.
    growth: DashMap<ResourceId, watch::Sender<u64>>,
    seed: AtomicU64,
    outbox: std::sync::OnceLock<Arc<dyn Outbox>>,
}

impl Store {
    /// An empty store and the queue that [`Store::run`] works on.
    #[must_use]
    pub fn new(registry: Arc<crate::registry::Registry>, seed: u64) -> (Arc<Store>, Queue) {
        let (proposals, queue) = mpsc::channel(PROPOSALS_MAX);
        let (version, _) = watch::channel(0);
        let core = Arc::new(RwLock::new(Core::new(registry)));
        let (growth, seed, outbox) = (DashMap::new(), AtomicU64::new(seed), std::sync::OnceLock::new());
        let store = Arc::new(Store { core, proposals, version, growth, seed, outbox });
        (store, Queue(queue))
    }

    /// Who is told after each turn; set once, before the first.
    pub fn set_outbox(&self, outbox: Arc<dyn Outbox>) {
        // A second call would be a fault of `run.rs`; the first one stays.
        let _ = self.outbox.set(outbox);
    }

    /// The replay is over; see [`Core::begin`].
    pub fn begin(&self, now_ms: u64, settle_ms: u64) {
        self.core.write().begin(now_ms, settle_ms);
    }

    /// A look at the tables. Short: writers wait meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Core> {
        self.core.read()
    }

    /// Ends a period of exact reads; see [`Core`].
    pub fn compact(&self) {
        self.core.write().compact();
    }

    /// One turn of fleet commands.
    pub fn turn<R>(&self, commands: impl FnOnce(&mut World, &mut Turn) -> R) -> R {
        let seed = self.seed.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        let mut turn = Turn::new(clock::now_ms(), seed);
        let mut core = self.core.write();
        let result = commands(&mut core.world, &mut turn);
        self.finish(&mut core, turn);
        result
    }

    /// Applies a batch of which no other is known.
    #[cfg(test)]
    pub(crate) fn apply(&self, batch: &skiff_engine::command::Batch) -> Vec<Result<Committed, Clash>> {
        self.apply_after(batch, None)
    }

    /// Applies a committed entry: one turn. `previous` is the version that the entry before it was counted from.
    pub(crate) fn apply_after(
        &self,
        batch: &skiff_engine::command::Batch,
        previous: Option<u64>,
    ) -> Vec<Result<Committed, Clash>> {
        let seed = self.seed.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        let mut turn = Turn::new(clock::now_ms(), seed);
        let mut core = self.core.write();
        if let Some(previous) = previous {
            core.realign(previous);
        }
        core.world.raise_version(batch.floor);
        core.ceiling = core.ceiling.max(batch.ceiling);
        let from = core.world.version;
        let results: Vec<_> = batch
            .transactions
            .iter()
            .map(|t| core.world.write_documents(&mut turn, t).map(|applied| Committed { versions: applied.versions }))
            .collect();
        core.note_entry(from, batch, &results);
        self.finish(&mut core, turn);
        results
    }

    fn finish(&self, core: &mut Core, turn: Turn) {
        let outcome = core.finish(turn);
        if let Some(outbox) = self.outbox.get() {
            outbox.after_turn(core, &outcome);
        }
        let version = core.world.version;
        for resource in std::mem::take(&mut core.grown) {
            if let Some(growth) = self.growth.get(&resource) {
                growth.send_replace(version);
            }
        }
        self.version.send_replace(version);
    }

    /// The version after the last turn that changed an object of the resource; changes wake its watchers.
    pub fn growth(&self, resource: ResourceId) -> watch::Receiver<u64> {
        self.growth.entry(resource).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// The version after the last turn.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Commits a transaction: durable when this returns.
    ///
    /// # Errors
    /// The outer one if the log is closed (the server is stopping), the inner one if a precondition did not hold.
    pub async fn commit(&self, transaction: Transaction) -> Result<Result<Committed, Clash>, Closed> {
        let (answer, result) = oneshot::channel();
        self.proposals.send(Proposal { transaction, answer }).await.map_err(|_| Closed)?;
        result.await.map_err(|_| Closed)
    }

    /// Writes ephemeral documents (Events, Leases): memory only, same preconditions.
    ///
    /// # Errors
    /// [`Clash`] as for durable ones.
    pub fn commit_ephemeral(&self, transaction: &Transaction) -> Result<Committed, Clash> {
        self.turn(|world, turn| world.write_ephemeral(turn, transaction)).map(|applied| Committed { versions: applied.versions })
    }

    /// Removes ephemeral resources' oldest documents beyond a bound; called by the clock.
    pub fn trim(&self, resource: ResourceId, documents_max: usize, older_than: u64) {
        let doomed: Vec<String> = {
            let core = self.read();
            let table = core.world.documents.table(resource);
            let mut all: Vec<(u64, &str)> = table.iter().map(|(k, d)| (d.version, &**k)).collect();
            all.sort_unstable();
            let surplus = all.len().saturating_sub(documents_max);
            all.iter()
                .enumerate()
                .filter(|(i, (v, _))| *i < surplus || *v < older_than)
                .map(|(_, (_, k))| (*k).to_owned())
                .collect()
        };
        if doomed.is_empty() {
            return;
        }
        let write = |key| skiff_engine::record::Write { resource, key, expect: skiff_engine::record::Expect::Any, put: None };
        // Nothing can clash: the writes expect nothing.
        let _ = self.commit_ephemeral(&Transaction { writes: doomed.into_iter().map(write).collect() });
    }
}

/// The log is closed.
#[derive(Debug, Clone, Copy)]
pub struct Closed;

/// The receiving end of the store's queue.
pub struct Queue(mpsc::Receiver<Proposal>);

/// The machine that the log drives: entries to turns.
pub struct Applier(pub Arc<Store>);

/// Runs the proposer until the store is dropped.
pub async fn run(store: Arc<Store>, queue: Queue, log: Log) {
    propose::run(store, queue.0, log).await;
}
