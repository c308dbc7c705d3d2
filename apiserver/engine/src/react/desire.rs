//! How many sandboxes each revision of a function should have: rows to the policy's plain numbers, and its answer to `desired`.

use crate::agenda::Job;
use crate::event::{Event, Said};
use crate::policy::{rollout, scale};
use crate::record::{Plan, Revision};
use crate::world::{Turn, World};
use alloc::{boxed::Box, vec::Vec};

impl World {
    /// Asks the policy and sets `desired` of each revision.
    pub(super) fn decide_desired(&mut self, turn: &mut Turn, serial: u32) {
        let Some(function) = self.functions.get(&serial) else { return };
        let first = function.revisions.first().copied().unwrap_or_default();
        match function.plan {
            Plan::Fixed { wanted } => {
                self.end_scaling(first);
                self.set_desired(turn, first, wanted);
            }
            Plan::Single => self.set_desired(turn, first, 1),
            Plan::Rolling { wanted, surge, unavailable, recreate, paused, .. } => {
                self.roll(turn, serial, rollout::Bounds { wanted, surge, unavailable, recreate, paused });
            }
            // The autoscaler sets `desired` later; here only the first time.
            Plan::Autoscaled(settings) => self.begin_scaling(turn, first, &settings),
        }
    }

    fn roll(&mut self, turn: &mut Turn, serial: u32, bounds: rollout::Bounds) {
        let Some(function) = self.functions.get(&serial) else { return };
        let share = |r: &Revision| rollout::Share {
            desired: r.desired,
            active: r.counts.active,
            ready: r.counts.ready,
            available: r.counts.available,
            stopping: r.counts.stopping,
        };
        let known: Vec<(u32, rollout::Share)> =
            function.revisions.iter().filter_map(|r| self.revisions.get(r)).map(|r| (r.serial, share(r))).collect();
        let shares: Vec<rollout::Share> = known.iter().map(|(_, share)| *share).collect();
        let position = known.iter().position(|(r, _)| *r == function.current);
        let (mut next, mut settled) = rollout::decide_settled(&shares, position, bounds, function.settled);
        if function.settled.is_some_and(|s| s.wanted != bounds.wanted) {
            // The change of replicas has been shared out; the rollout goes on from there.
            let shares: Vec<_> = shares.iter().zip(&next).map(|(s, d)| rollout::Share { desired: *d, ..*s }).collect();
            (next, settled) = rollout::decide_settled(&shares, position, bounds, Some(settled));
        }
        if let Some(function) = self.functions.get_mut(&serial) {
            function.settled = Some(settled);
        }
        for ((revision, _), desired) in known.into_iter().zip(next) {
            self.set_desired(turn, revision, desired);
        }
    }

    /// Starts an autoscaled revision's state, once: a new one with its initial scale, an older one with what it has.
    pub(crate) fn begin_scaling(&mut self, turn: &mut Turn, serial: u32, settings: &scale::ScaleSettings) {
        let Some(revision) = self.revisions.get_mut(&serial).filter(|r| r.scale.is_none()) else { return };
        let state = revision.scale.insert(Box::default());
        if revision.inherited {
            scale::resume(turn.now_ms, settings, state, revision.counts.active);
        } else {
            scale::begin(turn.now_ms, settings, state);
        }
        let desired = state.desired();
        self.plan_scaling(turn, serial);
        self.set_desired(turn, serial, desired);
    }

    /// Has a revision decided regularly.
    pub(crate) fn plan_scaling(&mut self, turn: &Turn, serial: u32) {
        self.scaling.insert(serial);
        if self.gateways > 0 {
            self.agenda.set_by(Job::Scale(serial), turn.now_ms + scale::INTERVAL_MS);
        }
    }

    fn end_scaling(&mut self, serial: u32) {
        if let Some(revision) = self.revisions.get_mut(&serial)
            && revision.scale.take().is_some()
        {
            self.scaling.remove(&serial);
            self.agenda.cancel(Job::Scale(serial));
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
        let function = revision.function;
        self.touch_revision(turn, serial);
        turn.dirty.insert(function);
        let said = Said::Scaled { revision: serial, from, to: desired };
        turn.out.events.push((self.version, Event::Said(said)));
    }

    /// Raises `desired`, never lowers it.
    pub(crate) fn set_desired_at_least(&mut self, turn: &mut Turn, serial: u32, desired: u32) {
        if self.revisions.get(&serial).is_some_and(|r| r.desired < desired) {
            self.set_desired(turn, serial, desired);
        }
    }
}
