//! Collects transactions while the last entry is being synced and proposes them as one (crates.md 1e: openraft 0.9 syncs once
//! an entry, so a batch is what makes the log fast).

use super::{Applier, Proposal, Store};
use skiff_durable::{Log, Machine};
use skiff_engine::command::{Batch, Clash};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Transactions in one entry.
const BATCH_MAX: usize = 1024;
/// Versions reserved by an entry; a restart skips at most so many.
const RESERVE: u64 = 1 << 20;
/// When so many are left, the next entry reserves anew.
const RESERVE_LOW: u64 = RESERVE / 2;

/// A transaction that is on disk and applied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Committed {
    /// Version of each written document.
    pub versions: Vec<u64>,
}

#[derive(serde::Serialize, serde::Deserialize)]
enum Reply {
    Applied(Vec<u64>),
    Clash(usize, skiff_engine::record::Expect, Option<u64>, String),
}

/// The proposer's loop.
pub(super) async fn run(store: Arc<Store>, mut queue: mpsc::Receiver<Proposal>, log: Log) {
    let mut waiting = Vec::with_capacity(BATCH_MAX);
    let mut reserve = tokio::time::interval(std::time::Duration::from_millis(100));
    loop {
        tokio::select! {
            count = queue.recv_many(&mut waiting, BATCH_MAX) => if count == 0 { return },
            _ = reserve.tick() => {}
        }
        let (floor, ceiling, previous, unsaid) = {
            let core = store.read();
            (core.world.version, core.ceiling, core.last_entry.from(), core.last_entry.is_unsaid())
        };
        let low = ceiling < floor + RESERVE_LOW;
        if waiting.is_empty() && !low && !unsaid {
            continue;
        }
        let mut answers = Vec::with_capacity(waiting.len());
        let transactions = waiting
            .drain(..)
            .map(|p| {
                answers.push(p.answer);
                p.transaction
            })
            .collect();
        let ceiling = if low { floor + RESERVE } else { ceiling };
        let batch = Batch { floor, ceiling, transactions };
        match encode(&batch, previous) {
            Err(error) => tracing::error!(%error, "an entry does not encode; its writers are told that the log is closed"),
            Ok(entry) => match log.propose(entry).await {
                Ok(reply) => answer(answers, &reply),
                // Dropping the answers tells each writer that its write was not acknowledged.
                Err(error) => tracing::error!(%error, "the log did not take an entry"),
            },
        }
    }
}

/// An entry of the log: a batch, and from which version the entry before it was counted.
pub(super) fn encode(batch: &Batch, previous: u64) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_extend(&previous, postcard::to_allocvec(batch)?)
}

/// A batch alone, as earlier versions wrote it, says nothing of the entry before.
fn decode(entry: &[u8]) -> Result<(Batch, Option<u64>), postcard::Error> {
    let (batch, rest) = postcard::take_from_bytes(entry)?;
    let previous = if rest.is_empty() { None } else { Some(postcard::from_bytes(rest)?) };
    Ok((batch, previous))
}

fn answer(answers: Vec<tokio::sync::oneshot::Sender<Result<Committed, Clash>>>, reply: &[u8]) {
    let replies: Vec<Reply> = postcard::from_bytes(reply).unwrap_or_default();
    for (answer, reply) in answers.into_iter().zip(replies) {
        // A writer that has gone away does not need its answer.
        let _ = answer.send(match reply {
            Reply::Applied(versions) => Ok(Committed { versions }),
            Reply::Clash(write, expect, found, key) => Err(Clash { write, expect, found, key }),
        });
    }
}

impl Machine for Applier {
    fn apply(&self, entry: &[u8]) -> Vec<u8> {
        let (batch, previous) = match decode(entry) {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::error!(%error, "a committed entry does not decode; it is skipped on every member alike");
                return Vec::new();
            }
        };
        let replies: Vec<Reply> = self
            .0
            .apply_after(&batch, previous)
            .into_iter()
            .map(|result| match result {
                Ok(committed) => Reply::Applied(committed.versions),
                Err(clash) => Reply::Clash(clash.write, clash.expect, clash.found, clash.key),
            })
            .collect();
        postcard::to_allocvec(&replies).unwrap_or_default()
    }

    fn snapshot(&self) -> Vec<u8> {
        super::snapshot::take(&self.0.read())
    }

    fn restore(&self, snapshot: &[u8]) -> Result<(), String> {
        super::snapshot::put(&mut self.0.core.write(), snapshot)
    }
}
