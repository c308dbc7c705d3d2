//! One sandbox, one row of 16 bytes: enough to derive a whole Pod. Whatever is rare lives in the overlay (`overlay.rs`).
//!
//! Written by the fleet commands only. Knows no name, no address and no clock: those are derived by others.

use crate::wire::{SandboxKey, SandboxState};

/// Largest `seq`: pod names carry it as five letters of an alphabet of 27.
pub const SEQ_MAX: u32 = 27 * 27 * 27 * 27 * 27 - 1;
/// Number of nodes that a row can name.
pub const NODES_MAX: u16 = 4095;
/// Number of slots of a node that a row can name (one is the network, one the bridge, one the broadcast address).
pub const SLOTS_MAX: u16 = 4094;
/// Generation of the last order about a sandbox: no earlier one can be newer.
pub const GENERATION_LAST: u32 = u32::MAX;
/// `node` of a sandbox that has none yet.
pub const NO_NODE: u16 = 4095;

/// Where a sandbox is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Wanted, but no node has room.
    Pending = 0,
    /// Ordered from a node.
    Creating = 1,
    /// Started, not ready.
    Running = 2,
    /// Serving.
    Ready = 3,
    /// Ended with code 0, not to be restarted.
    Succeeded = 4,
    /// Ended otherwise, not to be restarted.
    Failed = 5,
    /// Told to stop.
    Stopping = 6,
    /// Its node does not answer.
    Lost = 7,
}

impl Phase {
    fn from_bits(bits: u8) -> Phase {
        match bits {
            1 => Phase::Creating,
            2 => Phase::Running,
            3 => Phase::Ready,
            4 => Phase::Succeeded,
            5 => Phase::Failed,
            6 => Phase::Stopping,
            7 => Phase::Lost,
            _ => Phase::Pending,
        }
    }

    /// What a node's word means for the row; `None` where the row is to be removed.
    #[must_use]
    pub fn of(state: SandboxState) -> Option<Phase> {
        match state {
            SandboxState::Creating => Some(Phase::Creating),
            SandboxState::Running => Some(Phase::Running),
            SandboxState::Ready => Some(Phase::Ready),
            SandboxState::Succeeded => Some(Phase::Succeeded),
            SandboxState::Failed => Some(Phase::Failed),
            SandboxState::Gone => None,
        }
    }

    /// Neither ended nor told to stop: counts as a replica.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Phase::Pending | Phase::Creating | Phase::Running | Phase::Ready | Phase::Lost)
    }
}

/// The row. Bits, from the low end: revision 24, seq 24, created 32, node 12, slot 12, phase 4, lag 12, generation 8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sandbox([u32; 4]);

const _: () = assert!(core::mem::size_of::<Sandbox>() == 16);

impl core::fmt::Debug for Sandbox {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}/{} {:?} node {} slot {}", self.revision(), self.seq(), self.phase(), self.node(), self.slot())
    }
}

impl Sandbox {
    /// A new row: pending, without a node.
    #[must_use]
    pub fn new(key: SandboxKey, created_s: u32) -> Sandbox {
        let mut row = Sandbox([0; 4]);
        row.put(0, 24, key.revision);
        row.put(24, 24, key.seq);
        row.put(48, 32, created_s);
        row.put(80, 12, u32::from(NO_NODE));
        row
    }

    fn bits(self) -> u128 {
        u128::from(self.0[0]) | u128::from(self.0[1]) << 32 | u128::from(self.0[2]) << 64 | u128::from(self.0[3]) << 96
    }

    #[allow(clippy::cast_possible_truncation)] // masked to `width` bits, at most 32
    fn get(self, at: u32, width: u32) -> u32 {
        (self.bits() >> at & ((1u128 << width) - 1)) as u32
    }

    #[allow(clippy::cast_possible_truncation)] // the four words of the row
    fn put(&mut self, at: u32, width: u32, value: u32) {
        let mask = ((1u128 << width) - 1) << at;
        let bits = self.bits() & !mask | (u128::from(value) << at) & mask;
        self.0 = [bits as u32, (bits >> 32) as u32, (bits >> 64) as u32, (bits >> 96) as u32];
    }

    /// Number of the revision.
    #[must_use]
    pub fn revision(self) -> u32 {
        self.get(0, 24)
    }
    /// Number within the revision.
    #[must_use]
    pub fn seq(self) -> u32 {
        self.get(24, 24)
    }
    /// Both.
    #[must_use]
    pub fn key(self) -> SandboxKey {
        SandboxKey { revision: self.revision(), seq: self.seq() }
    }
    /// Unix seconds (until 2106).
    #[must_use]
    pub fn created_s(self) -> u32 {
        self.get(48, 32)
    }
    /// Number of the node, [`NO_NODE`] if none.
    #[must_use]
    pub fn node(self) -> u16 {
        self.get(80, 12) as u16
    }
    /// Whether a node was found.
    #[must_use]
    pub fn is_placed(self) -> bool {
        self.node() != NO_NODE
    }
    /// Slot on the node; the address is the node's network plus this.
    #[must_use]
    pub fn slot(self) -> u16 {
        self.get(92, 12) as u16
    }
    /// Phase.
    #[must_use]
    pub fn phase(self) -> Phase {
        Phase::from_bits(self.get(104, 4) as u8)
    }
    /// Unix seconds when it last changed between ready and not (or started), at most 4095 s after `created_s`.
    #[must_use]
    pub fn changed_s(self) -> u32 {
        self.created_s().saturating_add(self.get(108, 12))
    }
    /// Generation of orders about it. What no longer fits its eight bits is [`GENERATION_LAST`], so that it never goes back.
    #[must_use]
    pub fn generation(self) -> u32 {
        match self.get(120, 8) {
            0xff => GENERATION_LAST,
            generation => generation,
        }
    }

    /// Gives it a place.
    pub fn place(&mut self, node: u16, slot: u16) {
        self.put(80, 12, u32::from(node));
        self.put(92, 12, u32::from(slot));
    }
    /// Moves it to another phase at a time.
    pub fn enter(&mut self, phase: Phase, now_s: u32) {
        self.put(104, 4, phase as u32);
        self.put(108, 12, now_s.saturating_sub(self.created_s()).min(4095));
    }
    /// A later order about it supersedes what was said before.
    pub fn next_generation(&mut self) {
        self.put(120, 8, (self.get(120, 8) + 1).min(0xff));
    }
    /// No later order will follow.
    pub fn last_generation(&mut self) {
        self.put(120, 8, 0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let key = SandboxKey { revision: 0xff_fffe, seq: SEQ_MAX };
        let mut row = Sandbox::new(key, u32::MAX - 9);
        assert_eq!((row.key(), row.created_s(), row.is_placed(), row.phase()), (key, u32::MAX - 9, false, Phase::Pending));
        row.place(4094, 4093);
        row.enter(Phase::Ready, u32::MAX);
        row.next_generation();
        assert_eq!((row.node(), row.slot(), row.phase(), row.generation()), (4094, 4093, Phase::Ready, 1));
        assert_eq!((row.key(), row.created_s(), row.changed_s()), (key, u32::MAX - 9, u32::MAX));
        row.enter(Phase::Stopping, u32::MAX);
        assert_eq!((row.phase(), row.slot()), (Phase::Stopping, 4093));
        (0..300).for_each(|_| row.next_generation());
        assert_eq!((row.generation(), row.key()), (GENERATION_LAST, key));
    }
}
