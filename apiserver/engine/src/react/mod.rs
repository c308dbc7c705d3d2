//! What follows from a change: for each function that a command touched, the policy says how many sandboxes each revision
//! should have ([`desire`]), and the difference is made in the same turn ([`drive`]). Room that became free is given to those
//! that wait ([`placing`]). This is the only loop of the system.
//!
//! Bound: a turn makes or stops at most [`DRIVEN_MAX`] sandboxes; what is left is done by the next turns, after what touched them.

mod desire;
mod drive;
mod placing;
mod progress;

use crate::world::{Turn, World};

/// Sandboxes made or stopped in one turn.
pub const DRIVEN_MAX: u32 = 100_000;

impl World {
    /// Ends a turn: reacts until nothing is left to be done.
    pub fn react(&mut self, turn: &mut Turn) {
        self.restoring = false;
        let mut left = DRIVEN_MAX;
        let mut carried = core::mem::take(&mut self.unfinished);
        loop {
            self.fill_room(turn);
            if left == 0 {
                break;
            }
            // What was carried over comes last, so that one huge function does not keep the others waiting.
            if let Some(serial) = turn.dirty.pop_first().or_else(|| carried.pop_first()) {
                left -= self.react_function(turn, serial, left);
            } else if let Some(serial) = self.doomed.pop_first() {
                left -= self.stop_members(turn, serial, left);
            } else {
                break;
            }
        }
        self.unfinished.append(&mut carried);
        self.unfinished.append(&mut turn.dirty);
        self.unfinished.remove(&0);
    }

    /// Returns how many sandboxes were made or stopped, at most `left`.
    fn react_function(&mut self, turn: &mut Turn, serial: u32, left: u32) -> u32 {
        // Until nodes have said what they run, nothing is known that one could react to.
        if self.settle_until_ms != 0 || !self.functions.contains_key(&serial) {
            return 0;
        }
        self.decide_desired(turn, serial);
        let revisions = self.functions.get(&serial).map(|f| f.revisions.clone()).unwrap_or_default();
        let mut driven = 0;
        for revision in revisions {
            driven += self.drive_revision(turn, revision, left - driven);
        }
        self.note_progress(turn, serial);
        driven
    }
}
