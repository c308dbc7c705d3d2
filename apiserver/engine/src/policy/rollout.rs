//! A Deployment's rolling update: how many sandboxes each of its revisions should have next.
//!
//! Fed by the engine whenever a count of a Deployment's revisions changes; knows counts only. The steps are those of upstream's
//! deployment controller, which either scales up or scales down, and comes back until nothing changes.

use alloc::vec::Vec;

/// Counts of one revision (a ReplicaSet, seen from outside).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Sandboxes that it should have.
    pub desired: u32,
    /// Sandboxes that exist, have not ended and are not being stopped.
    pub active: u32,
    /// Sandboxes that are ready.
    pub ready: u32,
    /// Sandboxes that have been ready for `minReadySeconds`.
    pub available: u32,
    /// Sandboxes that are being stopped.
    pub stopping: u32,
}

impl Share {
    /// Available ones that are meant to stay: one that was already given up must not be counted on.
    fn lasting(&self) -> u32 {
        self.available.min(self.desired)
    }
}

/// What a Deployment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `spec.replicas`.
    pub wanted: u32,
    /// Sandboxes above the wanted number, resolved (see [`resolve`]).
    pub surge: u32,
    /// Sandboxes below the wanted number, resolved.
    pub unavailable: u32,
    /// `strategy.type: Recreate`: all old ones end before the first new one starts.
    pub recreate: bool,
    /// `spec.paused`: follow the number in proportion, but don't roll.
    pub paused: bool,
}

impl Bounds {
    fn surge(&self) -> u32 {
        if self.recreate { 0 } else { self.surge }
    }

    /// Sandboxes that must stay available.
    fn least(&self) -> u32 {
        if self.recreate { self.wanted } else { self.wanted.saturating_sub(self.unavailable) }
    }

    fn settled(&self) -> Settled {
        Settled { wanted: self.wanted, most: self.wanted.saturating_add(self.surge()) }
    }
}

/// What the counts were last set for (upstream: annotations `desired-replicas` and `max-replicas`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// `spec.replicas` at that time.
    pub wanted: u32,
    /// `spec.replicas` plus surge at that time.
    pub most: u32,
}

/// A number or a part of the wanted replicas, as in `maxSurge: 25%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOrPercent {
    /// An absolute number.
    Count(u32),
    /// Percent.
    Percent(u32),
}

/// Resolves `maxSurge` (rounded up) and `maxUnavailable` (rounded down). If both come out as nothing, one may be unavailable,
/// otherwise the rollout could never move.
#[must_use]
pub fn resolve(surge: IntOrPercent, unavailable: IntOrPercent, wanted: u32) -> (u32, u32) {
    let up = |percent: u32| (u64::from(percent) * u64::from(wanted)).div_ceil(100);
    let down = |percent: u32| u64::from(percent) * u64::from(wanted) / 100;
    let surge = match surge {
        IntOrPercent::Count(count) => count,
        IntOrPercent::Percent(percent) => clamp(up(percent)),
    };
    let unavailable = match unavailable {
        IntOrPercent::Count(count) => count,
        IntOrPercent::Percent(percent) => clamp(down(percent)),
    };
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// Steps taken in one decision; more only happen when the next counts are known.
const STEPS_MAX: usize = 4;

/// The desired counts that follow from the present ones, in the order given (oldest revision first). `current` is the
/// position of the present template's revision, `None` while that does not exist. A changed number of replicas is not
/// recognised; see [`decide_settled`].
#[must_use]
pub fn decide(shares: &[Share], current: Option<usize>, bounds: Bounds) -> Vec<u32> {
    decide_settled(shares, current, bounds, None).0
}

/// As [`decide`], knowing what the counts were last set for, so that a change of replicas in mid-rollout is shared out in
/// proportion. The second answer is to be kept for the next call.
#[must_use]
pub fn decide_settled(shares: &[Share], current: Option<usize>, bounds: Bounds, settled: Option<Settled>) -> (Vec<u32>, Settled) {
    let current = current.filter(|&position| position < shares.len());
    let mut rollout = Rollout { shares: shares.to_vec(), current, bounds };
    let scaled = settled.is_some_and(|settled| settled.wanted != bounds.wanted);
    let active = shares.iter().any(|share| share.desired > 0);
    if bounds.paused || (scaled && active) {
        rollout.scale(settled);
    } else {
        // Upstream comes back at once after each change of a count; the counts of what runs are the same by then.
        for _ in 0..STEPS_MAX {
            let before = rollout.desired();
            if bounds.recreate {
                rollout.recreate()
            } else {
                rollout.roll()
            }
            if rollout.desired() == before {
                break;
            }
        }
    }
    (rollout.desired(), bounds.settled())
}

struct Rollout {
    shares: Vec<Share>,
    current: Option<usize>,
    bounds: Bounds,
}

impl Rollout {
    fn desired(&self) -> Vec<u32> {
        self.shares.iter().map(|share| share.desired).collect()
    }

    fn is_old(&self, index: usize) -> bool {
        self.current != Some(index)
    }

    fn old(&self) -> impl Iterator<Item = &Share> {
        self.shares.iter().enumerate().filter(|(index, _)| self.is_old(*index)).map(|(_, share)| share)
    }

    /// One step: grow the new revision, or else shrink the old ones.
    fn roll(&mut self) {
        let new = self.current.map_or_else(Share::default, |index| self.shares[index]);
        let grown = self.grown(new.desired);
        if let Some(index) = self.current
            && grown != new.desired
        {
            self.shares[index].desired = grown;
            return;
        }
        let old = total(self.old().map(|share| share.desired));
        let least = u64::from(self.bounds.least());
        // Unavailable new ones count against the allowance too, so that a bad template can't eat the old sandboxes.
        let missing = u64::from(new.desired - new.lasting());
        let removable = (old + u64::from(new.desired)).saturating_sub(least).saturating_sub(missing);
        if old == 0 || removable == 0 {
            return;
        }
        let available = total(self.old().map(Share::lasting)) + u64::from(new.lasting());
        self.clean_up(removable);
        let mut spare = available.saturating_sub(least);
        for index in (0..self.shares.len()).filter(|&index| self.current != Some(index)) {
            spare -= take(&mut self.shares[index], spare);
        }
    }

    /// The new revision's next count: at once down to the wanted number, up only as far as the surge allows.
    fn grown(&self, desired: u32) -> u32 {
        let wanted = self.bounds.wanted;
        if desired >= wanted {
            return wanted;
        }
        let all = total(self.shares.iter().map(|share| share.desired));
        let room = (u64::from(wanted) + u64::from(self.bounds.surge())).saturating_sub(all);
        desired + clamp(room).min(wanted - desired)
    }

    /// Takes sandboxes that are not available from the old revisions first: their loss costs nothing, and they would block
    /// the rollout otherwise.
    fn clean_up(&mut self, removable: u64) {
        let mut left = removable;
        for index in (0..self.shares.len()).filter(|&index| self.current != Some(index)) {
            let share = &mut self.shares[index];
            let unhealthy = u64::from(share.desired - share.lasting());
            left -= take(share, unhealthy.min(left));
        }
    }

    fn recreate(&mut self) {
        let (mut stopped, mut running) = (false, 0);
        for index in (0..self.shares.len()).filter(|&index| self.current != Some(index)) {
            let share = &mut self.shares[index];
            stopped |= core::mem::take(&mut share.desired) > 0;
            running += share.active + share.stopping;
        }
        if let Some(index) = self.current
            && !stopped
            && running == 0
        {
            self.shares[index].desired = self.bounds.wanted;
        }
    }

    /// A changed number of replicas in the middle of a rollout, or while paused: every active revision changes in
    /// proportion, so that scaling does not hasten the rollout.
    fn scale(&mut self, settled: Option<Settled>) {
        let wanted = self.bounds.wanted;
        let active: Vec<usize> = (0..self.shares.len()).filter(|&index| self.shares[index].desired > 0).collect();
        let saturated = self.current.is_some_and(|index| {
            let new = self.shares[index];
            new.desired == wanted && new.available == wanted && settled.is_none_or(|settled| settled.wanted == wanted)
        });
        if active.len() <= 1 {
            // With none active the present template's revision grows, or else the newest.
            let newest = self.current.or_else(|| self.shares.len().checked_sub(1));
            if let Some(index) = active.first().copied().or(newest) {
                self.shares[index].desired = wanted;
            }
        } else if saturated {
            for index in active.into_iter().filter(|&index| self.current != Some(index)) {
                self.shares[index].desired = 0;
            }
        } else if !self.bounds.recreate {
            self.proportion(settled, active);
        }
    }

    fn proportion(&mut self, settled: Option<Settled>, mut active: Vec<usize>) {
        let wanted = i64::from(self.bounds.wanted);
        let allowed = if wanted > 0 { wanted + i64::from(self.bounds.surge()) } else { 0 };
        let size = |shares: &[Share], index: usize| i64::from(shares[index].desired);
        let present: i64 = active.iter().map(|&index| size(&self.shares, index)).sum();
        let to_add = allowed - present;
        if to_add == 0 {
            return;
        }
        // The largest first; among equals the newer one grows first and the older one shrinks first.
        active.sort_by_key(|&index| {
            let age = index as i64;
            (-size(&self.shares, index), if to_add > 0 { -age } else { age })
        });
        let before = settled.map_or(0, |settled| i64::from(settled.most));
        let before = if before == 0 { present } else { before };
        let mut added = 0_i64;
        for &index in &active {
            let now = size(&self.shares, index);
            let fraction = if wanted == 0 { -now } else { rounded(now * allowed, before) - now };
            let left = to_add - added;
            let part = match left {
                0 => 0,
                _ if to_add > 0 => fraction.min(left),
                _ => fraction.max(left),
            };
            self.shares[index].desired = clamp((now + part).max(0).unsigned_abs());
            added += part;
        }
        if let Some(&largest) = active.first() {
            let rest = size(&self.shares, largest) + to_add - added;
            self.shares[largest].desired = clamp(rest.max(0).unsigned_abs());
        }
    }
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn total(counts: impl Iterator<Item = u32>) -> u64 {
    counts.map(u64::from).sum()
}

/// Takes up to `most` from a revision's desired count; answers how many.
fn take(share: &mut Share, most: u64) -> u64 {
    let gone = u64::from(share.desired).min(most);
    // Not more than `desired`, so it fits.
    share.desired -= gone as u32;
    gone
}

/// Division rounded to the nearest, halves up; both numbers are positive.
fn rounded(part: i64, whole: i64) -> i64 {
    (part * 2 + whole) / (whole * 2)
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
