//! What a node has used is the sum of what runs on it. Claimed by `Node::take_room`; the placement trusts it without recounting.

use super::ensure;
use crate::world::World;
use alloc::{format, string::String};

pub(super) fn hold(world: &World) -> Result<(), String> {
    for node in &world.nodes {
        let mut sum = (0u16, 0u64, 0u64);
        for row in node.rows() {
            let shape = world.shape_of(world.sandboxes.get(row).revision());
            sum = (sum.0 + 1, sum.1 + u64::from(shape.cpu_milli), sum.2 + u64::from(shape.memory_mib));
        }
        let used = (node.used, node.used_cpu_milli, node.used_memory_mib);
        ensure(used == sum, || format!("node {} says {used:?}, the sum is {sum:?}", node.number))?;
        ensure(!node.dropped || (node.used, node.session) == (0, None), || format!("node {} was dropped", node.number))?;
    }
    Ok(())
}
