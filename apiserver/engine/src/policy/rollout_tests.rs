//! Rollouts as scripts: counts before, counts after.

use super::*;
use alloc::{vec, vec::Vec};

fn rs(desired: u32, available: u32) -> Share {
    Share { desired, active: desired, ready: available, available, stopping: 0 }
}

fn bounds(wanted: u32, surge: u32, unavailable: u32) -> Bounds {
    Bounds { wanted, surge, unavailable, recreate: false, paused: false }
}

/// The new revision is the last one.
fn rolling(wanted: u32, surge: u32, unavailable: u32, shares: &[Share]) -> Vec<u32> {
    decide(shares, Some(shares.len() - 1), bounds(wanted, surge, unavailable))
}

#[test]
fn shares_round_surge_up_and_unavailable_down() {
    use IntOrPercent::{Count, Percent};
    assert_eq!(resolve(Percent(25), Percent(25), 10), (3, 2));
    assert_eq!(resolve(Percent(25), Percent(25), 1), (1, 0));
    assert_eq!(resolve(Percent(0), Percent(25), 3), (0, 1));
    assert_eq!(resolve(Count(2), Count(0), 5), (2, 0));
    assert_eq!(resolve(Percent(25), Percent(25), 0), (0, 1));
}

#[test]
fn a_first_rollout_starts_everything() {
    assert_eq!(rolling(3, 1, 0, &[rs(0, 0)]), vec![3]);
    assert_eq!(decide(&[], None, bounds(3, 1, 0)), Vec::<u32>::new());
}

#[test]
fn grows_and_shrinks_as_upstream_does_step_by_step() {
    // 13 may exist: 3 new ones; 8 must be available: 2 old ones may go; then 2 more new ones.
    assert_eq!(rolling(10, 3, 2, &[rs(10, 10), rs(0, 0)]), vec![8, 5]);
    // Upstream's "case 1": the new ones never become available, and an old one fails.
    assert_eq!(rolling(10, 3, 2, &[rs(8, 7), rs(5, 0)]), vec![8, 5]);
    assert_eq!(rolling(10, 3, 2, &[rs(8, 8), rs(5, 5)]), vec![3, 10]);
    assert_eq!(rolling(10, 3, 2, &[rs(0, 0), rs(10, 10)]), vec![0, 10]);
    // "Case 1" continued: undone, so the good revision is the new one again and 4 crashing ones may go at once.
    assert_eq!(decide(&[rs(5, 0), rs(8, 7)], Some(1), bounds(10, 3, 2)), vec![1, 10]);
}

#[test]
fn one_replica_with_a_surge_is_replaced_only_when_the_new_one_is_available() {
    assert_eq!(rolling(1, 1, 0, &[rs(1, 1), rs(0, 0)]), vec![1, 1]);
    assert_eq!(rolling(1, 1, 0, &[rs(1, 1), rs(1, 0)]), vec![1, 1]);
    assert_eq!(rolling(1, 1, 0, &[rs(1, 1), rs(1, 1)]), vec![0, 1]);
}

#[test]
fn a_whole_rollout_ends_and_stays_within_its_bounds() {
    for (wanted, surge, unavailable) in [(10, 3, 2), (1, 1, 0), (5, 0, 1), (7, 2, 0), (100, 25, 25)] {
        let (mut old, mut new) = (rs(wanted, wanted), rs(0, 0));
        for _ in 0..500 {
            let next = rolling(wanted, surge, unavailable, &[old, new]);
            assert!(next[0] + next[1] <= wanted + surge);
            // What is taken away goes at once, what was there before is available now.
            old = rs(next[0], old.available.min(next[0]));
            assert!(old.available + new.available.min(next[1]) >= wanted - unavailable);
            new = rs(next[1], new.desired.min(next[1]));
        }
        assert_eq!((old.desired, new.desired, new.available), (0, wanted, wanted));
    }
}

#[test]
fn unhealthy_old_ones_go_first_and_the_oldest_before_the_newer() {
    assert_eq!(rolling(10, 0, 2, &[rs(3, 0), rs(7, 7), rs(0, 0)]), vec![1, 7, 2]);
    assert_eq!(rolling(10, 5, 5, &[rs(4, 4), rs(6, 6), rs(5, 5)]), vec![0, 0, 10]);
}

#[test]
fn recreate_stops_all_then_waits_for_the_end_then_starts() {
    let bounds = Bounds { recreate: true, ..bounds(3, 0, 0) };
    assert_eq!(decide(&[rs(3, 3), rs(0, 0)], Some(1), bounds), vec![0, 0]);
    let ending = Share { stopping: 1, ..rs(0, 0) };
    assert_eq!(decide(&[ending, rs(0, 0)], Some(1), bounds), vec![0, 0]);
    assert_eq!(decide(&[rs(0, 0), rs(0, 0)], Some(1), bounds), vec![0, 3]);
}

fn scaling(wanted: u32, before: u32, surge: u32, paused: bool, shares: &[Share]) -> (Vec<u32>, Settled) {
    let settled = Settled { wanted: before, most: before + surge };
    let bounds = Bounds { paused, ..bounds(wanted, surge, 0) };
    decide_settled(shares, Some(shares.len() - 1), bounds, Some(settled))
}

#[test]
fn one_active_revision_takes_the_whole_change() {
    let settled = Settled { wanted: 7, most: 8 };
    assert_eq!(scaling(7, 3, 1, false, &[rs(0, 0), rs(3, 3)]), (vec![0, 7], settled));
    assert_eq!(scaling(0, 3, 1, false, &[rs(3, 3)]).0, vec![0]);
    assert_eq!(scaling(2, 0, 1, true, &[rs(0, 0), rs(0, 0)]).0, vec![0, 2]);
}

#[test]
fn a_change_in_mid_rollout_is_shared_in_proportion() {
    // 8 old and 5 new of 13 become 11 and 7 of 18.
    assert_eq!(scaling(15, 10, 3, false, &[rs(8, 8), rs(5, 0)]).0, vec![11, 7]);
    // Halves round up for both, and the surplus one is taken from the older.
    assert_eq!(scaling(5, 10, 0, false, &[rs(5, 5), rs(5, 0)]).0, vec![2, 3]);
    assert_eq!(scaling(0, 10, 3, false, &[rs(8, 8), rs(5, 0)]).0, vec![0, 0]);
}

#[test]
fn paused_does_not_roll() {
    assert_eq!(scaling(10, 10, 3, true, &[rs(10, 10), rs(3, 0)]).0, vec![10, 3]);
    assert_eq!(decide(&[rs(10, 10)], None, Bounds { paused: true, ..bounds(10, 3, 0) }), vec![10]);
}
