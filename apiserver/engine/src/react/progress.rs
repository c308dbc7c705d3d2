//! The conditions of a rolling function: whether it moves, has arrived or is late, and whether enough is available.

use crate::agenda::Job;
use crate::event::Event;
use crate::record::{Counts, Function, Plan, Progress, Tally};
use crate::world::{Turn, World};

impl World {
    fn tally(&self, function: &Function) -> Tally {
        let mut all = Counts::default();
        for counts in function.revisions.iter().filter_map(|r| self.revisions.get(r)).map(|r| r.counts) {
            all.active += counts.active;
            all.ready += counts.ready;
            all.available += counts.available;
            all.stopping += counts.stopping;
        }
        let current = self.revisions.get(&function.current).filter(|r| r.function == function.serial);
        Tally { all, updated: current.map(|r| r.counts).unwrap_or_default() }
    }

    /// Keeps the conditions right; an event only if a count or a condition changed.
    pub(super) fn note_progress(&mut self, turn: &mut Turn, serial: u32) {
        let now_s = turn.now_s();
        let Some(function) = self.functions.get(&serial) else { return };
        let Plan::Rolling { wanted, unavailable, recreate, paused, deadline_s, .. } = function.plan else { return };
        // Between the old ones and the new ones of a recreation nothing is available, and the condition says so.
        let unavailable = if recreate { 0 } else { unavailable };
        let tally = self.tally(function);
        let Some(function) = self.functions.get_mut(&serial) else { return };
        let done = tally.all.active == wanted && tally.updated.active == wanted && tally.updated.available >= wanted;
        let available = tally.all.available >= wanted.saturating_sub(unavailable);
        let ahead = tally.is_ahead_of(&function.seen);
        let progress = match function.progress {
            _ if done => Progress::Done,
            // A finished rollout that loses a replica has not begun anew (upstream keeps NewReplicaSetAvailable).
            Progress::Done => Progress::Done,
            before if !ahead => before,
            _ => Progress::Moving,
        };
        let turned = progress != function.progress;
        if turned && function.progress == Progress::Late {
            function.progress_since_s = now_s;
        }
        if turned || ahead && progress == Progress::Moving {
            function.progress_moved_s = now_s;
        }
        if available != function.available {
            function.available_since_s = now_s;
        }
        let changed = turned || available != function.available || tally != function.seen;
        (function.progress, function.available, function.seen) = (progress, available, tally);
        if matches!(progress, Progress::Created | Progress::Moving) && !paused && deadline_s > 0 {
            let late_s = u64::from(function.progress_moved_s) + u64::from(deadline_s);
            self.agenda.set_by(Job::Deadline(serial), late_s * 1000);
        }
        if changed {
            self.touch_function(turn, serial);
        }
    }

    /// A function may have made no progress for the whole deadline.
    pub(crate) fn check_deadline(&mut self, turn: &mut Turn, serial: u32) {
        let Some(function) = self.functions.get_mut(&serial) else { return };
        let Plan::Rolling { deadline_s, paused, .. } = function.plan else { return };
        let waits = matches!(function.progress, Progress::Created | Progress::Moving);
        if !waits || paused || deadline_s == 0 {
            return;
        }
        let late_ms = (u64::from(function.progress_moved_s) + u64::from(deadline_s)) * 1000;
        if turn.now_ms < late_ms {
            self.agenda.set_by(Job::Deadline(serial), late_ms);
            return;
        }
        function.progress = Progress::Late;
        function.progress_since_s = turn.now_s();
        function.progress_moved_s = turn.now_s();
        self.touch_function(turn, serial);
    }

    /// Marks a function as visibly changed.
    pub(crate) fn touch_function(&mut self, turn: &mut Turn, serial: u32) {
        let version = self.next_version();
        if let Some(function) = self.functions.get_mut(&serial) {
            function.touched = version;
            turn.out.events.push((version, Event::Function { serial }));
        }
    }
}
