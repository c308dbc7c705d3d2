//! A node's session begins or ends. Its full list is compared with what is known: what is wanted is adopted, the rest stopped.

use crate::agenda::Job;
use crate::command::drop_node::NODE_GRACE_MS;
use crate::event::Order;
use crate::record::{GENERATION_LAST, NODES_MAX, Node, Overlay, Phase, Row, Sandbox};
use crate::wire::{NodeFacts, SandboxReport, SandboxState};
use crate::world::{Turn, World};
use alloc::{string::String, sync::Arc, vec::Vec};

/// Grace of sandboxes that nobody wants any more, when what was granted is not known.
const GRACE_S: u32 = 30;

/// A node's first word in a session.
pub struct Join {
    /// Number of the session, chosen by the caller, never used twice.
    pub session: u64,
    /// What it says of itself.
    pub facts: NodeFacts,
    /// Everything it runs.
    pub sandboxes: Vec<SandboxReport>,
}

impl World {
    /// The number of a node, made if new. `None` when [`NODES_MAX`] are known.
    pub fn node_number(&mut self, name: &str, now_ms: u64) -> Option<u16> {
        let known = self.node_names.get(name).copied();
        let number = match known {
            Some(number) if self.nodes.get(number as usize).is_some_and(|n| !n.dropped) => return Some(number),
            Some(number) => number,
            None => self.free_number()?,
        };
        let mut node = Node::new(number, name.into(), now_ms);
        if self.restoring {
            // It is not known to be silent: readiness does not flap because the control plane was started anew.
            node.ready = true;
            self.awaited.insert(number);
            self.agenda.set(Job::Node(number), now_ms + NODE_GRACE_MS);
        }
        self.node_names.insert(name.into(), number);
        match self.nodes.get_mut(number as usize) {
            Some(place) => {
                // What it ran before it was dropped is not wanted.
                node.joined = place.joined && place.name == node.name;
                *place = node;
            }
            None => self.nodes.push(node),
        }
        Some(number)
    }

    /// A node of an earlier run had this number: nobody else gets it, and the node itself is dropped until it is put or joins.
    /// False if the number is another's or none.
    pub fn keep_number(&mut self, name: &str, number: u16, now_ms: u64) -> bool {
        if let Some(known) = self.node_names.get(name) {
            return *known == number;
        }
        if number >= NODES_MAX {
            return false;
        }
        for gap in self.nodes.len()..=usize::from(number) {
            // Below NODES_MAX, which fits.
            let mut node = Node::new(gap as u16, String::new(), now_ms);
            node.dropped = true;
            self.nodes.push(node);
        }
        let Some(node) = self.nodes.get_mut(usize::from(number)).filter(|n| n.name.is_empty()) else { return false };
        node.name = name.into();
        self.node_names.insert(name.into(), number);
        true
    }

    /// A number never used, or that of a dropped node when there is none: its name may come back, and would get it again.
    fn free_number(&mut self) -> Option<u16> {
        if let Some(number) = u16::try_from(self.nodes.len()).ok().filter(|n| *n < NODES_MAX) {
            return Some(number);
        }
        let old = self.nodes.iter().find(|n| n.dropped)?;
        self.node_names.remove(&old.name);
        Some(old.number)
    }

    /// A node joins. Returns its number, or `None` if there is no number left.
    pub fn join_node(&mut self, turn: &mut Turn, join: Join) -> Option<u16> {
        let number = self.node_number(&join.facts.name, turn.now_ms)?;
        let node = self.nodes.get_mut(number as usize)?;
        if !node.ready {
            node.changed_s = turn.now_s();
        }
        node.ready = true;
        node.lost_ms = 0;
        node.session = Some(join.session);
        node.heard_ms = turn.now_ms;
        node.facts = join.facts;
        // Whatever it still removes is in its list.
        node.forgotten.clear();
        let first = !core::mem::replace(&mut node.joined, true);
        let known: Vec<_> = node.rows().collect();
        self.agenda.set_by(Job::Node(number), turn.now_ms + NODE_GRACE_MS);
        self.touch_node(turn, number);
        let mut listed: Vec<_> = join.sandboxes.iter().map(|report| report.key).collect();
        listed.sort_unstable();
        // First what is gone, so that its slots are free for what is there.
        for row in known {
            let sandbox = self.sandboxes.get(row);
            if listed.binary_search(&sandbox.key()).is_ok() {
                continue;
            }
            match sandbox.phase() {
                // Ordered in a session that broke: order it again.
                Phase::Creating => {
                    let order = Order::Create { key: sandbox.key(), generation: sandbox.generation(), slot: sandbox.slot() };
                    turn.order(number, order);
                }
                _ => self.remove_sandbox(turn, row),
            }
        }
        for report in &join.sandboxes {
            match self.sandboxes.find(report.key) {
                Some(row) => self.meet_again(turn, number, row, report),
                None => self.adopt(turn, number, report, first),
            }
        }
        turn.freed.insert(number);
        self.stop_awaiting(turn, number);
        Some(number)
    }

    /// A listed sandbox that is known.
    fn meet_again(&mut self, turn: &mut Turn, number: u16, row: Row, report: &SandboxReport) {
        let (key, sandbox) = (report.key, self.sandboxes.get(row));
        if sandbox.node() != number {
            // Placed elsewhere meanwhile: this copy must go.
            if report.state != SandboxState::Gone {
                turn.order(number, Order::Delete { key, generation: GENERATION_LAST, grace_s: 0 });
                self.keep_slot(number, key, report.slot);
            }
            return;
        }
        if sandbox.phase() == Phase::Stopping && report.state != SandboxState::Gone {
            let grace_s = self.sandboxes.overlay(row).and_then(|o| o.deletion).map_or(0, |(_, grace)| grace);
            turn.order(number, Order::Delete { key, generation: sandbox.generation(), grace_s });
        }
        self.report_sandbox(turn, number, report);
    }

    /// A listed sandbox that is not known. In the first list of a node in this run it is one of an earlier run, and kept if its
    /// revision is wanted; later it is one that we have given up. What was told to stop (which alone raises a generation) or is
    /// not wanted keeps its slot until the node says that it is gone.
    fn adopt(&mut self, turn: &mut Turn, number: u16, report: &SandboxReport, first: bool) {
        if report.state == SandboxState::Gone {
            return;
        }
        let key = report.key;
        let revision = self.revisions.get(&key.revision);
        let kept = first
            && report.generation == 0
            && revision.is_some_and(|r| r.function != 0 && (r.shape.replaced || r.members.is_empty()));
        // `next_seq` stays: to go on behind this number would give one that a node not heard yet may run.
        let now_s = turn.now_s();
        let created_s = u32::try_from(report.created_s).unwrap_or(u32::MAX).min(now_s);
        let mut sandbox = Sandbox::new(key, created_s);
        let shape = self.shape_of(key.revision);
        // Revision 0 is nobody's, and larger numbers than a row holds were never given: neither can be a row.
        let row = self.sandboxes.next_row();
        let claimed = key.revision != 0 && sandbox.key() == key && self.claim(number, row, &shape, Some(report.slot)).is_some();
        if !claimed {
            turn.order(number, Order::Delete { key, generation: GENERATION_LAST, grace_s: 0 });
            self.keep_slot(number, key, report.slot);
            return;
        }
        sandbox.place(number, report.slot);
        if kept {
            sandbox.enter(Phase::Creating, created_s);
            self.add_sandbox(turn, sandbox, None);
            self.report_sandbox(turn, number, report);
            return;
        }
        sandbox.enter(Phase::Stopping, now_s);
        sandbox.last_generation();
        let deletion = Some((now_s.saturating_add(GRACE_S), GRACE_S));
        let was_ready = report.state == SandboxState::Ready;
        self.add_sandbox(turn, sandbox, Some(Arc::new(Overlay { deletion, was_ready, ..Overlay::default() })));
        turn.order(number, Order::Delete { key, generation: GENERATION_LAST, grace_s: GRACE_S });
    }

    /// A node has said what it runs, or never will. With the last one creation may begin, also of Pods of their own.
    pub(crate) fn stop_awaiting(&mut self, turn: &mut Turn, number: u16) {
        let last = self.awaited.remove(&number) && self.awaited.is_empty();
        if self.awaited.is_empty() && self.settle_until_ms != 0 {
            self.settled(turn);
        } else if last {
            let own = self.revisions.values().filter(|r| r.inherited && !r.shape.replaced && !r.made);
            turn.dirty.extend(own.map(|r| r.function));
        }
    }

    /// A node's session ended. Nothing is stopped: it may come back.
    pub fn lose_node(&mut self, turn: &mut Turn, number: u16, session: u64) {
        let Some(node) = self.nodes.get_mut(number as usize) else { return };
        if node.session != Some(session) {
            return; // a newer session has taken over
        }
        node.session = None;
        node.heard_ms = turn.now_ms;
    }

    /// A sign of life.
    pub fn hear_node(&mut self, number: u16, now_ms: u64) {
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.heard_ms = now_ms;
            if !node.ready && node.session.is_some() {
                // It was given up in a pause of ours, not of its own: the next tick takes it back.
                self.agenda.set(Job::Node(number), now_ms);
            }
        }
    }

    /// Opens or closes a node for placement.
    pub fn close_node(&mut self, turn: &mut Turn, number: u16, closed: bool) {
        let Some(node) = self.nodes.get_mut(number as usize) else { return };
        if node.closed != closed {
            node.closed = closed;
            self.touch_node(turn, number);
            turn.freed.insert(number);
        }
    }

    /// A node's images changed.
    pub fn set_images(&mut self, turn: &mut Turn, number: u16, images: Vec<(alloc::string::String, u64)>) {
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.facts.images = images;
            self.touch_node(turn, number);
        }
    }
}
