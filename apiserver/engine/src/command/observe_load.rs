//! What gateways say of traffic: the edge of a cold request, and averages of each second.

use crate::policy::scale;
use crate::record::Plan;
use crate::wire::LoadSample;
use crate::world::{Turn, World};

impl World {
    /// Requests wait for a revision without a free sandbox: decided at once, not at the next tick.
    pub fn demand(&mut self, turn: &mut Turn, serial: u32, waiting: u32) {
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        revision.waiting = waiting;
        let function = revision.function;
        let (now_ms, ready) = (turn.now_ms, revision.counts.ready);
        let Some(Plan::Autoscaled(settings)) = self.functions.get(&function).map(|f| f.plan) else { return };
        if let Some(state) = self.scale_state(serial) {
            let desired = scale::demand(now_ms, &settings, state, ready, waiting);
            self.scaling.insert(serial);
            self.set_desired_at_least(turn, serial, desired);
        }
        turn.dirty.insert(function);
    }

    /// One second of traffic of a revision at a gateway.
    pub fn observe_load(&mut self, turn: &mut Turn, gateway: u64, sample: LoadSample) {
        let Some(revision) = self.revisions.get_mut(&sample.revision) else { return };
        if sample.concurrency_milli == 0 {
            revision.waiting = 0;
        }
        let now_ms = turn.now_ms;
        if let Some(state) = self.scale_state(sample.revision) {
            scale::record(now_ms, state, gateway, sample.concurrency_milli, sample.rps_milli);
            self.scaling.insert(sample.revision);
        }
    }
}
