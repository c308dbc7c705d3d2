//! Time passes: whatever is due is looked at, and nothing else. Here is also the begin of a run, when nodes are still telling
//! what they run.

use crate::agenda::Job;
use crate::policy::scale;
use crate::record::Plan;
use crate::world::{Turn, World};

impl World {
    /// Several times a second; does only what is due.
    pub fn tick(&mut self, turn: &mut Turn) {
        for job in self.agenda.take_due(turn.now_ms) {
            match job {
                Job::Settle => self.settled(turn),
                Job::Node(number) => self.check_node(turn, number),
                Job::Mature(serial) => self.mature(turn, serial),
                Job::Deadline(serial) => self.check_deadline(turn, serial),
                Job::Scale(serial) => self.decide_scale(turn, serial),
            }
        }
        // Room that became free is given away at once; this finds what a bound left over, one size at each tick.
        turn.retried.extend(self.pending.next_size());
    }

    /// A run of the control plane begins. What is put before the first reaction is of an earlier run, and nothing is created
    /// until `until_ms`, or until all nodes that are known by then have joined. `epoch` counts the runs and spreads the numbers
    /// of new sandboxes.
    pub fn settle(&mut self, until_ms: u64, epoch: u32) {
        // 0 means that the time is over.
        self.settle_until_ms = until_ms.max(1);
        self.agenda.set(Job::Settle, until_ms);
        self.epoch = epoch;
        self.restoring = true;
    }

    /// Nodes have spoken, or had their time: what they run is what there is, and creation may begin.
    pub fn settled(&mut self, turn: &mut Turn) {
        if self.settle_until_ms == 0 {
            return;
        }
        self.settle_until_ms = 0;
        self.restoring = false;
        self.agenda.cancel(Job::Settle);
        let mut waiting = alloc::vec::Vec::new();
        for revision in self.revisions.values_mut() {
            // A rollout goes on from what runs, as if that had been desired.
            if revision.inherited {
                revision.desired = revision.counts.active;
            }
            if revision.waiting > 0 {
                waiting.push((revision.serial, revision.waiting));
            }
        }
        for (serial, requests) in waiting {
            self.demand(turn, serial, requests);
        }
        turn.dirty.extend(self.functions.keys().copied());
    }

    fn mature(&mut self, turn: &mut Turn, serial: u32) {
        let now_s = turn.now_s();
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        let before = revision.counts.available;
        while let Some(first) = revision.maturing.first_entry().filter(|first| *first.key() <= now_s) {
            revision.counts.available += first.remove();
        }
        if let Some((next_s, _)) = revision.maturing.first_key_value() {
            self.agenda.set_by(Job::Mature(serial), u64::from(*next_s) * 1000);
        }
        if revision.counts.available != before {
            turn.dirty.insert(revision.function);
            self.touch_revision(turn, serial);
        }
    }

    /// The regular decision of an autoscaler. Without a gateway it waits: silence would be taken for "no traffic".
    fn decide_scale(&mut self, turn: &mut Turn, serial: u32) {
        if self.gateways == 0 {
            return;
        }
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        let Some(Plan::Autoscaled(settings)) = self.functions.get(&revision.function).map(|f| f.plan) else { return };
        let Some(state) = revision.scale.as_deref_mut() else { return };
        let decision = scale::decide(turn.now_ms, &settings, state, revision.counts.ready);
        if decision.idle && revision.counts.active == 0 {
            self.scaling.remove(&serial);
        } else {
            self.agenda.set(Job::Scale(serial), turn.now_ms + scale::INTERVAL_MS);
        }
        self.set_desired(turn, serial, decision.desired);
    }
}
