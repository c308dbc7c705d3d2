//! Which node takes a sandbox: a new one now, a waiting one when room becomes free.
//!
//! A node that got room is offered to those that wait; nobody looks at all nodes for all that wait.

use crate::event::{Event, Order, Said};
use crate::policy::place;
use crate::record::pending::{ask_of, size_of};
use crate::record::{NO_NODE, Phase, Row, Shape};
use crate::world::{Turn, World};

impl World {
    /// The node for a sandbox of this shape; whoever waits for the same goes first.
    pub(crate) fn find_room(&self, turn: &mut Turn, shape: &Shape) -> Option<u16> {
        if self.pending.blocks(shape) {
            return None;
        }
        if shape.node != NO_NODE {
            return self.nodes.get(shape.node as usize).filter(|n| n.session.is_some()).map(|n| n.number);
        }
        self.choose_node(turn, ask_of(size_of(shape)))
    }

    fn choose_node(&self, turn: &mut Turn, ask: place::Ask) -> Option<u16> {
        let chance = turn.chance();
        place::choose(self.nodes.len(), chance, ask, |index| self.nodes.get(index).filter(|n| n.is_open()).map(|n| n.room()))
    }

    /// Takes a slot and room on a node. `slot` is that of a sandbox which the node already runs.
    pub(crate) fn claim(&mut self, number: u16, row: Row, shape: &Shape, slot: Option<u16>) -> Option<u16> {
        let node = self.nodes.get_mut(number as usize)?;
        let slot = match slot {
            Some(slot) => node.claim_slot(slot, row).then_some(slot),
            None => node.take_slot(row),
        }?;
        node.take_room(shape);
        Some(slot)
    }

    /// Puts a waiting sandbox on a node that has room. False if there is none after all.
    fn place_sandbox(&mut self, turn: &mut Turn, row: Row, number: u16) -> bool {
        let mut placed = self.sandboxes.get(row);
        let shape = self.shape_of(placed.revision());
        let Some(slot) = self.claim(number, row, &shape, None) else { return false };
        placed.place(number, slot);
        placed.enter(Phase::Creating, turn.now_s());
        let overlay = self.sandboxes.overlay(row).cloned();
        self.move_sandbox(turn, row, placed, overlay);
        self.order_creation(turn, row);
        true
    }

    /// Tells its node to make a sandbox.
    pub(crate) fn order_creation(&mut self, turn: &mut Turn, row: Row) {
        let sandbox = self.sandboxes.get(row);
        let key = sandbox.key();
        turn.out.events.push((self.version, Event::Said(Said::Placed(key))));
        turn.order(sandbox.node(), Order::Create { key, generation: sandbox.generation(), slot: sandbox.slot() });
    }

    /// Gives room that became free in this turn to those that wait.
    pub(super) fn fill_room(&mut self, turn: &mut Turn) {
        if self.pending.len() == 0 {
            turn.freed.clear();
            turn.retried.clear();
            return;
        }
        while let Some(number) = turn.freed.pop_first() {
            self.fill_node(turn, number);
        }
        while let Some(size) = turn.retried.pop_first() {
            while let Some(row) = self.pending.first_of(size)
                && let Some(number) = self.choose_node(turn, ask_of(size))
                && self.place_sandbox(turn, row, number)
            {}
        }
    }

    fn fill_node(&mut self, turn: &mut Turn, number: u16) {
        while let Some(row) = self.pending.first_pinned(number)
            && self.nodes.get(number as usize).is_some_and(|n| n.session.is_some())
            && self.place_sandbox(turn, row, number)
        {}
        while let Some(node) = self.nodes.get(number as usize).filter(|n| n.is_open())
            && let room = node.room()
            && room.pods_free > 0
            && let Some(row) = self.pending.oldest(|ask| room.fits(ask))
            && self.place_sandbox(turn, row, number)
        {}
    }
}
