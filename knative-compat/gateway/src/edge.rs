//! Cold reports: tells the control plane at once that requests wait, and how many.
//!
//! Fed by [`crate::wait`]; sends through [`crate::load::Uplink`]. The first waiting request is reported immediately; growth
//! after it is collected for [`COALESCE_US`]. Must not know sessions: while there is none, nothing is sent, and the link
//! reports everything that waits when the next one begins.

use crate::Gate;
use crate::load::Uplink;
use crate::revision::Revision;
use parking_lot::Mutex;
use skiff_engine::wire::Load;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Microseconds between two reports of the same revision, at least.
const COALESCE_US: u64 = 5_000;
/// Microseconds between two reports of a revision that can't start: it is asked for, but nobody waits.
const NUDGE_US: u64 = 1_000_000;

/// What was reported of a revision.
#[derive(Default)]
pub(crate) struct ColdEdge {
    reported: AtomicU32,
    /// Time of the last report plus one; 0 before the first.
    at_us: AtomicU64,
    listed: AtomicBool,
}

impl ColdEdge {
    /// Fewer wait now, so that growth from here is growth.
    pub(crate) fn lower(&self, waiting: u32) {
        self.reported.fetch_min(waiting, Ordering::Relaxed);
    }

    fn is_quiet(&self, now_us: u64, pause_us: u64) -> bool {
        let at_us = self.at_us.load(Ordering::Relaxed);
        at_us == 0 || now_us.saturating_sub(at_us) >= pause_us
    }

    fn mark(&self, now_us: u64, waiting: u32) {
        self.at_us.store(now_us + 1, Ordering::Relaxed);
        self.reported.store(waiting, Ordering::Relaxed);
    }
}

/// The reports that are to be made soon. Each revision is listed at most once, which bounds the list.
pub(crate) struct Edges {
    uplink: Uplink,
    soon: Mutex<Vec<Arc<Revision>>>,
    wake: Notify,
}

impl Edges {
    pub(crate) fn new(uplink: Uplink) -> Self {
        Self { uplink, soon: Mutex::default(), wake: Notify::new() }
    }

    /// So many wait now for the revision.
    pub(crate) fn note(&self, revision: &Arc<Revision>, waiting: u32, now_us: u64) {
        let cold = &revision.cold;
        if cold.reported.load(Ordering::Relaxed) == 0 && cold.is_quiet(now_us, COALESCE_US) {
            cold.mark(now_us, waiting);
            if self.uplink.send(Load::Cold { revision: revision.number, waiting }) {
                return;
            }
            cold.reported.store(0, Ordering::Relaxed);
        }
        self.list(revision);
    }

    /// The revision can't start, and somebody asked for it and was refused.
    pub(crate) fn nudge(&self, revision: &Revision, now_us: u64) {
        if revision.cold.is_quiet(now_us, NUDGE_US) {
            revision.cold.mark(now_us, 0);
            self.uplink.send(Load::Cold { revision: revision.number, waiting: 1 });
        }
    }

    fn list(&self, revision: &Arc<Revision>) {
        if !revision.cold.listed.swap(true, Ordering::AcqRel) {
            self.soon.lock().push(Arc::clone(revision));
            self.wake.notify_one();
        }
    }

    fn report(&self, now_us: u64) {
        let soon = std::mem::take(&mut *self.soon.lock());
        for revision in soon {
            revision.cold.listed.store(false, Ordering::Release);
            let waiting = revision.room.waiting();
            if waiting <= revision.cold.reported.load(Ordering::Relaxed) {
                continue;
            }
            if self.uplink.send(Load::Cold { revision: revision.number, waiting }) {
                revision.cold.mark(now_us, waiting);
            } else if self.uplink.is_up() {
                // The queue to the control plane is full: try again with the next lot.
                self.list(&revision);
            }
        }
    }
}

/// Makes the collected reports.
pub(crate) async fn run(gate: Arc<Gate>) {
    loop {
        gate.edges.wake.notified().await;
        tokio::time::sleep(Duration::from_micros(COALESCE_US)).await;
        gate.edges.report(crate::now_us());
    }
}
