//! Which node takes the next sandbox.
//!
//! Fed by the engine's turn, whose node records say what is free (they change with every sandbox, so nothing is recounted
//! here); knows plain numbers, no node names and no selectors: a node that must not be used is simply not shown. Of a fleet of
//! up to [`SAMPLE_NODES`] all nodes are compared; of a larger one a seeded, rotating sample, which bounds the cost of a
//! placement while nodes have room. Only when the whole sample is full are the other nodes looked at, until one fits.

use super::{below, scatter};

/// Nodes compared for one placement.
pub const SAMPLE_NODES: usize = 32;

/// What one sandbox asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// CPU request in thousandths of a core.
    pub cpu_milli: u32,
    /// Memory request in MiB.
    pub memory_mib: u32,
}

/// What a node can hold and what is free of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The node's number.
    pub node: u16,
    /// Sandboxes that still fit.
    pub pods_free: u16,
    /// Sandboxes that fit on the empty node.
    pub pods_max: u16,
    /// Free CPU in thousandths of a core.
    pub cpu_free_milli: u32,
    /// All CPU.
    pub cpu_milli: u32,
    /// Free memory in MiB.
    pub memory_free_mib: u32,
    /// All memory.
    pub memory_mib: u32,
}

/// How good a node is: the smallest wins, and the order of the fields is the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score {
    /// Part of the scarcest resource taken after the placement, in thirty-seconds: coarse, so that nodes that are about
    /// equally loaded are told apart by the next field.
    pub allocated_32nds: u32,
    /// Sandboxes of the same revision already there.
    pub siblings: u32,
    /// The exact part, in thousandths.
    pub allocated_milli: u32,
    /// The node's number, so that equals have an order.
    pub node: u16,
}

impl Room {
    /// Whether one more of `ask` fits.
    #[must_use]
    pub fn fits(&self, ask: Ask) -> bool {
        self.pods_free > 0 && ask.cpu_milli <= self.cpu_free_milli && ask.memory_mib <= self.memory_free_mib
    }

    /// How good the node is for one more of `ask`, which fits.
    #[must_use]
    pub fn score(&self, ask: Ask, siblings: u32) -> Score {
        let cpu = taken_milli(self.cpu_free_milli.saturating_sub(ask.cpu_milli), self.cpu_milli);
        let memory = taken_milli(self.memory_free_mib.saturating_sub(ask.memory_mib), self.memory_mib);
        let pods = taken_milli(u32::from(self.pods_free.saturating_sub(1)), u32::from(self.pods_max));
        let allocated_milli = cpu.max(memory).max(pods);
        Score { allocated_32nds: allocated_milli * 32 / 1000, siblings, allocated_milli, node: self.node }
    }
}

/// What is not free, in thousandths. Of nothing, nothing is taken.
fn taken_milli(free: u32, whole: u32) -> u32 {
    let taken = u64::from(whole.saturating_sub(free)) * 1000;
    // A part of the whole: at most 1000.
    taken.checked_div(u64::from(whole)).unwrap_or(0) as u32
}

/// The node for one more sandbox among `count`; `None` when it fits nowhere. `room(i)` is the `i`th node, or `None` when that
/// takes no sandboxes of this kind. The same rooms, `ask` and seed give the same node.
#[must_use]
pub fn choose(count: usize, seed: u64, ask: Ask, room: impl Fn(usize) -> Option<Room>) -> Option<u16> {
    choose_apart(count, seed, ask, room, |_| 0)
}

/// As [`choose`]; among about equally loaded nodes the one with the fewest `siblings(node)` is taken.
#[must_use]
pub fn choose_apart(
    count: usize,
    seed: u64,
    ask: Ask,
    room: impl Fn(usize) -> Option<Room>,
    siblings: impl Fn(u16) -> u32,
) -> Option<u16> {
    let start = if count <= SAMPLE_NODES { 0 } else { below(scatter(seed), count) };
    let mut best: Option<Score> = None;
    for (compared, index) in (start..count).chain(0..start).enumerate() {
        if compared >= SAMPLE_NODES && best.is_some() {
            break;
        }
        let Some(room) = room(index).filter(|room| room.fits(ask)) else { continue };
        let score = room.score(ask, siblings(room.node));
        if best.is_none_or(|least| score < least) {
            best = Some(score);
        }
    }
    best.map(|score| score.node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn fleet(nodes: u16, cpu_milli: u32, memory_mib: u32, pods_max: u16) -> Vec<Room> {
        (0..nodes)
            .map(|node| Room {
                node,
                pods_free: pods_max,
                pods_max,
                cpu_free_milli: cpu_milli,
                cpu_milli,
                memory_free_mib: memory_mib,
                memory_mib,
            })
            .collect()
    }

    fn place(fleet: &mut [Room], seed: u64, ask: Ask) -> Option<u16> {
        let node = choose(fleet.len(), seed, ask, |index| fleet.get(index).copied())?;
        let room = &mut fleet[usize::from(node)];
        // Panics below zero, in tests.
        room.pods_free -= 1;
        room.cpu_free_milli -= ask.cpu_milli;
        room.memory_free_mib -= ask.memory_mib;
        Some(node)
    }

    #[test]
    fn never_exceeds_any_capacity_and_fills_the_last_place() {
        for (cpu, memory, pods, ask, each) in [
            (1000, 10_000, 100, Ask { cpu_milli: 300, memory_mib: 10 }, 3),
            (100_000, 1000, 100, Ask { cpu_milli: 1, memory_mib: 250 }, 4),
            (100_000, 100_000, 5, Ask::default(), 5),
            (0, 0, 7, Ask::default(), 7),
        ] {
            let mut fleet = fleet(100, cpu, memory, pods);
            let placed = (0..).take_while(|&seed| place(&mut fleet, seed, ask).is_some()).count();
            assert_eq!(placed, 100 * each);
        }
        assert_eq!(choose(0, 1, Ask::default(), |_| None), None);
    }

    #[test]
    fn the_same_seeds_give_the_same_nodes() {
        let run = || -> Vec<Option<u16>> {
            let mut fleet = fleet(1000, 4000, 4096, 50);
            (0..3000).map(|seed| place(&mut fleet, seed, Ask { cpu_milli: 100, memory_mib: 64 })).collect()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn a_revision_spreads_over_about_equally_loaded_nodes() {
        let mut fleet = fleet(10, 64_000, 64_000, 1000);
        fleet[3].cpu_free_milli -= 500;
        let mut siblings = vec![0_u32; 10];
        for seed in 0..30 {
            let ask = Ask { cpu_milli: 10, memory_mib: 10 };
            let there = |node: u16| siblings.get(usize::from(node)).copied().unwrap_or_default();
            let node = choose_apart(10, seed, ask, |index| fleet.get(index).copied(), there);
            siblings[usize::from(node.unwrap_or_default())] += 1;
        }
        assert_eq!(siblings, vec![3; 10]);
    }

    #[test]
    fn a_large_fleet_stays_level() {
        let mut fleet = fleet(1000, 10_000, 10_000, 1000);
        for seed in 0..20_000 {
            place(&mut fleet, seed, Ask { cpu_milli: 100, memory_mib: 10 });
        }
        let least = fleet.iter().map(|room| room.pods_free).min();
        assert!(least >= Some(1000 - 26), "{least:?}");
    }

    #[test]
    fn a_node_that_is_not_shown_takes_nothing() {
        let fleet = fleet(4, 1000, 1000, 10);
        for seed in 0..10 {
            let node = choose(4, seed, Ask::default(), |index| fleet.get(index).copied().filter(|room| room.node == 2));
            assert_eq!(node, Some(2));
        }
    }

    #[test]
    fn the_less_allocated_node_goes_before_the_one_without_siblings() {
        let mut fleet = fleet(2, 1000, 1000, 10);
        fleet[0].cpu_free_milli = 200;
        let ask = Ask { cpu_milli: 10, memory_mib: 0 };
        let node = choose_apart(2, 0, ask, |index| fleet.get(index).copied(), u32::from);
        assert_eq!(node, Some(1));
    }
}
