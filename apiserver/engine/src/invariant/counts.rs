//! Counts equal a recount. Claimed by `World::count`, which moves them by one sandbox at a time; every status is made of them.

use super::ensure;
use crate::record::{Counts, Phase};
use crate::world::World;
use alloc::{format, string::String};

pub(super) fn hold(world: &World) -> Result<(), String> {
    for revision in world.revisions.values() {
        let mut recount = Counts { available: revision.counts.available, ..Counts::default() };
        for phase in revision.members.iter().map(|row| world.sandboxes.get(*row).phase()) {
            recount.active += u32::from(phase.is_active());
            recount.ready += u32::from(phase == Phase::Ready);
            recount.stopping += u32::from(phase == Phase::Stopping);
        }
        let counts = revision.counts;
        ensure(counts == recount, || format!("revision {}: {counts:?}, recounted {recount:?}", revision.serial))?;
        let young: u32 = revision.maturing.values().sum();
        ensure(counts.available + young == counts.ready, || {
            format!("revision {}: {} available and {young} young of {} ready", revision.serial, counts.available, counts.ready)
        })?;
    }
    Ok(())
}
