//! An autoscaler that decides has a state, an autoscaled function and a revision, and one that has something to scale decides.
//! Claimed by `World::begin_scaling`: one that fell out of the set would keep its sandboxes for ever.

use super::ensure;
use crate::record::Plan;
use crate::world::World;
use alloc::{format, string::String};

pub(super) fn hold(world: &World) -> Result<(), String> {
    for serial in &world.scaling {
        let revision = world.revisions.get(serial);
        let plan = revision.and_then(|r| world.functions.get(&r.function)).map(|f| f.plan);
        let right = revision.is_some_and(|r| r.scale.is_some()) && matches!(plan, Some(Plan::Autoscaled(_)));
        ensure(right, || format!("revision {serial} is not autoscaled"))?;
    }
    for revision in world.revisions.values().filter(|r| r.scale.is_some()) {
        let idle = revision.counts.active == 0 && revision.desired == 0;
        ensure(idle || world.scaling.contains(&revision.serial), || format!("revision {} is forgotten", revision.serial))?;
    }
    Ok(())
}
