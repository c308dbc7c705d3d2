//! Makes the number of a revision's active sandboxes what is desired: makes what is missing, stops what is too much.

use crate::record::{Phase, Row};
use crate::world::{Turn, World};
use alloc::vec::Vec;

/// Who goes first (upstream's order for ReplicaSets): without a node, not ready, ready; in each the latest.
const VICTIMS: [Phase; 5] = [Phase::Pending, Phase::Lost, Phase::Creating, Phase::Running, Phase::Ready];
/// Lanes are in order of arrival, which is that of age but for sandboxes adopted after a restart: so many more than needed are
/// compared by age, not all.
const COMPARED_MORE: usize = 64;

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
        let (mut chosen, count) = (Vec::new(), count as usize);
        let Some(revision) = self.revisions.get(&serial) else { return chosen };
        for phase in VICTIMS {
            let missing = count - chosen.len();
            let all = revision.members.count(phase);
            if all <= missing {
                chosen.extend(revision.members.latest(phase));
                continue;
            }
            let age = |row: Row| (self.sandboxes.get(row).changed_s(), self.sandboxes.get(row).seq());
            let compared = revision.members.latest(phase).take(missing.saturating_mul(2).saturating_add(COMPARED_MORE));
            let mut ranked: Vec<_> = compared.map(|row| (core::cmp::Reverse(age(row)), row)).collect();
            ranked.sort_unstable();
            chosen.extend(ranked.into_iter().take(missing).map(|(_, row)| row));
            break;
        }
        chosen
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
