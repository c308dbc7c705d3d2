//! Makes the number of a revision's active sandboxes what is desired: makes what is missing, stops what is too much.

use crate::record::{Phase, Row};
use crate::world::{Turn, World};
use alloc::vec::Vec;

/// Who goes first (upstream's order for ReplicaSets): without a node, not ready, ready; in each the latest.
const VICTIMS: [Phase; 5] = [Phase::Pending, Phase::Lost, Phase::Creating, Phase::Running, Phase::Ready];

impl World {
    /// Returns how many were made or stopped, at most `left`; what is more waits for the next turn.
    pub(super) fn drive_revision(&mut self, turn: &mut Turn, serial: u32, left: u32) -> u32 {
        let Some(revision) = self.revisions.get(&serial) else { return 0 };
        let function = revision.function;
        if !revision.shape.replaced {
            // A Pod of its own is made once and never again. It may still run on a node that we have not heard.
            let waits = revision.inherited && !self.awaited.is_empty();
            if revision.members.is_empty() && revision.desired > 0 && !revision.made && !waits && left > 0 {
                self.make_sandbox(turn, serial);
                return 1;
            }
            return 0;
        }
        let grace_s = revision.shape.grace_s;
        // Ended ones are stopped, and so leave their node.
        let ended: Vec<Row> = revision.members.latest(Phase::Failed).take(left as usize).collect();
        let mut driven = ended.len() as u32;
        for row in ended {
            self.stop_sandbox(turn, row, 0);
        }
        let Some(revision) = self.revisions.get(&serial) else { return driven };
        let (desired, active) = (revision.desired, revision.counts.active);
        let change = desired.abs_diff(active).min(left - driven);
        if active < desired {
            for _ in 0..change {
                self.make_sandbox(turn, serial);
            }
        } else if active > desired {
            for row in self.victims(serial, change) {
                self.stop_sandbox(turn, row, grace_s);
            }
        }
        driven += change;
        if driven == left {
            self.unfinished.insert(function);
        }
        driven
    }

    fn victims(&self, serial: u32, count: u32) -> Vec<Row> {
        let Some(revision) = self.revisions.get(&serial) else { return Vec::new() };
        VICTIMS.into_iter().flat_map(|phase| revision.members.latest(phase)).take(count as usize).collect()
    }

    /// Stops sandboxes of a dropped revision. Returns how many, at most `left`; the rest is stopped by the next turns.
    pub(crate) fn stop_members(&mut self, turn: &mut Turn, serial: u32, left: u32) -> u32 {
        let Some(revision) = self.revisions.get(&serial) else { return 0 };
        let grace_s = revision.shape.grace_s;
        let mut rows: Vec<Row> = self.victims(serial, left);
        rows.extend(revision.members.latest(Phase::Failed).take(left as usize - rows.len()));
        for row in &rows {
            self.stop_sandbox(turn, *row, grace_s);
        }
        if self.revisions.get(&serial).is_some_and(|r| r.members.len() > r.members.count(Phase::Stopping)) {
            self.doomed.insert(serial);
        }
        rows.len() as u32
    }
}
