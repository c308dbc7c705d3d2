//! Time passes: young sandboxes become available, autoscalers decide, silent nodes are given up, deadlines run out.

use crate::event::Event;
use crate::policy::scale;
use crate::record::{Phase, Plan, Progress};
use crate::world::{Turn, World};
use alloc::vec::Vec;

/// Silence after which a node counts as not ready (kube-controller-manager's node-monitor-grace-period).
pub const NODE_GRACE_MS: u64 = 40_000;
/// After that, how long its sandboxes are kept (the default 300 s tolerations of not-ready and unreachable).
pub const NODE_EVICT_MS: u64 = 300_000;

impl World {
    /// Once a second or oftener; does only what is due.
    pub fn tick(&mut self, turn: &mut Turn) {
        if self.settle_until_ms != 0 && turn.now_ms >= self.settle_until_ms {
            self.settle_until_ms = 0;
            turn.dirty.extend(self.functions.keys().copied());
        }
        self.tick_maturing(turn);
        self.tick_nodes(turn);
        self.tick_deadlines(turn);
        self.tick_scaling(turn);
    }

    /// Nothing is created until `until_ms`, or until [`World::settled`]: nodes are still telling what they run.
    /// `epoch` counts the runs of the control plane and spreads the numbers of new sandboxes.
    pub fn settle(&mut self, until_ms: u64, epoch: u32) {
        self.settle_until_ms = until_ms;
        self.seq_first = epoch;
    }

    /// All nodes have spoken: creation may begin.
    pub fn settled(&mut self, turn: &mut Turn) {
        if self.settle_until_ms != 0 {
            self.settle_until_ms = turn.now_ms;
            self.tick(turn);
        }
    }

    fn tick_maturing(&mut self, turn: &mut Turn) {
        let now_s = turn.now_s();
        let due: Vec<u32> = self.maturing.iter().copied().collect();
        for serial in due {
            let Some(revision) = self.revisions.get_mut(&serial) else {
                self.maturing.remove(&serial);
                continue;
            };
            let before = revision.counts.available;
            while revision.maturing.front().is_some_and(|(at, _)| *at <= now_s) {
                if let Some((_, count)) = revision.maturing.pop_front() {
                    revision.counts.available = (revision.counts.available + count).min(revision.counts.ready);
                }
            }
            let function = revision.function;
            if revision.maturing.is_empty() {
                self.maturing.remove(&serial);
            }
            if self.revisions.get(&serial).is_some_and(|r| r.counts.available != before) {
                self.touch_revision(turn, serial);
                turn.dirty.insert(function);
            }
        }
    }

    fn tick_nodes(&mut self, turn: &mut Turn) {
        for number in 0..self.nodes.len() {
            let node = &mut self.nodes[number];
            let silent_ms = turn.now_ms.saturating_sub(node.heard_ms);
            if node.session.is_some() && silent_ms < NODE_GRACE_MS {
                continue;
            }
            if node.ready && silent_ms >= NODE_GRACE_MS {
                node.ready = false;
                node.changed_s = turn.now_s();
                let rows: Vec<_> = node.rows().collect();
                self.touch_node(turn, number as u16);
                for row in rows {
                    let mut sandbox = self.sandboxes.get(row);
                    if matches!(sandbox.phase(), Phase::Ready | Phase::Running) {
                        sandbox.enter(Phase::Lost, turn.now_s());
                        let overlay = self.sandboxes.overlay(row).cloned();
                        self.move_sandbox(turn, row, sandbox, overlay);
                    }
                }
            } else if !node.ready && silent_ms >= NODE_GRACE_MS + NODE_EVICT_MS {
                let rows: Vec<_> = node.rows().collect();
                for row in rows {
                    if self.sandboxes.get(row).phase() != Phase::Stopping {
                        self.stop_sandbox(turn, row, 30);
                    }
                }
            }
        }
    }

    fn tick_deadlines(&mut self, turn: &mut Turn) {
        let now_s = turn.now_s();
        let mut late = Vec::new();
        for (serial, function) in &mut self.functions {
            let Plan::Rolling { deadline_s, paused, .. } = function.plan else { continue };
            let waits = matches!(function.progress, Progress::Created | Progress::Moving);
            if waits && !paused && deadline_s > 0 && now_s.saturating_sub(function.progress_moved_s) >= deadline_s {
                function.progress = Progress::Late;
                function.progress_since_s = now_s;
                late.push(*serial);
            }
        }
        for serial in late {
            let version = self.next_version();
            if let Some(function) = self.functions.get_mut(&serial) {
                function.touched = version;
            }
            turn.out.events.push((version, Event::Function { serial }));
        }
    }

    fn tick_scaling(&mut self, turn: &mut Turn) {
        let due: Vec<u32> = self.scaling.iter().copied().collect();
        for serial in due {
            let Some(revision) = self.revisions.get(&serial) else {
                self.scaling.remove(&serial);
                continue;
            };
            let (ready, function) = (revision.counts.ready, revision.function);
            let desired = revision.desired;
            let Some(Plan::Autoscaled(settings)) = self.functions.get(&function).map(|f| f.plan) else { continue };
            let now_ms = turn.now_ms;
            let Some(state) = self.scale_state(serial) else { continue };
            if !scale::is_due(now_ms, state) {
                continue;
            }
            let decision = scale::decide(now_ms, &settings, state, ready);
            if decision.desired != desired {
                self.set_desired(turn, serial, decision.desired);
                turn.dirty.insert(function);
            }
            if decision.idle {
                self.scaling.remove(&serial);
            }
        }
    }
}
