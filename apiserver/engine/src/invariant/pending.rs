//! Pending means without a node, and waiting in the right line. Claimed by `Pending`: one that waits in no line waits for ever.
//! And nobody waits for room that is there (`react::placing`), while few enough sizes wait for all to be compared.

use super::ensure;
use crate::record::Phase;
use crate::record::pending::{SIZES_MAX, ask_of, size_of};
use crate::world::World;
use alloc::{collections::BTreeSet, format, string::String};

pub(super) fn hold(world: &World) -> Result<(), String> {
    let mut waiting = 0;
    let mut sizes = BTreeSet::new();
    for row in world.sandboxes.rows() {
        let sandbox = world.sandboxes.get(row);
        let pending = sandbox.phase() == Phase::Pending;
        ensure(pending != sandbox.is_placed(), || format!("{sandbox:?}"))?;
        if !pending {
            continue;
        }
        waiting += 1;
        let shape = world.shape_of(sandbox.revision());
        ensure(world.pending.contains(&shape, sandbox.created_s(), row), || format!("{sandbox:?} waits in no line"))?;
        if !shape.held && shape.node == crate::record::NO_NODE {
            sizes.insert(size_of(&shape));
        }
    }
    ensure(waiting == world.pending.len(), || format!("{waiting} wait, {} are in line", world.pending.len()))?;
    for size in sizes.iter().filter(|_| sizes.len() <= SIZES_MAX) {
        let room = world.nodes.iter().find(|node| node.is_open() && node.room().fits(ask_of(*size)));
        ensure(room.is_none(), || format!("{size:?} waits although there is {room:?}"))?;
    }
    Ok(())
}
