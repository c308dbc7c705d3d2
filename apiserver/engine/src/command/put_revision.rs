//! What sandboxes of a revision run and need. Derived from a document by the house; not logged.

use crate::agenda::Job;
use crate::policy::scatter;
use crate::react::DRIVEN_MAX;
use crate::record::pending::size_of;
use crate::record::{Counts, Members, NO_NODE, Phase, Revision, Row, SEQ_MAX, Shape};
use crate::world::{Turn, World};
use alloc::{collections::BTreeMap, vec::Vec};

/// A revision as its document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutRevision {
    /// Durable number.
    pub serial: u32,
    /// Its function.
    pub function: u32,
    /// What a sandbox needs.
    pub shape: Shape,
}

impl World {
    /// Makes or changes a revision. The same again changes nothing.
    pub fn put_revision(&mut self, turn: &mut Turn, put: PutRevision) {
        let (now_s, epoch, version, inherited) = (turn.now_s(), self.epoch, self.version, self.restoring);
        let new = !self.revisions.contains_key(&put.serial);
        let revision = self.revisions.entry(put.serial).or_insert_with(|| Revision {
            serial: put.serial,
            function: put.function,
            shape: put.shape,
            desired: 0,
            members: Members::default(),
            counts: Counts::default(),
            maturing: BTreeMap::new(),
            touched: 0,
            scale: None,
            first_ready_s: 0,
            active_changed_s: now_s,
            failure: None,
            waiting: 0,
            made: false,
            inherited,
            // Numbers of an earlier run (or of a row of this serial that was dropped) are not used again soon, so neither are
            // pod names. Below SEQ_MAX, which fits.
            next_seq: (scatter(u64::from(put.serial) << 32 ^ u64::from(epoch) ^ version << 8) % u64::from(SEQ_MAX)) as u32,
        });
        let before = (revision.function, revision.shape);
        revision.function = put.function;
        turn.dirty.insert(put.function);
        if before.0 != put.function {
            // Given to another owner (a ReplicaSet that outlives its Deployment): the old one must not take it along.
            self.doomed.remove(&put.serial);
            self.leave_function(turn, before.0, put.serial);
        }
        if let Some(function) = self.functions.get_mut(&put.function)
            && !function.revisions.contains(&put.serial)
        {
            function.revisions.push(put.serial);
        }
        if before.1 != put.shape {
            self.reshape(turn, put.serial, before.1, put.shape);
        }
        if new || before != (put.function, put.shape) {
            self.touch_revision(turn, put.serial);
        }
    }

    /// A revision that never came up in an earlier run starts as if it were new: its initial scale is still to be reached.
    /// To be called right after [`World::put_revision`].
    pub fn begin_anew(&mut self, serial: u32) {
        if let Some(revision) = self.revisions.get_mut(&serial) {
            revision.inherited = false;
        }
    }

    fn leave_function(&mut self, turn: &mut Turn, function: u32, serial: u32) {
        if let Some(function) = self.functions.get_mut(&function) {
            function.revisions.retain(|r| *r != serial);
            turn.dirty.insert(function.serial);
        }
    }

    /// Sandboxes need something else from now on: nodes, queues and ages are counted anew for this revision.
    fn reshape(&mut self, turn: &mut Turn, serial: u32, before: Shape, after: Shape) {
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        revision.shape = after;
        if before.min_ready_s != after.min_ready_s {
            revision.counts.available = 0;
            revision.maturing.clear();
            let ready: Vec<Row> = revision.members.latest(Phase::Ready).collect();
            for row in ready {
                revision.readied(self.sandboxes.get(row), turn.now_s());
            }
            if let Some((first_s, _)) = revision.maturing.first_key_value() {
                self.agenda.set(Job::Mature(serial), u64::from(*first_s) * 1000);
            }
        }
        let waits = |shape: Shape| (size_of(&shape), shape.node, shape.held);
        if waits(before) == waits(after) {
            return;
        }
        for row in &revision.members {
            let sandbox = self.sandboxes.get(*row);
            if let Some(node) = self.nodes.get_mut(sandbox.node() as usize) {
                node.give_room(&before);
                node.take_room(&after);
                turn.freed.insert(node.number);
            } else {
                self.pending.remove(&before, sandbox.created_s(), *row);
                self.pending.insert(&after, sandbox.created_s(), *row);
            }
        }
        if after.node == NO_NODE {
            turn.retried.insert(size_of(&after));
        } else {
            turn.freed.insert(after.node);
        }
    }

    /// Forgets a revision; its sandboxes are stopped.
    pub fn drop_revision(&mut self, turn: &mut Turn, serial: u32) {
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        revision.desired = 0;
        revision.scale = None;
        // The row stays until the last sandbox is gone, owned by nobody.
        let function = core::mem::take(&mut revision.function);
        self.leave_function(turn, function, serial);
        self.scaling.remove(&serial);
        self.agenda.cancel(Job::Scale(serial));
        self.stop_members(turn, serial, DRIVEN_MAX);
        if self.revisions.get(&serial).is_some_and(|r| r.members.is_empty()) {
            self.forget_revision(serial);
        }
    }
}
