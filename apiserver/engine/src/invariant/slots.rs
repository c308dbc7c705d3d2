//! No slot is used twice. Claimed by `Node::claim_slot`: a slot is an address, and two sandboxes with one address serve each
//! other's requests. Every placed sandbox is in its node's slots, and every used slot has a sandbox that says so.

use super::ensure;
use crate::record::SLOT_FIRST;
use crate::world::World;
use alloc::{format, string::String};

pub(super) fn hold(world: &World) -> Result<(), String> {
    for row in world.sandboxes.rows() {
        let sandbox = world.sandboxes.get(row);
        if !sandbox.is_placed() {
            continue;
        }
        let slots = world.nodes.get(sandbox.node() as usize).map(|node| &node.slots);
        let there = slots.and_then(|slots| slots.get(sandbox.slot() as usize).copied().flatten());
        ensure(there == Some(row), || format!("{sandbox:?} is row {row}, its slot holds {there:?}"))?;
    }
    for node in &world.nodes {
        for (slot, row) in node.slots.iter().enumerate().filter_map(|(slot, row)| Some((slot, (*row)?))) {
            let sandbox = world.sandboxes.get(row);
            let right = world.sandboxes.is_live(row) && (sandbox.node(), usize::from(sandbox.slot())) == (node.number, slot);
            ensure(right && slot >= usize::from(SLOT_FIRST), || format!("node {} slot {slot} holds {sandbox:?}", node.number))?;
        }
    }
    Ok(())
}
