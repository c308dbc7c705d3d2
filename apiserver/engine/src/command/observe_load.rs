//! What gateways say of traffic: that they are there, the edge of a cold request, and averages of each second.

use crate::agenda::Job;
use crate::policy::{scale, scatter};
use crate::record::Plan;
use crate::wire::LoadSample;
use crate::world::{Turn, World};

impl World {
    /// A gateway's session begins. With the first one, traffic can be seen again: autoscalers forget the silence before.
    pub fn gateway_joined(&mut self, turn: &mut Turn) {
        self.gateways += 1;
        if self.gateways > 1 {
            return;
        }
        for serial in &self.scaling {
            let Some(revision) = self.revisions.get_mut(serial) else { continue };
            let Some(state) = revision.scale.as_deref_mut() else { continue };
            scale::restart(turn.now_ms, state, revision.counts.ready);
            // Spread over the interval, so that not all are decided in one turn for ever after.
            let spread_ms = scatter(u64::from(*serial)) % scale::INTERVAL_MS;
            self.agenda.set(Job::Scale(*serial), turn.now_ms + scale::INTERVAL_MS + spread_ms);
        }
    }

    /// A gateway's session ended. With the last one, autoscalers wait, and nobody waits at a gateway any more.
    pub fn gateway_left(&mut self, _turn: &mut Turn) {
        debug_assert!(self.gateways > 0, "a gateway left that never joined");
        self.gateways = self.gateways.saturating_sub(1);
        if self.gateways == 0 {
            for serial in &self.scaling {
                if let Some(revision) = self.revisions.get_mut(serial) {
                    revision.waiting = 0;
                }
            }
        }
    }

    fn scale_settings(&self, serial: u32) -> Option<scale::ScaleSettings> {
        match self.functions.get(&self.revisions.get(&serial)?.function)?.plan {
            Plan::Autoscaled(settings) => Some(settings),
            _ => None,
        }
    }

    /// Requests wait for a revision without a free sandbox: decided at once, not at the next tick.
    pub fn demand(&mut self, turn: &mut Turn, serial: u32, waiting: u32) {
        let Some(settings) = self.scale_settings(serial) else { return };
        if let Some(revision) = self.revisions.get_mut(&serial) {
            revision.waiting = waiting;
        }
        if self.settle_until_ms != 0 {
            return; // asked again when nodes have said what they run
        }
        self.begin_scaling(turn, serial, &settings);
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        let Some(state) = revision.scale.as_deref_mut() else { return };
        let desired = scale::demand(turn.now_ms, &settings, state, revision.counts.ready, waiting);
        self.plan_scaling(turn, serial);
        self.set_desired_at_least(turn, serial, desired);
    }

    /// One second of traffic of a revision at a gateway.
    pub fn observe_load(&mut self, turn: &mut Turn, gateway: u64, sample: LoadSample) {
        let serial = sample.revision;
        let quiet = sample.concurrency_milli == 0;
        let Some(settings) = self.scale_settings(serial) else { return };
        if quiet && let Some(revision) = self.revisions.get_mut(&serial) {
            revision.waiting = 0;
        }
        if self.settle_until_ms != 0 {
            return;
        }
        self.begin_scaling(turn, serial, &settings);
        if let Some(state) = self.revisions.get_mut(&serial).and_then(|r| r.scale.as_deref_mut()) {
            scale::record(turn.now_ms, state, gateway, sample.concurrency_milli, sample.rps_milli);
        }
        // A zero says nothing new of a revision that is idle.
        if !quiet || sample.rps_milli > 0 {
            self.plan_scaling(turn, serial);
        }
    }
}
