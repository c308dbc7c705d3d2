//! Members and rows name each other. Claimed by `Members`: each sandbox of a known revision is in its lane, once, and is found by
//! its identity; one of an unknown revision is only waited for until it is gone.

use super::ensure;
use crate::record::Phase;
use crate::world::World;
use alloc::{collections::BTreeSet, format, string::String};

pub(super) fn hold(world: &World) -> Result<(), String> {
    let mut rows = 0;
    for row in world.sandboxes.rows() {
        rows += 1;
        let sandbox = world.sandboxes.get(row);
        ensure(world.sandboxes.find(sandbox.key()) == Some(row), || format!("{sandbox:?} is not found by its key"))?;
        let Some(revision) = world.revisions.get(&sandbox.revision()) else {
            ensure(sandbox.phase() == Phase::Stopping, || format!("{sandbox:?} has no revision"))?;
            continue;
        };
        ensure(revision.members.latest(sandbox.phase()).any(|r| r == row), || format!("{sandbox:?} is in no lane"))?;
    }
    ensure(rows == world.sandboxes.len(), || format!("{rows} rows, {} counted", world.sandboxes.len()))?;
    for revision in world.revisions.values() {
        let all: BTreeSet<_> = revision.members.iter().copied().collect();
        let (serial, len) = (revision.serial, revision.members.len());
        ensure(all.len() == len && revision.members.iter().count() == len, || format!("revision {serial}: {len} counted"))?;
        let own = |row: &u32| world.sandboxes.is_live(*row) && world.sandboxes.get(*row).revision() == serial;
        ensure(all.iter().all(own), || format!("revision {serial} has a member that is not its own"))?;
        ensure(revision.function != 0 || len > 0, || format!("revision {serial} is nobody's and has nothing"))?;
    }
    for function in world.functions.values() {
        let own = |serial: &u32| world.revisions.get(serial).is_some_and(|r| r.function == function.serial);
        ensure(function.revisions.iter().all(own), || {
            format!("function {} has a revision that is not its own", function.serial)
        })?;
    }
    Ok(())
}
