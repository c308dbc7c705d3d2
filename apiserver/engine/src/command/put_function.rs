//! What is wanted of a function. Derived from a document by the house; not logged.

use crate::agenda::Job;
use crate::policy::scale::ScaleSettings;
use crate::record::{Counts, Function, Plan, Progress, Tally};
use crate::world::{Turn, World};
use alloc::vec::Vec;

/// A function and its revisions as its document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutFunction {
    /// Durable number.
    pub serial: u32,
    /// What is wanted.
    pub plan: Plan,
    /// The revision that new sandboxes belong to.
    pub current: u32,
}

fn is_paused(plan: Plan) -> bool {
    matches!(plan, Plan::Rolling { paused: true, .. })
}

impl World {
    /// Makes or changes a function. The same again changes nothing.
    pub fn put_function(&mut self, turn: &mut Turn, put: PutFunction) {
        let now_s = turn.now_s();
        turn.dirty.insert(put.serial);
        let new = !self.functions.contains_key(&put.serial);
        let function = self.functions.entry(put.serial).or_insert_with(|| Function {
            serial: put.serial,
            plan: put.plan,
            revisions: Vec::new(),
            current: 0,
            touched: 0,
            settled: None,
            progress: Progress::Created,
            progress_since_s: now_s,
            progress_moved_s: now_s,
            available: false,
            available_since_s: now_s,
            seen: Tally::default(),
        });
        let before = core::mem::replace(&mut function.plan, put.plan);
        if is_paused(before) != is_paused(put.plan) {
            // A pause is no lack of progress, and the condition is another one meanwhile.
            (function.progress_since_s, function.progress_moved_s) = (now_s, now_s);
        }
        let switched = function.current != put.current;
        if switched {
            if function.progress == Progress::Late {
                function.progress_since_s = now_s;
            }
            function.current = put.current;
            // What the new revision has is progress from nothing, not from what the old one had.
            function.seen.updated = Counts::default();
            function.progress = Progress::Created;
            function.progress_moved_s = now_s;
            // One that is not there yet, or not its own, comes with `put_revision`.
            let own = self.revisions.get(&put.current).is_some_and(|r| r.function == put.serial);
            if own && !function.revisions.contains(&put.current) {
                function.revisions.push(put.current);
            }
        }
        if let Plan::Autoscaled(settings) = put.plan
            && before != put.plan
            && let Some(revision) = function.revisions.first().copied()
        {
            self.rebound(turn, revision, &settings);
        }
        if new || switched || before != put.plan {
            self.touch_function(turn, put.serial);
        }
    }

    /// The autoscaler's settings changed: the bounds hold at once, the rest with the next decision.
    fn rebound(&mut self, turn: &mut Turn, serial: u32, settings: &ScaleSettings) {
        let Some(revision) = self.revisions.get(&serial).filter(|r| r.scale.is_some()) else { return };
        let least = if settings.reachable { settings.min_scale } else { 0 };
        let most = if settings.max_scale == 0 { u32::MAX } else { settings.max_scale.max(least) };
        let desired = revision.desired.clamp(least, most);
        self.set_desired(turn, serial, desired);
        self.plan_scaling(turn, serial);
        if self.gateways > 0 {
            self.agenda.set(Job::Scale(serial), turn.now_ms);
        }
    }

    /// Forgets a function; its sandboxes are stopped.
    pub fn drop_function(&mut self, turn: &mut Turn, serial: u32) {
        let Some(function) = self.functions.remove(&serial) else { return };
        self.agenda.cancel(Job::Deadline(serial));
        self.unfinished.remove(&serial);
        for revision in function.revisions {
            if self.revisions.get(&revision).is_some_and(|r| r.function == serial) {
                self.drop_revision(turn, revision);
            }
        }
    }
}
