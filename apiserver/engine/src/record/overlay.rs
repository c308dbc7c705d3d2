//! What is rare about a sandbox: containers that failed or were restarted, a deletion under way, metadata edited by hand.
//! Sparse, memory only. Fed by reports and by the few commands that edit a sandbox.

use crate::wire::{ContainerReport, SandboxKey, Stages};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The rare part of a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Container states whenever they are not all "running since `changed_s`, never restarted".
    pub containers: Arc<[ContainerReport]>,
    /// Unix seconds when a deletion was asked for, and the grace in seconds.
    pub deletion: Option<(u32, u32)>,
    /// Metadata edited by hand on the derived object, opaque bytes.
    pub metadata: Option<Arc<[u8]>>,
    /// Whether it was ready when it was told to stop (endpoints keep it as serving while terminating), or when its node fell
    /// silent (it is taken for ready again if the node speaks on).
    pub was_ready: bool,
}

impl Overlay {
    /// Nothing in it: need not be kept.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.containers.is_empty() && self.deletion.is_none() && self.metadata.is_none() && !self.was_ready
    }
}

/// Stage times of starts that a gateway may still ask for; at most [`STAGES_MAX`], the oldest is forgotten first.
#[derive(Debug, Default)]
pub struct RecentStages {
    by_key: BTreeMap<SandboxKey, Stages>,
    order: VecDeque<SandboxKey>,
}

/// Starts whose stage times are remembered; older ones show as zero.
pub const STAGES_MAX: usize = 4096;

impl RecentStages {
    /// Remembers.
    pub fn put(&mut self, key: SandboxKey, stages: Stages) {
        if self.by_key.insert(key, stages).is_some() {
            return; // its place in the order stays
        }
        self.order.push_back(key);
        if self.order.len() > STAGES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    /// The stage times of a start, zero if forgotten.
    #[must_use]
    pub fn get(&self, key: SandboxKey) -> Stages {
        self.by_key.get(&key).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_start_is_forgotten() {
        let mut recent = RecentStages::default();
        let stages = |network_us| Stages { network_us, ..Stages::default() };
        for seq in 0..=4096 {
            recent.put(SandboxKey { revision: 1, seq }, stages(seq + 1));
        }
        let get = |seq| recent.get(SandboxKey { revision: 1, seq }).network_us;
        assert_eq!((get(0), get(1), get(4096)), (0, 2, 4097));
    }
}
