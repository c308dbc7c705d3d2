//! What is rare about a sandbox: containers that failed or were restarted, a deletion under way, metadata edited by hand.
//! Sparse, memory only. Fed by reports and by the few commands that edit a sandbox.

use crate::wire::{ContainerReport, Stages};
use alloc::{sync::Arc, vec::Vec};

/// The rare part of a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Container states whenever they are not all "running since `changed_s`, never restarted".
    pub containers: Arc<[ContainerReport]>,
    /// Unix seconds when a deletion was asked for, and the grace in seconds.
    pub deletion: Option<(u32, u32)>,
    /// Metadata edited by hand on the derived object, opaque bytes.
    pub metadata: Option<Arc<[u8]>>,
    /// Whether it was ready when it was told to stop (endpoints keep it as serving while terminating).
    pub was_ready: bool,
}

impl Overlay {
    /// Nothing in it: need not be kept.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.containers.is_empty() && self.deletion.is_none() && self.metadata.is_none() && !self.was_ready
    }
}

/// Stage times of starts that a gateway may still ask for, newest last; at most [`STAGES_MAX`].
#[derive(Debug, Default)]
pub struct RecentStages {
    ring: Vec<(crate::wire::SandboxKey, Stages)>,
    next: usize,
}

/// Starts whose stage times are remembered; older ones show as zero.
pub const STAGES_MAX: usize = 4096;

impl RecentStages {
    /// Remembers.
    pub fn put(&mut self, key: crate::wire::SandboxKey, stages: Stages) {
        if self.ring.len() < STAGES_MAX {
            self.ring.push((key, stages));
        } else {
            self.ring[self.next] = (key, stages);
            self.next = (self.next + 1) % STAGES_MAX;
        }
    }

    /// The stage times of a start, zero if forgotten.
    #[must_use]
    pub fn get(&self, key: crate::wire::SandboxKey) -> Stages {
        self.ring.iter().rev().find(|(k, _)| *k == key).map(|(_, s)| *s).unwrap_or_default()
    }
}
