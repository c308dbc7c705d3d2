//! The tables together, and the counters that every change must keep right. The only owner of rows.
//!
//! Changed by commands (one file each under `command/`) inside a turn; read by anybody with a shared reference.

use crate::event::{Event, Order, Outcome, SandboxAt};
use crate::record::{Documents, Function, Node, Overlay, Phase, RecentStages, Revision, Row, Sandbox, Sandboxes};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};

/// Everything the control plane knows.
#[derive(Default)]
pub struct World {
    /// Declared objects: the durable part.
    pub documents: Documents,
    /// What is wanted.
    pub functions: BTreeMap<u32, Function>,
    /// What sandboxes run.
    pub revisions: BTreeMap<u32, Revision>,
    /// What runs.
    pub sandboxes: Sandboxes,
    /// Who runs it, by number.
    pub nodes: Vec<Node>,
    /// Numbers of nodes by name.
    pub node_names: BTreeMap<String, u16>,
    /// Stage times of recent starts.
    pub stages: RecentStages,
    /// The last version given out; never goes back.
    pub version: u64,
    /// Sandboxes without a node, in order of creation.
    pub(crate) pending: BTreeSet<(u32, Row)>,
    /// Revisions with young ready sandboxes.
    pub(crate) maturing: BTreeSet<u32>,
    /// Revisions whose autoscaler has something to decide.
    pub(crate) scaling: BTreeSet<u32>,
    /// Until this time (Unix ms) nothing is created: nodes are still telling what they run.
    pub(crate) settle_until_ms: u64,
    /// First `seq` of revisions made in this run of the control plane.
    pub(crate) seq_first: u32,
}

/// The one argument of a turn besides the world: time, chance, and what comes out.
pub struct Turn {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Chance of this turn.
    pub seed: u64,
    /// What leaves the turn.
    pub out: Outcome,
    pub(crate) dirty: BTreeSet<u32>,
}

impl Turn {
    /// A turn at a time.
    #[must_use]
    pub fn new(now_ms: u64, seed: u64) -> Turn {
        Turn { now_ms, seed, out: Outcome::default(), dirty: BTreeSet::new() }
    }

    /// Unix seconds.
    #[must_use]
    pub fn now_s(&self) -> u32 {
        (self.now_ms / 1000) as u32
    }

    /// A number of chance (splitmix64).
    pub(crate) fn chance(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn order(&mut self, node: u16, order: Order) {
        self.out.orders.push((node, order));
    }
}

impl World {
    /// The next version; every visible change takes one.
    pub(crate) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// A sandbox as it is.
    #[must_use]
    pub fn sandbox_at(&self, row: Row) -> SandboxAt {
        SandboxAt {
            sandbox: self.sandboxes.get(row),
            version: self.sandboxes.version(row),
            overlay: self.sandboxes.overlay(row).cloned(),
        }
    }

    /// Replaces a sandbox's row and overlay, moves the counters, notes the event. Nothing happens if nothing changed.
    pub(crate) fn move_sandbox(&mut self, turn: &mut Turn, row: Row, after: Sandbox, overlay: Option<Arc<Overlay>>) {
        let before = self.sandbox_at(row);
        let version = self.next_version();
        self.sandboxes.set(row, after, version);
        self.sandboxes.set_overlay(row, overlay);
        self.count(turn, Some(before.sandbox), Some(after));
        if before.sandbox.is_placed() != after.is_placed() {
            self.pending.remove(&(after.created_s(), row));
        }
        let event = Event::Sandbox { before: Some(before), after: Some(self.sandbox_at(row)) };
        turn.out.events.push((version, event));
    }

    /// Adds a sandbox.
    pub(crate) fn add_sandbox(&mut self, turn: &mut Turn, sandbox: Sandbox, overlay: Option<Arc<Overlay>>) -> Row {
        let version = self.next_version();
        let row = self.sandboxes.insert(sandbox, version);
        self.sandboxes.set_overlay(row, overlay);
        if let Some(revision) = self.revisions.get_mut(&sandbox.revision()) {
            revision.members.push(row);
            revision.made = true;
        }
        if !sandbox.is_placed() {
            self.pending.insert((sandbox.created_s(), row));
        }
        self.count(turn, None, Some(sandbox));
        turn.out.events.push((version, Event::Sandbox { before: None, after: Some(self.sandbox_at(row)) }));
        row
    }

    /// Removes a sandbox for good and gives back its place.
    pub(crate) fn remove_sandbox(&mut self, turn: &mut Turn, row: Row) {
        let before = self.sandbox_at(row);
        let sandbox = before.sandbox;
        let version = self.next_version();
        if let Some(revision) = self.revisions.get_mut(&sandbox.revision()) {
            // Mostly in order of `seq`, so the search from the front finds old ones and from the back young ones soon.
            if let Some(at) = revision.members.iter().position(|member| *member == row) {
                revision.members.remove(at);
            }
        }
        self.pending.remove(&(sandbox.created_s(), row));
        self.release(sandbox);
        self.sandboxes.remove(row);
        self.count(turn, Some(sandbox), None);
        turn.out.events.push((version, Event::Sandbox { before: Some(before), after: None }));
        // A dropped revision's row goes with its last sandbox.
        if self.revisions.get(&sandbox.revision()).is_some_and(|r| r.function == 0 && r.members.is_empty()) {
            self.revisions.remove(&sandbox.revision());
        }
    }

    /// Gives back what a sandbox took of its node.
    pub(crate) fn release(&mut self, sandbox: Sandbox) {
        let shape = self.revisions.get(&sandbox.revision()).map(|r| r.shape).unwrap_or_default();
        if let Some(node) = self.nodes.get_mut(sandbox.node() as usize) {
            node.free_slot(sandbox.slot());
            node.used = node.used.saturating_sub(1);
            node.used_cpu_milli = node.used_cpu_milli.saturating_sub(shape.cpu_milli);
            node.used_memory_mib = node.used_memory_mib.saturating_sub(shape.memory_mib);
        }
    }

    /// Moves the counters of the revision and marks its function for the end of the turn.
    fn count(&mut self, turn: &mut Turn, before: Option<Sandbox>, after: Option<Sandbox>) {
        let Some(serial) = before.or(after).map(Sandbox::revision) else { return };
        let version = self.version;
        let now_s = turn.now_s();
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        turn.dirty.insert(revision.function);
        let phase = |s: Option<Sandbox>| s.map(Sandbox::phase);
        let (was, is) = (phase(before), phase(after));
        let old = revision.counts;
        let active = |p: Option<Phase>| u32::from(p.is_some_and(Phase::is_active));
        let ready = |p: Option<Phase>| u32::from(p == Some(Phase::Ready));
        let stopping = |p: Option<Phase>| u32::from(p == Some(Phase::Stopping));
        let counts = &mut revision.counts;
        counts.active = counts.active + active(is) - active(was).min(counts.active);
        counts.ready = counts.ready + ready(is) - ready(was).min(counts.ready);
        counts.stopping = counts.stopping + stopping(is) - stopping(was).min(counts.stopping);
        if revision.shape.min_ready_s == 0 {
            counts.available = counts.ready;
        } else if ready(is) != ready(was) {
            crate::react::mature(revision, now_s, is.is_some_and(|p| p == Phase::Ready));
            self.maturing.insert(serial);
        }
        if revision.counts.ready > 0 && revision.first_ready_s == 0 {
            revision.first_ready_s = now_s.max(1);
        }
        if (old.active > 0) != (revision.counts.active > 0) || (old.ready > 0) != (revision.counts.ready > 0) {
            revision.active_changed_s = now_s;
        }
        // A move into or out of serving matters to endpoints even when the number stays (one goes, one comes).
        let endpoints = ready(was) != ready(is) || stopping(was) != stopping(is);
        if revision.counts != old || endpoints {
            revision.touched = version;
            turn.out.events.push((version, Event::Revision { serial, endpoints }));
        }
        if revision.counts.ready > old.ready {
            revision.failure = None;
        }
    }

    /// Marks a revision as visibly changed.
    pub(crate) fn touch_revision(&mut self, turn: &mut Turn, serial: u32) {
        let version = self.next_version();
        if let Some(revision) = self.revisions.get_mut(&serial) {
            revision.touched = version;
            turn.out.events.push((version, Event::Revision { serial, endpoints: false }));
        }
    }

    /// Marks a node as visibly changed.
    pub(crate) fn touch_node(&mut self, turn: &mut Turn, number: u16) {
        let version = self.next_version();
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.touched = version;
            turn.out.events.push((version, Event::Node { number }));
        }
    }
}
