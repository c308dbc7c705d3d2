//! A node falls silent: it counts as not ready, later its sandboxes are given up, and in the end forgotten. Or its document is
//! deleted, and all of that happens at once.

use crate::agenda::Job;
use crate::record::{Overlay, Phase, Row};
use crate::world::{Turn, World};
use alloc::{sync::Arc, vec::Vec};

/// Silence after which a node counts as not ready (kube-controller-manager's node-monitor-grace-period).
pub const NODE_GRACE_MS: u64 = 40_000;
/// After that, how long its sandboxes are kept (the default 300 s tolerations of not-ready and unreachable).
pub const NODE_EVICT_MS: u64 = 300_000;
/// How often a node that was given up is looked at, until nothing is left on it.
const SWEEP_MS: u64 = 10_000;
/// Grace of an evicted sandbox in seconds; the node does not hear of it.
const EVICT_GRACE_S: u32 = 30;

impl World {
    /// A node may have been silent for too long, or speak again.
    pub(crate) fn check_node(&mut self, turn: &mut Turn, number: u16) {
        let Some(node) = self.nodes.get(number as usize).filter(|n| !n.dropped) else { return };
        let silent = turn.now_ms.saturating_sub(node.heard_ms) >= NODE_GRACE_MS;
        let next_ms = match (node.ready, silent) {
            (true, false) => node.heard_ms + NODE_GRACE_MS,
            (true, true) => {
                self.give_up(turn, number);
                turn.now_ms + NODE_EVICT_MS
            }
            (false, false) if node.session.is_some() => {
                self.take_back(turn, number);
                turn.now_ms + NODE_GRACE_MS
            }
            (false, _) if node.lost_ms == 0 => return, // never heard at all: it has nothing
            (false, _) if turn.now_ms < node.lost_ms + NODE_EVICT_MS => node.lost_ms + NODE_EVICT_MS,
            (false, _) => {
                if !self.evict(turn, number) {
                    return;
                }
                turn.now_ms + SWEEP_MS
            }
        };
        self.agenda.set(Job::Node(number), next_ms);
    }

    fn give_up(&mut self, turn: &mut Turn, number: u16) {
        let Some(node) = self.nodes.get_mut(number as usize) else { return };
        node.ready = false;
        node.changed_s = turn.now_s();
        node.lost_ms = turn.now_ms;
        let rows: Vec<Row> = node.rows().collect();
        self.touch_node(turn, number);
        for row in rows {
            let phase = self.sandboxes.get(row).phase();
            if matches!(phase, Phase::Ready | Phase::Running) {
                self.mark(turn, row, Phase::Lost, phase == Phase::Ready);
            }
        }
    }

    /// The session never ended: what the node runs is what it said last.
    fn take_back(&mut self, turn: &mut Turn, number: u16) {
        let Some(node) = self.nodes.get_mut(number as usize) else { return };
        node.ready = true;
        node.changed_s = turn.now_s();
        node.lost_ms = 0;
        let rows: Vec<Row> = node.rows().collect();
        self.touch_node(turn, number);
        turn.freed.insert(number);
        for row in rows {
            if self.sandboxes.get(row).phase() == Phase::Lost {
                let ready = self.sandboxes.overlay(row).is_some_and(|o| o.was_ready);
                self.mark(turn, row, if ready { Phase::Ready } else { Phase::Running }, false);
            }
        }
    }

    fn mark(&mut self, turn: &mut Turn, row: Row, phase: Phase, was_ready: bool) {
        let mut sandbox = self.sandboxes.get(row);
        sandbox.enter(phase, turn.now_s());
        let overlay = self.sandboxes.overlay(row).map(|o| (**o).clone()).unwrap_or_default();
        self.move_sandbox(turn, row, sandbox, Some(Arc::new(Overlay { was_ready, ..overlay })));
    }

    /// Stops everything on a node that is lost, and forgets what had its grace, if the session has ended: nobody will say that it
    /// is gone. (While there is a session the node may only be slow, and its slots are in use.) Returns whether something is left.
    fn evict(&mut self, turn: &mut Turn, number: u16) -> bool {
        let Some(node) = self.nodes.get(number as usize) else { return false };
        let (rows, ended): (Vec<Row>, bool) = (node.rows().collect(), node.session.is_none());
        let mut left = false;
        for row in rows {
            let deletion = self.sandboxes.overlay(row).and_then(|o| o.deletion);
            if self.sandboxes.get(row).phase() != Phase::Stopping {
                self.stop_sandbox(turn, row, EVICT_GRACE_S);
                left = true;
            } else if ended && deletion.is_none_or(|(end_s, _)| end_s <= turn.now_s()) {
                self.remove_sandbox(turn, row);
            } else {
                left = true;
            }
        }
        self.stop_awaiting(turn, number);
        left
    }

    /// A node's document was deleted: its sandboxes are forgotten (and the node, if it hears us, is told to stop them). It gets
    /// nothing until it joins anew; the caller ends its session.
    pub fn drop_node(&mut self, turn: &mut Turn, name: &str) {
        let Some(number) = self.node_names.get(name).copied() else { return };
        let Some(node) = self.nodes.get_mut(number as usize).filter(|n| !n.dropped) else { return };
        let rows: Vec<Row> = node.rows().collect();
        for row in rows {
            self.forget_sandbox(turn, row);
        }
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.session = None;
            node.ready = false;
            node.dropped = true;
            node.changed_s = turn.now_s();
        }
        self.agenda.cancel(Job::Node(number));
        self.touch_node(turn, number);
        self.stop_awaiting(turn, number);
    }
}
