//! Sandboxes without a node, by what they wait for: room of some size anywhere, one node, or a word from outside.
//!
//! Whoever waits behind somebody of the same size is not tried, so a turn with a hundred thousand waiting looks at the first
//! of each size only. Within a size the oldest goes first.

use super::{NO_NODE, Row, Shape};
use crate::policy::place::Ask;
use alloc::collections::{BTreeMap, BTreeSet};

/// Sizes that are compared for one free place; with more, the next free place begins where this one ended.
pub(crate) const SIZES_MAX: usize = 64;

/// CPU in thousandths and memory in MiB.
pub(crate) type Size = (u32, u32);
type Queue = BTreeSet<(u32, Row)>;

/// All sandboxes without a node.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    open: BTreeMap<Size, Queue>,
    pinned: BTreeMap<u16, Queue>,
    held: Queue,
    cursor: Size,
    len: usize,
}

pub(crate) fn size_of(shape: &Shape) -> Size {
    (shape.cpu_milli, shape.memory_mib)
}

pub(crate) fn ask_of(size: Size) -> Ask {
    Ask { cpu_milli: size.0, memory_mib: size.1 }
}

impl Pending {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.len
    }

    fn queue(&mut self, shape: &Shape) -> &mut Queue {
        if shape.held {
            &mut self.held
        } else if shape.node != NO_NODE {
            self.pinned.entry(shape.node).or_default()
        } else {
            self.open.entry(size_of(shape)).or_default()
        }
    }

    pub fn insert(&mut self, shape: &Shape, created_s: u32, row: Row) {
        if self.queue(shape).insert((created_s, row)) {
            self.len += 1;
        }
    }

    pub fn remove(&mut self, shape: &Shape, created_s: u32, row: Row) {
        let queue = self.queue(shape);
        let (found, empty) = (queue.remove(&(created_s, row)), queue.is_empty());
        self.len -= usize::from(found);
        match shape {
            _ if !empty => {}
            Shape { held: true, .. } => {}
            Shape { node: NO_NODE, .. } => drop(self.open.remove(&size_of(shape))),
            Shape { node, .. } => drop(self.pinned.remove(node)),
        }
    }

    /// Whether a sandbox waits, and where it should.
    pub fn contains(&self, shape: &Shape, created_s: u32, row: Row) -> bool {
        let queue = match shape {
            Shape { held: true, .. } => Some(&self.held),
            Shape { node: NO_NODE, .. } => self.open.get(&size_of(shape)),
            Shape { node, .. } => self.pinned.get(node),
        };
        queue.is_some_and(|queue| queue.contains(&(created_s, row)))
    }

    /// Whether a new one of this shape has to wait behind others.
    pub fn blocks(&self, shape: &Shape) -> bool {
        shape.held
            || if shape.node == NO_NODE { self.open.contains_key(&size_of(shape)) } else { self.pinned.contains_key(&shape.node) }
    }

    /// The oldest that waits for this node.
    pub fn first_pinned(&self, node: u16) -> Option<Row> {
        self.pinned.get(&node)?.first().map(|(_, row)| *row)
    }

    /// The oldest of a size.
    pub fn first_of(&self, size: Size) -> Option<Row> {
        self.open.get(&size)?.first().map(|(_, row)| *row)
    }

    /// The oldest that fits, among the next [`SIZES_MAX`] sizes.
    pub fn oldest(&mut self, fits: impl Fn(Ask) -> bool) -> Option<Row> {
        let from = if self.open.len() > SIZES_MAX { self.cursor } else { (0, 0) };
        let mut best: Option<(u32, Row)> = None;
        let mut last = from;
        for (size, queue) in self.open.range(from..).chain(self.open.range(..from)).take(SIZES_MAX) {
            last = *size;
            if let Some(head) = queue.first().filter(|head| fits(ask_of(*size)) && best.is_none_or(|b| **head < b)) {
                best = Some(*head);
            }
        }
        self.cursor = last;
        best.map(|(_, row)| row)
    }

    /// One size after the other, at each call the next.
    pub fn next_size(&mut self) -> Option<Size> {
        let after = (core::ops::Bound::Excluded(self.cursor), core::ops::Bound::Unbounded);
        let size = self.open.range(after).next().or_else(|| self.open.first_key_value()).map(|(size, _)| *size)?;
        self.cursor = size;
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_fits_goes_first_and_equals_wait_in_line() {
        let shape = |cpu_milli| Shape { cpu_milli, node: NO_NODE, ..Shape::default() };
        let mut pending = Pending::default();
        pending.insert(&shape(500), 1, 7);
        pending.insert(&shape(100), 2, 8);
        pending.insert(&shape(100), 3, 9);
        assert!(pending.blocks(&shape(100)) && !pending.blocks(&shape(200)));
        assert_eq!(pending.oldest(|_| true), Some(7));
        assert_eq!(pending.oldest(|ask| ask.cpu_milli <= 100), Some(8));
        pending.remove(&shape(500), 1, 7);
        pending.remove(&shape(500), 1, 7);
        assert_eq!((pending.len(), pending.oldest(|ask| ask.cpu_milli > 100)), (2, None));
        pending.insert(&Shape { node: 4, ..shape(1) }, 1, 5);
        pending.insert(&Shape { held: true, ..shape(1) }, 1, 6);
        assert_eq!((pending.first_pinned(4), pending.first_pinned(5), pending.len()), (Some(5), None, 4));
    }
}
