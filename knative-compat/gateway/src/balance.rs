//! A place in a sandbox: chosen by the policy, counted, given back.
//!
//! Fed by requests and by [`crate::wait`]; must not know what a request is. The hard limit holds because a place is only taken
//! by an atomic step that checks it, whatever the policy saw a moment before.

use crate::revision::{Revision, Slot};
use skiff_engine::policy::{pick, scatter};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Choices that may be lost to other requests before all sandboxes are tried one by one.
const RACES_MAX: u32 = 4;

/// One place in one sandbox. Given back when dropped, which also wakes whoever waits for it.
pub(crate) struct Lease {
    slot: Arc<Slot>,
    revision: Arc<Revision>,
}

impl Lease {
    pub(crate) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // SeqCst pairs with the count of waiting requests: either that request sees this place, or we see the request.
        self.slot.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.revision.room.waiting() > 0 {
            self.revision.room.wake(&self.revision);
        }
    }
}

/// A place, if any sandbox has one. `limit` is per sandbox, 0 for none; `now_us` is of [`crate::now_us`].
pub(crate) fn acquire(revision: &Arc<Revision>, limit: u32, seed: u64, now_us: u64) -> Option<Lease> {
    let slots = revision.slots();
    let lease = |slot: &Arc<Slot>| Lease { slot: Arc::clone(slot), revision: Arc::clone(revision) };
    let load = |slot: &Slot| slot.in_flight.load(Ordering::SeqCst);
    let mut seed = seed;
    for _ in 0..RACES_MAX {
        let sound = |slot: &Slot| slot.avoid_until_us.load(Ordering::Relaxed) <= now_us;
        let mut index = pick::pick(slots.len(), limit, seed, |index| {
            let slot = &slots[index];
            sound(slot).then(|| load(slot))
        });
        // One that refuses connections always has room, so it must not attract whoever finds the others full.
        if index.is_none() && !slots.iter().any(|slot| sound(slot)) {
            index = pick::pick(slots.len(), limit, seed, |index| Some(load(&slots[index])));
        }
        let index = index?;
        if take(&slots[index], limit) {
            return Some(lease(&slots[index]));
        }
        seed = scatter(seed);
    }
    slots.iter().find(|slot| slot.avoid_until_us.load(Ordering::Relaxed) <= now_us && take(slot, limit)).map(lease)
}

fn take(slot: &Slot, limit: u32) -> bool {
    let more = |count: u32| (limit == 0 || count < limit).then(|| count.saturating_add(1));
    slot.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
}
