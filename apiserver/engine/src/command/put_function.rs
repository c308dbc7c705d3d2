//! What is wanted of a function. Derived from a document by the house; not logged.

use crate::event::Event;
use crate::record::{Function, Plan, Progress};
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

impl World {
    /// Makes or changes a function.
    pub fn put_function(&mut self, turn: &mut Turn, put: PutFunction) {
        let now_s = turn.now_s();
        let version = self.next_version();
        let function = self.functions.entry(put.serial).or_insert_with(|| Function {
            serial: put.serial,
            plan: put.plan,
            revisions: Vec::new(),
            current: 0,
            touched: version,
            settled: None,
            progress: Progress::Created,
            progress_since_s: now_s,
            progress_moved_s: now_s,
            available: false,
            available_since_s: now_s,
        });
        function.plan = put.plan;
        if function.current != put.current {
            function.current = put.current;
            function.progress = Progress::Created;
            function.progress_moved_s = now_s;
            if !function.revisions.contains(&put.current) && put.current != 0 {
                function.revisions.push(put.current);
            }
        }
        function.touched = version;
        turn.out.events.push((version, Event::Function { serial: put.serial }));
        turn.dirty.insert(put.serial);
    }

    /// Forgets a function; its sandboxes are stopped.
    pub fn drop_function(&mut self, turn: &mut Turn, serial: u32) {
        let Some(function) = self.functions.remove(&serial) else { return };
        for revision in function.revisions {
            self.drop_revision(turn, revision);
        }
    }
}
