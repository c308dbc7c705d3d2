//! Which sandbox serves the next request.
//!
//! Fed by the gateway's balancer with in-flight counts; knows no address and no connection. With a hard limit the least
//! loaded sandbox below it serves (the scan starts at a seeded place and stops at the first idle one); without a limit, the
//! less loaded of two random ones, which costs the same for two sandboxes and for ten thousand.

use super::{below, scatter};

/// The index of the sandbox to use, among `count`.
///
/// `limit` is the hard number of concurrent requests per sandbox, 0 for none. `in_flight(i)` is the number that sandbox `i`
/// serves now, `None` when it should not be used. `None` is returned when nobody has room.
#[must_use]
pub fn pick(count: usize, limit: u32, seed: u64, in_flight: impl Fn(usize) -> Option<u32>) -> Option<usize> {
    match count {
        0 => None,
        1 => in_flight(0).filter(|&n| limit == 0 || n < limit).map(|_| 0),
        _ if limit == 0 => less_of_two(count, seed, &in_flight),
        _ => least_within(count, limit, seed, &in_flight),
    }
}

fn less_of_two(count: usize, seed: u64, in_flight: &impl Fn(usize) -> Option<u32>) -> Option<usize> {
    let chance = scatter(seed);
    let first = below(chance, count);
    // The second is drawn from the others, so that the two always differ.
    let second = (first + 1 + below(scatter(chance), count - 1)) % count;
    match (in_flight(first), in_flight(second)) {
        (Some(a), Some(b)) => Some(if b < a { second } else { first }),
        (Some(_), None) => Some(first),
        (None, Some(_)) => Some(second),
        (None, None) => least_within(count, 0, seed, in_flight),
    }
}

fn least_within(count: usize, limit: u32, seed: u64, in_flight: &impl Fn(usize) -> Option<u32>) -> Option<usize> {
    let start = below(scatter(seed), count);
    let mut best: Option<(u32, usize)> = None;
    for index in (start..count).chain(0..start) {
        let Some(load) = in_flight(index) else { continue };
        if load == 0 {
            return Some(index);
        }
        if (limit == 0 || load < limit) && best.is_none_or(|(least, _)| load < least) {
            best = Some((load, index));
        }
    }
    best.map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn on(loads: &[u32], limit: u32, seed: u64) -> Option<usize> {
        pick(loads.len(), limit, seed, |i| loads.get(i).copied())
    }

    #[test]
    fn nobody_or_nobody_with_room() {
        assert_eq!(on(&[], 0, 1), None);
        assert_eq!(on(&[1], 1, 1), None);
        assert_eq!(on(&[2, 2, 3], 2, 9), None);
        assert_eq!(pick(3, 0, 5, |_| None), None);
    }

    #[test]
    fn the_least_loaded_below_the_limit_whatever_the_seed() {
        for seed in 0..100 {
            assert_eq!(on(&[3, 2, 4, 1, 2], 4, seed), Some(3));
            assert_eq!(on(&[5, 5, 4, 5], 5, seed), Some(2));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_answer() {
        let loads = [0, 0, 0, 0, 0, 0, 0, 0];
        for seed in 0..50 {
            assert_eq!(on(&loads, 1, seed), on(&loads, 1, seed));
            assert_eq!(on(&loads, 0, seed), on(&loads, 0, seed));
        }
    }

    #[test]
    fn two_choices_keep_unlimited_loads_together() {
        let mut loads = vec![0_u32; 50];
        for seed in 0..5_000 {
            let index = on(&loads, 0, seed).unwrap_or_default();
            loads[index] += 1;
        }
        let (least, most) = (loads.iter().min().copied(), loads.iter().max().copied());
        assert!(most.unwrap_or(0) - least.unwrap_or(0) < 12, "{loads:?}");
    }

    #[test]
    fn an_unusable_one_is_passed_over() {
        for seed in 0..100 {
            assert_eq!(pick(2, 0, seed, |i| (i == 1).then_some(9)), Some(1));
            assert_eq!(pick(8, 0, seed, |i| (i == 5).then_some(9)), Some(5));
            assert_eq!(pick(8, 10, seed, |i| (i == 5).then_some(9)), Some(5));
        }
    }
}
