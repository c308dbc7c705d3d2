//! The tables together, and the counters that every change must keep right. The only owner of rows.
//!
//! Changed by commands (one file each under `command/`) inside a turn; read by anybody with a shared reference.

use crate::agenda::{Agenda, Job};
use crate::event::{Event, Order, Outcome, SandboxAt};
use crate::record::pending::{Pending, Size};
use crate::record::{Documents, Function, Members, Node, Overlay, Phase, RecentStages, Revision, Row, Sandbox, Sandboxes, Shape};
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
    /// Gateways that are connected. Without one, silence is not "no traffic" and nothing is scaled down.
    pub gateways: u32,
    /// Sandboxes without a node.
    pub(crate) pending: Pending,
    /// What is due when.
    pub(crate) agenda: Agenda,
    /// Revisions whose autoscaler has something to decide.
    pub(crate) scaling: BTreeSet<u32>,
    /// Functions with something left to make or stop, because a turn's bound was reached.
    pub(crate) unfinished: BTreeSet<u32>,
    /// Dropped revisions with sandboxes left to stop, for the same reason.
    pub(crate) doomed: BTreeSet<u32>,
    /// Nodes of an earlier run that have not said yet what they run.
    pub(crate) awaited: BTreeSet<u16>,
    /// Until this time (Unix ms) nothing is created: nodes are still telling what they run. 0 when that is over.
    pub(crate) settle_until_ms: u64,
    /// What is put now was there before this run: `settle` until the first reaction.
    pub(crate) restoring: bool,
    /// Number of this run of the control plane.
    pub(crate) epoch: u32,
}

/// The one argument of a turn besides the world: time, chance, and what comes out.
pub struct Turn {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Chance of this turn.
    pub seed: u64,
    /// What leaves the turn.
    pub out: Outcome,
    /// Functions that a command touched.
    pub(crate) dirty: BTreeSet<u32>,
    /// Nodes that have room again.
    pub(crate) freed: BTreeSet<u16>,
    /// Sizes of waiting sandboxes to be tried anywhere.
    pub(crate) retried: BTreeSet<Size>,
}

impl Turn {
    /// A turn at a time.
    #[must_use]
    pub fn new(now_ms: u64, seed: u64) -> Turn {
        let (dirty, freed, retried) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Turn { now_ms, seed, out: Outcome::default(), dirty, freed, retried }
    }

    /// Unix seconds.
    #[must_use]
    pub fn now_s(&self) -> u32 {
        // Until 2106.
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

    /// What a sandbox of a revision needs; nothing if the revision is unknown (its sandboxes are being stopped).
    pub(crate) fn shape_of(&self, serial: u32) -> Shape {
        self.revisions.get(&serial).map(|r| r.shape).unwrap_or_default()
    }

    /// Replaces a sandbox's row and overlay, moves the counters, notes the event.
    pub(crate) fn move_sandbox(&mut self, turn: &mut Turn, row: Row, after: Sandbox, overlay: Option<Arc<Overlay>>) {
        let before = self.sandbox_at(row);
        let version = self.next_version();
        if !Members::same_lane(before.sandbox.phase(), after.phase()) {
            self.delist(row, before.sandbox);
            self.enlist(row, after);
        }
        self.sandboxes.set(row, after, version);
        self.sandboxes.set_overlay(row, overlay);
        if before.sandbox.is_placed() != after.is_placed() {
            let shape = self.shape_of(after.revision());
            self.pending.remove(&shape, after.created_s(), row);
        }
        self.count(turn, Some(before.sandbox), Some(after));
        let event = Event::Sandbox { before: Some(before), after: Some(self.sandbox_at(row)) };
        turn.out.events.push((version, event));
    }

    /// Adds a sandbox; if it has a place, the caller has claimed it for [`Sandboxes::next_row`].
    pub(crate) fn add_sandbox(&mut self, turn: &mut Turn, sandbox: Sandbox, overlay: Option<Arc<Overlay>>) -> Row {
        let version = self.next_version();
        let row = self.sandboxes.insert(sandbox, version);
        self.sandboxes.set_overlay(row, overlay);
        self.enlist(row, sandbox);
        if let Some(revision) = self.revisions.get_mut(&sandbox.revision()) {
            revision.made = true;
        }
        if !sandbox.is_placed() {
            let shape = self.shape_of(sandbox.revision());
            self.pending.insert(&shape, sandbox.created_s(), row);
        }
        self.count(turn, None, Some(sandbox));
        turn.out.events.push((version, Event::Sandbox { before: None, after: Some(self.sandbox_at(row)) }));
        row
    }

    /// Removes a sandbox for good and gives back its place.
    pub(crate) fn remove_sandbox(&mut self, turn: &mut Turn, row: Row) {
        let before = self.sandbox_at(row);
        let sandbox = before.sandbox;
        let shape = self.shape_of(sandbox.revision());
        let version = self.next_version();
        self.delist(row, sandbox);
        if !sandbox.is_placed() {
            self.pending.remove(&shape, sandbox.created_s(), row);
        } else if let Some(node) = self.nodes.get_mut(sandbox.node() as usize) {
            node.free_slot(sandbox.slot());
            node.give_room(&shape);
            turn.freed.insert(sandbox.node());
        }
        self.sandboxes.remove(row);
        self.count(turn, Some(sandbox), None);
        turn.out.events.push((version, Event::Sandbox { before: Some(before), after: None }));
        // A dropped revision's row goes with its last sandbox.
        if self.revisions.get(&sandbox.revision()).is_some_and(|r| r.function == 0 && r.members.is_empty()) {
            self.forget_revision(sandbox.revision());
        }
    }

    /// A revision's row goes.
    pub(crate) fn forget_revision(&mut self, serial: u32) {
        self.revisions.remove(&serial);
        self.doomed.remove(&serial);
        self.scaling.remove(&serial);
        self.agenda.cancel(Job::Mature(serial));
        self.agenda.cancel(Job::Scale(serial));
    }

    fn enlist(&mut self, row: Row, sandbox: Sandbox) {
        if let Some(revision) = self.revisions.get_mut(&sandbox.revision()) {
            let at = revision.members.push(sandbox.phase(), row);
            self.sandboxes.set_at(row, at);
        }
    }

    fn delist(&mut self, row: Row, sandbox: Sandbox) {
        if let Some(revision) = self.revisions.get_mut(&sandbox.revision()) {
            let sandboxes = &mut self.sandboxes;
            let at = sandboxes.at(row);
            revision.members.take(sandbox.phase(), row, at, |row, at| sandboxes.set_at(row, at));
        }
    }

    /// Moves the counters of the revision and marks its function for the end of the turn.
    fn count(&mut self, turn: &mut Turn, before: Option<Sandbox>, after: Option<Sandbox>) {
        let Some(serial) = before.or(after).map(Sandbox::revision) else { return };
        let version = self.version;
        let now_s = turn.now_s();
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        turn.dirty.insert(revision.function);
        let is = |s: Option<Sandbox>, what: fn(Phase) -> bool| s.is_some_and(|s| what(s.phase()));
        let ready = |s| is(s, |phase| phase == Phase::Ready);
        let stopping = |s| is(s, |phase| phase == Phase::Stopping);
        let old = revision.counts;
        shift(&mut revision.counts.active, is(before, Phase::is_active), is(after, Phase::is_active));
        shift(&mut revision.counts.ready, ready(before), ready(after));
        shift(&mut revision.counts.stopping, stopping(before), stopping(after));
        match (before, after) {
            _ if ready(before) == ready(after) => {}
            (_, Some(sandbox)) if ready(after) => revision.readied(sandbox, now_s),
            (Some(sandbox), _) => revision.unreadied(sandbox),
            _ => {}
        }
        if let Some((first_s, _)) = revision.maturing.first_key_value() {
            self.agenda.set_by(Job::Mature(serial), u64::from(*first_s) * 1000);
        }
        if revision.counts.ready > 0 && revision.first_ready_s == 0 {
            revision.first_ready_s = now_s.max(1);
        }
        if (old.active > 0) != (revision.counts.active > 0) || (old.ready > 0) != (revision.counts.ready > 0) {
            revision.active_changed_s = now_s;
        }
        if revision.counts.ready > old.ready {
            revision.failure = None;
        }
        // A move into or out of serving matters to endpoints even when the number stays (one goes, one comes).
        let endpoints = ready(before) != ready(after) || stopping(before) != stopping(after);
        if revision.counts != old || endpoints {
            revision.touched = version;
            turn.out.events.push((version, Event::Revision { serial, endpoints }));
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

/// Moves one sandbox into or out of a counter.
fn shift(counter: &mut u32, was: bool, is: bool) {
    let (was, is) = (u32::from(was), u32::from(is));
    debug_assert!(*counter + is >= was, "a sandbox leaves a counter that it never entered");
    *counter = (*counter + is).saturating_sub(was);
}
