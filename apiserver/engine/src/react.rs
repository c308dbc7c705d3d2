//! What follows from a change: for each function that a command touched, the policy says how many sandboxes each revision
//! should have, and the difference is made in the same turn. This is the only loop of the system.
//!
//! Bound: a turn creates or stops at most [`DRIVEN_MAX`] sandboxes; what is left stays dirty for the next tick.

use crate::event::{Event, Said};
use crate::policy::{place, rollout};
use crate::record::{NO_NODE, Phase, Plan, Progress, Revision, Row, SEQ_MAX, Shape};
use crate::world::{Turn, World};
use alloc::vec::Vec;

/// Sandboxes made or stopped in one turn.
pub const DRIVEN_MAX: u32 = 100_000;

/// Notes that a sandbox with `min_ready_s` became ready (or stopped being so).
pub(crate) fn mature(revision: &mut Revision, now_s: u32, ready: bool) {
    if ready {
        let at = now_s.saturating_add(revision.shape.min_ready_s);
        match revision.maturing.back_mut() {
            Some((last, count)) if *last == at => *count += 1,
            _ => revision.maturing.push_back((at, 1)),
        }
        return;
    }
    // Young ones are the likelier to stop being ready; `available` never exceeds `ready`.
    if revision.counts.available > revision.counts.ready {
        revision.counts.available = revision.counts.ready;
    } else if let Some((_, count)) = revision.maturing.back_mut() {
        *count = count.saturating_sub(1);
    }
}

impl World {
    /// Ends a turn: reacts until nothing is dirty.
    pub fn react(&mut self, turn: &mut Turn) {
        let mut driven = 0;
        while let Some(serial) = turn.dirty.pop_first() {
            if !self.functions.contains_key(&serial) {
                continue;
            }
            driven += self.react_function(turn, serial);
            if driven >= DRIVEN_MAX {
                // The rest is found again by the next tick of a rolling function; autoscaled ones are ticked anyway.
                break;
            }
        }
    }

    fn react_function(&mut self, turn: &mut Turn, serial: u32) -> u32 {
        self.decide_desired(turn, serial);
        let mut driven = 0;
        let revisions: Vec<u32> = self.functions.get(&serial).map(|f| f.revisions.clone()).unwrap_or_default();
        if self.settle_until_ms == 0 {
            for revision in &revisions {
                driven += self.drive_revision(turn, *revision);
            }
        }
        self.note_progress(turn, serial);
        driven
    }

    /// Asks the policy and sets `desired` of each revision.
    fn decide_desired(&mut self, turn: &mut Turn, serial: u32) {
        let Some(function) = self.functions.get(&serial) else { return };
        match function.plan {
            Plan::Fixed { wanted } => {
                if let Some(revision) = function.revisions.first().copied() {
                    self.set_desired(turn, revision, wanted);
                }
            }
            Plan::Single => {
                if let Some(revision) = function.revisions.first().copied() {
                    self.set_desired(turn, revision, 1);
                }
            }
            Plan::Rolling { wanted, surge, unavailable, recreate, paused, .. } => {
                let current = function.current;
                let plain = |r: &Revision| rollout::Share {
                    desired: r.desired,
                    active: r.counts.active,
                    ready: r.counts.ready,
                    available: r.counts.available,
                    stopping: r.counts.stopping,
                };
                let shares: Vec<rollout::Share> =
                    function.revisions.iter().filter_map(|r| self.revisions.get(r)).map(plain).collect();
                let known = function.revisions.iter().filter(|r| self.revisions.contains_key(r));
                let position = known.into_iter().position(|r| *r == current);
                let bounds = rollout::Bounds { wanted, surge, unavailable, recreate, paused };
                let (mut next, mut settled) = rollout::decide_settled(&shares, position, bounds, function.settled);
                if function.settled.is_some_and(|s| s.wanted != bounds.wanted) {
                    // The change of replicas has been shared out; the rollout goes on from there.
                    let shares: Vec<_> = shares.iter().zip(&next).map(|(s, d)| rollout::Share { desired: *d, ..*s }).collect();
                    (next, settled) = rollout::decide_settled(&shares, position, bounds, Some(settled));
                }
                let serials: Vec<u32> =
                    function.revisions.iter().copied().filter(|r| self.revisions.contains_key(r)).collect();
                if let Some(function) = self.functions.get_mut(&serial) {
                    function.settled = Some(settled);
                }
                for (revision, desired) in serials.into_iter().zip(next) {
                    self.set_desired(turn, revision, desired);
                }
            }
            Plan::Autoscaled(settings) => {
                // The autoscaler sets `desired`; here only the first time, from the initial scale.
                let Some(revision) = function.revisions.first().copied() else { return };
                if self.revisions.get(&revision).is_some_and(|r| r.scale.is_none()) {
                    let initial = crate::policy::scale::initial(&settings);
                    let now_ms = turn.now_ms;
                    if let Some(state) = self.scale_state(revision) {
                        crate::policy::scale::begin(now_ms, &settings, state);
                    }
                    self.scaling.insert(revision);
                    self.set_desired(turn, revision, initial);
                }
            }
        }
    }

    /// Sets how many sandboxes a revision should have.
    pub(crate) fn set_desired(&mut self, turn: &mut Turn, serial: u32, desired: u32) {
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        let from = revision.desired;
        if from == desired {
            return;
        }
        revision.desired = desired;
        self.touch_revision(turn, serial);
        let said = Said::Scaled { revision: serial, from, to: desired };
        turn.out.events.push((self.version, Event::Said(said)));
    }

    /// Raises `desired`, never lowers it.
    pub(crate) fn set_desired_at_least(&mut self, turn: &mut Turn, serial: u32, desired: u32) {
        if self.revisions.get(&serial).is_some_and(|r| r.desired < desired) {
            self.set_desired(turn, serial, desired);
        }
    }

    /// Makes the number of active sandboxes what is desired. Returns how many were made or stopped.
    fn drive_revision(&mut self, turn: &mut Turn, serial: u32) -> u32 {
        let Some(revision) = self.revisions.get(&serial) else { return 0 };
        let (desired, active, grace_s) = (revision.desired, revision.counts.active, revision.shape.grace_s);
        if !revision.shape.replaced {
            // A Pod of its own is made once, with a fixed number, and never again.
            if revision.members.is_empty() && desired > 0 && !revision.made {
                self.make_sandbox(turn, serial);
                return 1;
            }
            return 0;
        }
        if revision.members.len() as u32 > active + revision.counts.stopping {
            self.clear_ended(turn, serial);
        }
        if active < desired {
            let missing = (desired - active).min(DRIVEN_MAX);
            for _ in 0..missing {
                self.make_sandbox(turn, serial);
            }
            missing
        } else if active > desired {
            let victims = self.victims(serial, active - desired);
            for row in &victims {
                self.stop_sandbox(turn, *row, grace_s);
            }
            victims.len() as u32
        } else {
            0
        }
    }

    /// Ended sandboxes of a revision that replaces them are stopped (and so leave the node).
    fn clear_ended(&mut self, turn: &mut Turn, serial: u32) {
        let rows: Vec<Row> = self.revisions.get(&serial).map(|r| r.members.clone()).unwrap_or_default();
        for row in rows {
            if matches!(self.sandboxes.get(row).phase(), Phase::Failed | Phase::Succeeded) {
                self.stop_sandbox(turn, row, 0);
            }
        }
    }

    /// Who goes first (upstream's order for ReplicaSets): without a node, not ready, then the youngest.
    fn victims(&self, serial: u32, count: u32) -> Vec<Row> {
        let Some(revision) = self.revisions.get(&serial) else { return Vec::new() };
        let mut ranked: Vec<(u8, core::cmp::Reverse<u32>, core::cmp::Reverse<u32>, Row)> = revision
            .members
            .iter()
            .filter_map(|row| {
                let sandbox = self.sandboxes.get(*row);
                let rank = match sandbox.phase() {
                    Phase::Pending => 0,
                    Phase::Lost => 1,
                    Phase::Creating => 2,
                    Phase::Running => 3,
                    Phase::Ready => 4,
                    _ => return None,
                };
                Some((rank, core::cmp::Reverse(sandbox.changed_s()), core::cmp::Reverse(sandbox.seq()), *row))
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().take(count as usize).map(|(.., row)| row).collect()
    }

    /// Which node takes the next sandbox of this shape.
    pub(crate) fn choose_node(&self, shape: Shape, chance: u64) -> Option<u16> {
        if shape.node != NO_NODE {
            return self.nodes.get(shape.node as usize).filter(|n| n.session.is_some()).map(|n| n.number);
        }
        let ask = place::Ask { cpu_milli: shape.cpu_milli, memory_mib: shape.memory_mib };
        place::choose(self.nodes.len(), chance, ask, |index| {
            let node = self.nodes.get(index)?;
            (node.session.is_some() && node.ready && !node.closed).then(|| place::Room {
                node: node.number,
                pods_free: node.facts.pods_max.saturating_sub(node.used),
                pods_max: node.facts.pods_max,
                cpu_free_milli: node.facts.cpu_milli.saturating_sub(node.used_cpu_milli),
                cpu_milli: node.facts.cpu_milli,
                memory_free_mib: node.facts.memory_mib.saturating_sub(node.used_memory_mib),
                memory_mib: node.facts.memory_mib,
            })
        })
    }

    /// Keeps the conditions of a rolling function.
    fn note_progress(&mut self, turn: &mut Turn, serial: u32) {
        let now_s = turn.now_s();
        let Some(function) = self.functions.get(&serial) else { return };
        let Plan::Rolling { wanted, unavailable, .. } = function.plan else { return };
        let mut sum = (0u32, 0u32);
        for revision in function.revisions.iter().filter_map(|r| self.revisions.get(r)) {
            sum.0 += revision.counts.active;
            sum.1 += revision.counts.available;
        }
        let current = self.revisions.get(&function.current);
        let (updated, updated_available) = current.map_or((0, 0), |r| (r.counts.active, r.counts.available));
        let done = sum.0 == wanted && updated == wanted && updated_available >= wanted;
        let available = sum.1 >= wanted.saturating_sub(unavailable);
        let newest = self.version;
        let Some(function) = self.functions.get_mut(&serial) else { return };
        let progress = match (done, function.progress) {
            (true, _) => Progress::Done,
            // A finished rollout that loses a replica has not begun anew (upstream keeps NewReplicaSetAvailable).
            (false, Progress::Done) => Progress::Done,
            (false, Progress::Late) => Progress::Late,
            (false, _) => Progress::Moving,
        };
        let moved = progress != function.progress || available != function.available;
        if progress != function.progress || progress == Progress::Moving {
            function.progress_moved_s = now_s;
        }
        if progress != function.progress {
            function.progress = progress;
            function.progress_since_s = if progress == Progress::Done { now_s } else { function.progress_since_s };
        }
        if available != function.available {
            function.available = available;
            function.available_since_s = now_s;
        }
        if moved || function.touched < newest {
            let version = self.next_version();
            if let Some(function) = self.functions.get_mut(&serial) {
                function.touched = version;
            }
            turn.out.events.push((version, Event::Function { serial }));
        }
    }
}

const _: () = assert!(SEQ_MAX < 1 << 24);
