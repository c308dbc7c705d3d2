//! Who runs sandboxes: capacity, what is taken, and whether it answers. Fed by node sessions; knows no address family but IPv4.

use super::{Row, Shape};
use crate::policy::place::Room;
use crate::wire::{NodeFacts, SandboxKey};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Number in sandboxes' rows.
    pub number: u16,
    /// Name.
    pub name: String,
    /// What it said of itself last.
    pub facts: NodeFacts,
    /// Current session; `None` while it does not answer.
    pub session: Option<u64>,
    /// Unix milliseconds of its last word.
    pub heard_ms: u64,
    /// Since when its readiness is what it is, Unix seconds.
    pub changed_s: u32,
    /// Taken by hand from placement (`cordon`) or by a taint.
    pub closed: bool,
    /// Answers, or has been silent for less than the grace.
    pub ready: bool,
    /// Sandboxes by slot.
    pub slots: Vec<Option<Row>>,
    /// Placed sandboxes.
    pub used: u16,
    /// Their CPU requests in thousandths.
    pub used_cpu_milli: u64,
    /// Their memory requests in MiB.
    pub used_memory_mib: u64,
    /// `resourceVersion` of its last visible change.
    pub touched: u64,
    /// Its document was deleted; the number is kept for its name.
    pub dropped: bool,
    /// It has said in this run of the control plane what it runs: what it names later and we don't know is not wanted.
    pub(crate) joined: bool,
    /// Unix milliseconds when it was given up; 0 while it is not.
    pub(crate) lost_ms: u64,
    /// Sandboxes that we know no more but the node is still removing, with their slots: nobody gets those meanwhile.
    pub(crate) forgotten: BTreeMap<SandboxKey, u16>,
    next_slot: u16,
}

/// First slot of a sandbox: 0 is the network's address, 1 the bridge.
pub const SLOT_FIRST: u16 = 2;

impl Node {
    /// A node that has not been heard yet.
    #[must_use]
    pub fn new(number: u16, name: String, now_ms: u64) -> Node {
        Node {
            number,
            name,
            facts: NodeFacts::default(),
            session: None,
            heard_ms: now_ms,
            changed_s: (now_ms / 1000) as u32,
            closed: false,
            ready: false,
            slots: Vec::new(),
            used: 0,
            used_cpu_milli: 0,
            used_memory_mib: 0,
            touched: 0,
            dropped: false,
            joined: false,
            lost_ms: 0,
            forgotten: BTreeMap::new(),
            next_slot: SLOT_FIRST,
        }
    }

    /// Whether it may be given sandboxes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session.is_some() && self.ready && !self.closed
    }

    /// What is free, in the policy's terms.
    #[must_use]
    pub fn room(&self) -> Room {
        // More sandboxes than slots have no address.
        let pods_max = self.facts.pods_max.min(super::SLOTS_MAX - SLOT_FIRST);
        // What is left of 32 bits fits 32 bits.
        let free = |whole: u32, used: u64| u64::from(whole).saturating_sub(used) as u32;
        Room {
            node: self.number,
            pods_free: pods_max.saturating_sub(self.used),
            pods_max,
            cpu_free_milli: free(self.facts.cpu_milli, self.used_cpu_milli),
            cpu_milli: self.facts.cpu_milli,
            memory_free_mib: free(self.facts.memory_mib, self.used_memory_mib),
            memory_mib: self.facts.memory_mib,
        }
    }

    /// Counts a sandbox of this shape.
    pub(crate) fn take_room(&mut self, shape: &Shape) {
        self.used += 1;
        self.used_cpu_milli += u64::from(shape.cpu_milli);
        self.used_memory_mib += u64::from(shape.memory_mib);
    }

    /// Counts it no more.
    pub(crate) fn give_room(&mut self, shape: &Shape) {
        let (cpu, memory) = (u64::from(shape.cpu_milli), u64::from(shape.memory_mib));
        debug_assert!(
            self.used > 0 && self.used_cpu_milli >= cpu && self.used_memory_mib >= memory,
            "more given back than taken"
        );
        self.used = self.used.saturating_sub(1);
        self.used_cpu_milli = self.used_cpu_milli.saturating_sub(cpu);
        self.used_memory_mib = self.used_memory_mib.saturating_sub(memory);
    }

    /// Takes a free slot, never one that was given back a moment ago (the next free one in a circle).
    pub(crate) fn take_slot(&mut self, row: Row) -> Option<u16> {
        let span = super::SLOTS_MAX - SLOT_FIRST;
        for _ in 0..span {
            let slot = self.next_slot;
            let next = if slot + 1 >= super::SLOTS_MAX { SLOT_FIRST } else { slot + 1 };
            let claimed = self.claim_slot(slot, row);
            self.next_slot = next;
            if claimed {
                return Some(slot);
            }
        }
        None
    }

    /// Takes a given slot, for a sandbox that the node already runs.
    pub(crate) fn claim_slot(&mut self, slot: u16, row: Row) -> bool {
        if !(SLOT_FIRST..super::SLOTS_MAX).contains(&slot) {
            return false;
        }
        if self.slots.len() <= slot as usize {
            self.slots.resize(slot as usize + 1, None);
        }
        if self.slots[slot as usize].is_some() || self.forgotten.values().any(|taken| *taken == slot) {
            return false;
        }
        // Of a sandbox that the node already ran: slots below may have been given back a moment before we were started.
        self.next_slot = self.next_slot.max(slot);
        self.slots[slot as usize] = Some(row);
        true
    }

    /// Gives a slot back.
    pub(crate) fn free_slot(&mut self, slot: u16) {
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            debug_assert!(entry.is_some(), "a free slot was given back");
            *entry = None;
        }
    }

    /// Rows of its sandboxes.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.slots.iter().filter_map(|slot| *slot)
    }
}
