//! A node's session begins or ends. Its full list is compared with what is known: what is wanted is adopted, the rest stopped.

use crate::event::Order;
use crate::record::{NO_NODE, NODES_MAX, Node, Phase, Sandbox};
use crate::wire::{NodeFacts, SandboxReport, SandboxState};
use crate::world::{Turn, World};
use alloc::vec::Vec;

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
        if let Some(number) = self.node_names.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(self.nodes.len()).ok().filter(|n| *n < NODES_MAX)?;
        self.nodes.push(Node::new(number, name.into(), now_ms));
        self.node_names.insert(name.into(), number);
        Some(number)
    }

    /// A node joins. Returns its number, or `None` if there is no number left.
    pub fn join_node(&mut self, turn: &mut Turn, join: Join) -> Option<u16> {
        let number = self.node_number(&join.facts.name, turn.now_ms)?;
        let node = self.nodes.get_mut(number as usize)?;
        if !node.ready {
            node.changed_s = turn.now_s();
        }
        node.ready = true;
        node.session = Some(join.session);
        node.heard_ms = turn.now_ms;
        node.facts = join.facts;
        let known: Vec<_> = node.rows().collect();
        self.touch_node(turn, number);
        let mut listed = Vec::with_capacity(join.sandboxes.len());
        for report in &join.sandboxes {
            listed.push(report.key);
            self.adopt(turn, number, report);
        }
        listed.sort_unstable();
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
        self.place_pending(turn);
        Some(number)
    }

    fn adopt(&mut self, turn: &mut Turn, number: u16, report: &SandboxReport) {
        let key = report.key;
        if let Some(row) = self.sandboxes.find(key) {
            let sandbox = self.sandboxes.get(row);
            if sandbox.node() != number {
                // Placed elsewhere meanwhile: this copy must go.
                turn.order(number, Order::Delete { key, generation: u32::MAX, grace_s: 0 });
            } else if sandbox.phase() == Phase::Stopping {
                let grace_s = self.sandboxes.overlay(row).and_then(|o| o.deletion).map_or(0, |(_, grace)| grace);
                turn.order(number, Order::Delete { key, generation: sandbox.generation(), grace_s });
            } else {
                self.report_sandbox(turn, number, report);
            }
            return;
        }
        let wanted = self.revisions.get(&key.revision).is_some_and(|r| self.functions.contains_key(&r.function));
        if !wanted || report.state == SandboxState::Gone {
            if report.state != SandboxState::Gone {
                turn.order(number, Order::Delete { key, generation: u32::MAX, grace_s: 30 });
            }
            return;
        }
        let created_s = u32::try_from(report.created_s).unwrap_or_else(|_| turn.now_s());
        let row = self.add_sandbox(turn, Sandbox::new(key, created_s), None);
        let shape = self.revisions.get(&key.revision).map(|r| r.shape).unwrap_or_default();
        let Some(node) = self.nodes.get_mut(number as usize) else { return };
        if !node.claim_slot(report.slot, row) {
            self.remove_sandbox(turn, row);
            turn.order(number, Order::Delete { key, generation: u32::MAX, grace_s: 0 });
            return;
        }
        node.used += 1;
        node.used_cpu_milli += shape.cpu_milli;
        node.used_memory_mib += shape.memory_mib;
        if let Some(revision) = self.revisions.get_mut(&key.revision) {
            revision.next_seq = revision.next_seq.max(key.seq + 1) % crate::record::SEQ_MAX;
        }
        let mut placed = self.sandboxes.get(row);
        placed.place(number, report.slot);
        placed.enter(Phase::Creating, turn.now_s());
        self.move_sandbox(turn, row, placed, None);
        self.report_sandbox(turn, number, report);
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
        }
    }

    /// Opens or closes a node for placement.
    pub fn close_node(&mut self, turn: &mut Turn, number: u16, closed: bool) {
        let Some(node) = self.nodes.get_mut(number as usize) else { return };
        if node.closed != closed {
            node.closed = closed;
            self.touch_node(turn, number);
            if !closed {
                self.place_pending(turn);
            }
        }
    }

    /// A node's images changed.
    pub fn set_images(&mut self, turn: &mut Turn, number: u16, images: Vec<(alloc::string::String, u64)>) {
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.facts.images = images;
            self.touch_node(turn, number);
        }
    }

    /// Tries all pending sandboxes again.
    pub(crate) fn place_pending(&mut self, turn: &mut Turn) {
        let waiting: Vec<_> = self.pending.iter().copied().collect();
        for (_, row) in waiting {
            // The first that finds no room ends the pass unless it asks for a node of its own.
            let serial = self.sandboxes.get(row).revision();
            let picky = self.revisions.get(&serial).is_some_and(|r| r.shape.held || r.shape.node != NO_NODE);
            if !self.place_sandbox(turn, row) && !picky {
                break;
            }
        }
    }
}
