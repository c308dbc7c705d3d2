//! One revision as the gateway knows it: rules, sandboxes, who waits, how much is asked.
//!
//! Fed by [`crate::table`] with what the control plane says; requests only read it. A revision's handle stays the same for as
//! long as anybody holds it, so hosts keep the handle and a lookup of a host is the only one a request needs.

use crate::edge::ColdEdge;
use crate::forward::pool::Pool;
use crate::load::Meter;
use crate::metrics::Tally;
use crate::wait::Room;
use arc_swap::{ArcSwap, ArcSwapOption};
use skiff_engine::wire::{Endpoint, RevisionRoute, SandboxKey};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How a revision serves, ready for use.
pub(crate) struct Rules {
    pub(crate) route: RevisionRoute,
    pub(crate) timeout: Duration,
    pub(crate) response_start: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    /// Metrics, made with the first request: most revisions of a large cluster have none.
    pub(crate) tally: OnceLock<Tally>,
}

impl Rules {
    fn new(route: RevisionRoute) -> Self {
        let some = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
        Self {
            timeout: some(route.timeout_s).unwrap_or(Duration::from_secs(300)),
            response_start: some(route.response_start_timeout_s),
            idle: some(route.idle_timeout_s),
            tally: OnceLock::new(),
            route,
        }
    }
}

/// One sandbox with its connections.
pub(crate) struct Slot {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    /// When the gateway heard of it first.
    pub(crate) seen: Instant,
    pub(crate) in_flight: AtomicU32,
    /// It refused a connection: not used before this time ([`crate::now_us`]) if another one has room.
    pub(crate) avoid_until_us: AtomicU64,
    pub(crate) pool: Pool,
}

impl Slot {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            address: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(endpoint.address), endpoint.port)),
            seen: Instant::now(),
            in_flight: AtomicU32::new(0),
            avoid_until_us: AtomicU64::new(0),
            pool: Pool::default(),
        }
    }
}

/// A revision.
pub(crate) struct Revision {
    pub(crate) number: u32,
    pub(crate) room: Room,
    pub(crate) meter: Meter,
    pub(crate) cold: ColdEdge,
    rules: ArcSwapOption<Rules>,
    slots: ArcSwap<Vec<Arc<Slot>>>,
    failing: ArcSwapOption<String>,
    /// `decided_us` in the upper half, `ordered_us` in the lower.
    progress: AtomicU64,
    rules_session: AtomicU64,
    slots_session: AtomicU64,
}

impl Revision {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            number,
            room: Room::default(),
            meter: Meter::default(),
            cold: ColdEdge::default(),
            rules: ArcSwapOption::empty(),
            slots: ArcSwap::default(),
            failing: ArcSwapOption::empty(),
            progress: AtomicU64::new(0),
            rules_session: AtomicU64::new(0),
            slots_session: AtomicU64::new(0),
        }
    }

    /// The rules, or `None` when the control plane does not know the revision.
    pub(crate) fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.load_full()
    }

    pub(crate) fn is_known(&self) -> bool {
        self.rules.load().is_some()
    }

    pub(crate) fn slots(&self) -> arc_swap::Guard<Arc<Vec<Arc<Slot>>>> {
        self.slots.load()
    }

    /// Why it can't start, while it has no sandbox.
    pub(crate) fn failure(&self) -> Option<Arc<String>> {
        let failure = self.failing.load_full()?;
        self.slots.load().is_empty().then_some(failure)
    }

    /// Microseconds to the decision and from there to the order, of the latest cold start.
    pub(crate) fn progress(&self) -> (u32, u32) {
        let both = self.progress.load(Ordering::Relaxed);
        ((both >> 32) as u32, both as u32)
    }

    pub(crate) fn set_progress(&self, decided_us: u32, ordered_us: u32) {
        self.progress.store((u64::from(decided_us) << 32) | u64::from(ordered_us), Ordering::Relaxed);
    }

    pub(crate) fn set_rules(self: &Arc<Self>, route: RevisionRoute, session: u64) {
        self.rules_session.store(session, Ordering::Relaxed);
        self.rules.store(Some(Arc::new(Rules::new(route))));
        // A raised limit makes room.
        self.room.wake(self);
    }

    /// Replaces the sandboxes; those that stay keep their connections and their count.
    pub(crate) fn set_endpoints(self: &Arc<Self>, endpoints: &[Endpoint], session: u64) {
        self.slots_session.store(session, Ordering::Relaxed);
        let present = self.slots.load_full();
        let known: HashMap<SandboxKey, &Arc<Slot>> = present.iter().map(|slot| (slot.endpoint.key, slot)).collect();
        let slots = endpoints.iter().map(|endpoint| match known.get(&endpoint.key) {
            Some(slot) if slot.endpoint.address == endpoint.address && slot.endpoint.port == endpoint.port => Arc::clone(slot),
            _ => Arc::new(Slot::new(*endpoint)),
        });
        self.slots.store(Arc::new(slots.collect()));
        self.room.wake(self);
    }

    /// It can't start (empty: it can again). Who waits is told so.
    pub(crate) fn set_failing(&self, message: String) {
        if message.is_empty() {
            self.failing.store(None);
            return;
        }
        self.failing.store(Some(Arc::new(message)));
        if let Some(failure) = self.failure() {
            self.room.refuse_all(&crate::wait::Refusal::Failing(failure));
        }
    }

    /// The control plane does not know it any more.
    pub(crate) fn forget(&self) -> Option<Arc<Rules>> {
        let rules = self.rules.swap(None);
        self.slots.store(Arc::default());
        self.failing.store(None);
        self.room.refuse_all(&crate::wait::Refusal::Gone);
        rules
    }

    /// Whether rules and sandboxes were said in this session.
    pub(crate) fn said_in(&self, session: u64) -> (bool, bool) {
        let in_session = |mark: &AtomicU64| mark.load(Ordering::Relaxed) == session;
        (in_session(&self.rules_session), in_session(&self.slots_session))
    }
}
