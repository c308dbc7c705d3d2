//! The sandboxes of one revision, in lanes by phase; in each lane in the order in which they came into that phase.
//!
//! Who goes first is at the end of a lane, so scaling down needs no sort. Adding and removing cost the same for one sandbox and
//! for a million: a sandbox knows its position (`Sandboxes::at`), a removed one leaves a hole, and a lane that is mostly holes
//! is closed up. Four bytes here and four for the position, besides what the growth of a lane keeps in reserve.

use super::{Phase, Row};
use alloc::{boxed::Box, vec::Vec};

/// A removed entry; no table has so many rows.
const HOLE: Row = Row::MAX;
/// Lanes: ready, running, creating, lost, pending, stopping, ended.
const LANES: usize = 7;
/// Holes that are not worth closing up.
const HOLES_MIN: usize = 32;

#[derive(Clone, Debug, Default)]
struct Lane {
    rows: Vec<Row>,
    live: usize,
}

/// The sandboxes of one revision.
#[derive(Clone, Debug, Default)]
pub struct Members {
    lanes: Option<Box<[Lane; LANES]>>,
    len: usize,
}

fn lane_of(phase: Phase) -> usize {
    match phase {
        Phase::Ready => 0,
        Phase::Running => 1,
        Phase::Creating => 2,
        Phase::Lost => 3,
        Phase::Pending => 4,
        Phase::Stopping => 5,
        Phase::Succeeded | Phase::Failed => 6,
    }
}

impl Members {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// None.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One of them, the one that has come furthest.
    #[must_use]
    pub fn first(&self) -> Option<&Row> {
        self.iter().next()
    }

    /// All of them; lane by lane, so not in the order of their numbers.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        let lanes: &[Lane] = self.lanes.as_ref().map_or(&[], |lanes| lanes.as_slice());
        Iter { lanes: lanes.iter(), rows: [].iter() }
    }

    /// Those in a phase (ended ones share a lane), the latest first.
    pub fn latest(&self, phase: Phase) -> impl Iterator<Item = Row> + '_ {
        let lane = self.lanes.as_ref().map(|lanes| &lanes[lane_of(phase)]);
        lane.into_iter().flat_map(|lane| lane.rows.iter().rev()).copied().filter(|row| *row != HOLE)
    }

    /// How many are in a phase (ended ones count together).
    #[must_use]
    pub fn count(&self, phase: Phase) -> usize {
        self.lanes.as_ref().map_or(0, |lanes| lanes[lane_of(phase)].live)
    }

    /// Whether both phases have one lane, so that a move between them changes nothing here.
    pub(crate) fn same_lane(a: Phase, b: Phase) -> bool {
        lane_of(a) == lane_of(b)
    }

    /// Adds a sandbox at the end of its lane. Returns its position there.
    pub(crate) fn push(&mut self, phase: Phase, row: Row) -> u32 {
        let lane = &mut self.lanes.get_or_insert_default()[lane_of(phase)];
        if lane.rows.len() == lane.rows.capacity() {
            // A quarter at a time instead of doubling: the reserve is memory of a sandbox, too.
            lane.rows.reserve_exact((lane.rows.len() / 4).max(4));
        }
        lane.rows.push(row);
        lane.live += 1;
        self.len += 1;
        // Positions are below the number of rows, which are 32 bits wide.
        (lane.rows.len() - 1) as u32
    }

    /// Removes the sandbox at a position. Those that move while the lane is closed up are told to `moved`.
    pub(crate) fn take(&mut self, phase: Phase, row: Row, at: u32, mut moved: impl FnMut(Row, u32)) {
        let Some(lanes) = &mut self.lanes else { return };
        let lane = &mut lanes[lane_of(phase)];
        let found = lane.rows.get(at as usize) == Some(&row);
        debug_assert!(found, "a sandbox is not where its position says");
        if !found {
            return;
        }
        lane.rows[at as usize] = HOLE;
        lane.live -= 1;
        self.len -= 1;
        while lane.rows.last() == Some(&HOLE) {
            lane.rows.pop();
        }
        if lane.rows.len() > lane.live * 2 + HOLES_MIN {
            lane.rows.retain(|row| *row != HOLE);
            for (at, row) in lane.rows.iter().enumerate() {
                moved(*row, at as u32);
            }
        }
        if lane.rows.capacity() > lane.rows.len() * 4 + HOLES_MIN {
            lane.rows.shrink_to(lane.rows.len() * 2);
        }
        if self.len == 0 {
            self.lanes = None;
        }
    }
}

/// See [`Members::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    lanes: core::slice::Iter<'a, Lane>,
    rows: core::slice::Iter<'a, Row>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Row;

    fn next(&mut self) -> Option<&'a Row> {
        loop {
            if let Some(row) = self.rows.find(|row| **row != HOLE) {
                return Some(row);
            }
            self.rows = self.lanes.next()?.rows.iter();
        }
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = &'a Row;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Members {
    type Item = Row;
    type IntoIter = alloc::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().copied().collect::<Vec<Row>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn keeps_the_order_of_arrival_and_closes_up() {
        let mut members = Members::default();
        let mut at: Vec<u32> = (0..1000).map(|row| members.push(Phase::Ready, row)).collect();
        for row in (0..1000).filter(|row| row % 10 != 0) {
            let here = at[row as usize];
            members.take(Phase::Ready, row, here, |row, now| at[row as usize] = now);
        }
        let expected: Vec<Row> = (0..1000).step_by(10).collect();
        assert_eq!(members.iter().copied().collect::<Vec<_>>(), expected);
        assert_eq!(members.latest(Phase::Ready).take(2).collect::<Vec<_>>(), vec![990, 980]);
        assert!(members.lanes.as_ref().is_some_and(|lanes| lanes[0].rows.len() <= 232), "holes are closed up");
        for row in expected {
            let here = at[row as usize];
            members.take(Phase::Ready, row, here, |row, now| at[row as usize] = now);
        }
        assert!(members.is_empty() && members.lanes.is_none());
    }
}
