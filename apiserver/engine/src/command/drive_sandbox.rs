//! Making and stopping single sandboxes: what `react` and the outside (delete of one, eviction) both do.

use crate::event::{Event, Order, Said};
use crate::record::{Overlay, Phase, Row, SEQ_MAX, Sandbox};
use crate::wire::SandboxKey;
use crate::world::{Turn, World};
use alloc::sync::Arc;

impl World {
    /// Makes one sandbox of a revision, on a node if one has room.
    pub(crate) fn make_sandbox(&mut self, turn: &mut Turn, serial: u32) {
        let Some(key) = self.next_key(serial) else { return };
        let shape = self.shape_of(serial);
        let mut sandbox = Sandbox::new(key, turn.now_s());
        if let Some(number) = self.find_room(turn, &shape)
            && let Some(slot) = self.claim(number, self.sandboxes.next_row(), &shape, None)
        {
            sandbox.place(number, slot);
            sandbox.enter(Phase::Creating, turn.now_s());
        }
        let row = self.add_sandbox(turn, sandbox, None);
        turn.out.events.push((self.version, Event::Said(Said::Made(key))));
        if sandbox.is_placed() {
            self.order_creation(turn, row);
        } else if !shape.held {
            turn.out.events.push((self.version, Event::Said(Said::NoRoom(key))));
        }
    }

    /// An identity that no living sandbox of the revision has.
    fn next_key(&mut self, serial: u32) -> Option<SandboxKey> {
        for _ in 0..64 {
            let revision = self.revisions.get_mut(&serial)?;
            let key = SandboxKey { revision: serial, seq: revision.next_seq };
            revision.next_seq = if key.seq >= SEQ_MAX { 0 } else { key.seq + 1 };
            if self.sandboxes.find(key).is_none() {
                return Some(key);
            }
        }
        None
    }

    /// Stops a sandbox; one that never got a node is gone at once.
    pub fn stop_sandbox(&mut self, turn: &mut Turn, row: Row, grace_s: u32) {
        if !self.sandboxes.is_live(row) {
            return;
        }
        let before = self.sandboxes.get(row);
        let key = before.key();
        if !before.is_placed() {
            turn.out.events.push((self.version, Event::Said(Said::Stopped(key))));
            self.remove_sandbox(turn, row);
            return;
        }
        let mut overlay = self.sandboxes.overlay(row).map(|o| (**o).clone()).unwrap_or_default();
        let again = before.phase() == Phase::Stopping;
        if again && overlay.deletion.is_some_and(|(_, grace)| grace <= grace_s) {
            return;
        }
        let mut after = before;
        after.next_generation();
        if !again {
            after.enter(Phase::Stopping, turn.now_s());
        }
        // Upstream's deletionTimestamp is the end of the grace, not its begin.
        overlay.deletion = Some((turn.now_s().saturating_add(grace_s), grace_s));
        overlay.was_ready |= before.phase() == Phase::Ready;
        self.move_sandbox(turn, row, after, Some(Arc::new(overlay)));
        if !again {
            turn.out.events.push((self.version, Event::Said(Said::Stopped(key))));
        }
        turn.order(before.node(), Order::Delete { key, generation: after.generation(), grace_s });
    }

    /// Forgets a sandbox without waiting for its node (`--force --grace-period=0`); the node is still told.
    pub fn forget_sandbox(&mut self, turn: &mut Turn, row: Row) {
        if !self.sandboxes.is_live(row) {
            return;
        }
        let mut sandbox = self.sandboxes.get(row);
        if sandbox.is_placed() {
            sandbox.next_generation();
            turn.order(sandbox.node(), Order::Delete { key: sandbox.key(), generation: sandbox.generation(), grace_s: 0 });
            self.keep_slot(sandbox.node(), sandbox.key(), sandbox.slot());
        }
        self.remove_sandbox(turn, row);
    }

    /// A node that hears us removes a sandbox that we know no more: its slot is free when the node says so.
    pub(crate) fn keep_slot(&mut self, number: u16, key: SandboxKey, slot: u16) {
        if let Some(node) = self.nodes.get_mut(number as usize).filter(|n| n.session.is_some()) {
            node.forgotten.insert(key, slot);
        }
    }

    /// Sets metadata edited by hand.
    pub fn edit_sandbox(&mut self, turn: &mut Turn, row: Row, metadata: Option<Arc<[u8]>>) {
        if !self.sandboxes.is_live(row) {
            return;
        }
        let sandbox = self.sandboxes.get(row);
        let mut overlay: Overlay = self.sandboxes.overlay(row).map(|o| (**o).clone()).unwrap_or_default();
        overlay.metadata = metadata;
        self.move_sandbox(turn, row, sandbox, Some(Arc::new(overlay)));
    }
}
