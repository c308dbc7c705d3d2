//! What sandboxes of a revision run and need. Derived from a document by the house; not logged.

use crate::record::{Counts, Phase, Revision, SEQ_MAX, Shape};
use crate::world::{Turn, World};
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

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
    /// Makes or changes a revision.
    pub fn put_revision(&mut self, turn: &mut Turn, put: PutRevision) {
        let now_s = turn.now_s();
        let seq_first = self.seq_first;
        let revision = self.revisions.entry(put.serial).or_insert_with(|| Revision {
            serial: put.serial,
            function: put.function,
            shape: put.shape,
            desired: 0,
            members: Vec::new(),
            counts: Counts::default(),
            maturing: VecDeque::new(),
            touched: 0,
            scale: None,
            first_ready_s: 0,
            active_changed_s: now_s,
            failure: None,
            waiting: 0,
            made: false,
            // Numbers of an earlier run are not used again soon, so neither are pod names.
            next_seq: (put.serial.wrapping_mul(0x9e37_79b1) ^ seq_first.wrapping_mul(0x85eb_ca6b)) % SEQ_MAX,
        });
        revision.shape = put.shape;
        revision.function = put.function;
        if let Some(function) = self.functions.get_mut(&put.function)
            && !function.revisions.contains(&put.serial)
        {
            function.revisions.push(put.serial);
        }
        self.touch_revision(turn, put.serial);
        turn.dirty.insert(put.function);
    }

    /// Forgets a revision; its sandboxes are stopped.
    pub fn drop_revision(&mut self, turn: &mut Turn, serial: u32) {
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        let grace_s = revision.shape.grace_s;
        revision.desired = 0;
        let members: Vec<_> = revision.members.clone();
        let function = revision.function;
        for row in members {
            if self.sandboxes.get(row).phase() != Phase::Stopping {
                self.stop_sandbox(turn, row, grace_s);
            }
        }
        if let Some(function) = self.functions.get_mut(&function) {
            function.revisions.retain(|r| *r != serial);
        }
        self.scaling.remove(&serial);
        self.maturing.remove(&serial);
        if self.revisions.get(&serial).is_some_and(|r| r.members.is_empty()) {
            self.revisions.remove(&serial);
        } else if let Some(revision) = self.revisions.get_mut(&serial) {
            // The row stays until the last sandbox is gone, owned by nobody.
            revision.function = 0;
        }
    }

    /// Starts an autoscaled revision's state.
    pub(crate) fn scale_state(&mut self, serial: u32) -> Option<&mut crate::policy::scale::ScaleState> {
        let revision = self.revisions.get_mut(&serial)?;
        Some(revision.scale.get_or_insert_with(Box::default))
    }
}
