//! A function (what is wanted) and its revisions (what a sandbox runs), with the counters from which every status is made.
//!
//! Fed by `put_function`/`put_revision`, which the house derives from documents; the counters are moved by the turn alone.

use super::{Members, Sandbox};
use crate::policy::rollout::Settled;
use crate::policy::scale::{ScaleSettings, ScaleState};
use crate::wire::ContainerReport;
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

/// How a function's sandboxes are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// So many, moved from old revisions to the current one within these bounds (a Deployment).
    Rolling {
        /// Replicas.
        wanted: u32,
        /// How many above `wanted`.
        surge: u32,
        /// How many below `wanted` may be ready.
        unavailable: u32,
        /// Old ones go first, all of them.
        recreate: bool,
        /// Revisions are left alone; only the number follows.
        paused: bool,
        /// Seconds without progress until it is called failed; 0 for never.
        deadline_s: u32,
    },
    /// So many of the one revision (a ReplicaSet of its own).
    Fixed {
        /// Replicas.
        wanted: u32,
    },
    /// One sandbox, never replaced (a Pod of its own).
    Single,
    /// As traffic asks (a Knative Revision).
    Autoscaled(ScaleSettings),
}

/// How a rolling function stands, for its conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A revision was just made.
    Created,
    /// Replicas are being moved.
    Moving,
    /// All replicas are of the current revision and available.
    Done,
    /// Nothing moved for the whole deadline.
    Late,
}

/// Sandboxes of all revisions of a function, as its status says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sums over all revisions.
    pub all: Counts,
    /// Of the current revision.
    pub updated: Counts,
}

impl Tally {
    /// Whether this is progress since `before` (upstream's `DeploymentProgressing`).
    #[must_use]
    pub fn is_ahead_of(&self, before: &Tally) -> bool {
        let old = |tally: &Tally| tally.all.active - tally.updated.active;
        self.updated.active > before.updated.active
            || old(self) < old(before)
            || self.all.ready > before.all.ready
            || self.all.available > before.all.available
    }
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Durable number.
    pub serial: u32,
    /// What is wanted.
    pub plan: Plan,
    /// Revisions, oldest first.
    pub revisions: Vec<u32>,
    /// The revision that new sandboxes belong to, 0 if none.
    pub current: u32,
    /// `resourceVersion` of its last visible change.
    pub touched: u64,
    /// What the counts of a rolling function were last set for.
    pub settled: Option<Settled>,
    /// See [`Progress`].
    pub progress: Progress,
    /// Unix seconds when `progress` last turned between late (or paused) and not.
    pub progress_since_s: u32,
    /// Unix seconds of the last progress.
    pub progress_moved_s: u32,
    /// Enough replicas are available.
    pub available: bool,
    /// Unix seconds when `available` last changed.
    pub available_since_s: u32,
    /// The counts at its last visible change.
    pub seen: Tally,
}

/// What a sandbox of a revision needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// CPU request in thousandths.
    pub cpu_milli: u32,
    /// Memory request in MiB.
    pub memory_mib: u32,
    /// Grace at the end in seconds.
    pub grace_s: u32,
    /// Seconds of readiness until it counts as available.
    pub min_ready_s: u32,
    /// A sandbox that ended is replaced (false for a single Pod).
    pub replaced: bool,
    /// Placed by the caller on this node, not by the policy (`spec.nodeName`); [`super::NO_NODE`] if not.
    pub node: u16,
    /// Not to be placed yet (`spec.schedulingGates`, another scheduler's name).
    pub held: bool,
}

/// Sandboxes of a revision by what they count as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Active: neither ended nor told to stop.
    pub active: u32,
    /// Of them ready.
    pub ready: u32,
    /// Of them ready for `min_ready_s`.
    pub available: u32,
    /// Told to stop, not yet gone.
    pub stopping: u32,
}

/// Why sandboxes of a revision do not come up.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The container that says so.
    pub container: ContainerReport,
    /// Unix seconds when it was first seen.
    pub since_s: u32,
}

/// A revision.
#[derive(Debug)]
pub struct Revision {
    /// Durable number.
    pub serial: u32,
    /// Its function's number.
    pub function: u32,
    /// What a sandbox needs.
    pub shape: Shape,
    /// How many it should have now.
    pub desired: u32,
    /// Its sandboxes.
    pub members: Members,
    /// Counters over `members`.
    pub counts: Counts,
    /// Ready sandboxes too young to be available: how many become so when, Unix seconds.
    pub maturing: BTreeMap<u32, u32>,
    /// `resourceVersion` of its last visible change.
    pub touched: u64,
    /// Autoscaling state.
    pub scale: Option<Box<ScaleState>>,
    /// Unix seconds when it first had a ready sandbox; 0 for never.
    pub first_ready_s: u32,
    /// Unix seconds when `counts.active` last moved between none and some (activity).
    pub active_changed_s: u32,
    /// Why sandboxes do not come up.
    pub failure: Option<Arc<Failure>>,
    /// Requests waiting at gateways.
    pub waiting: u32,
    /// A sandbox that is never replaced has been made.
    pub(crate) made: bool,
    /// It was there before this run of the control plane: what it runs is told by nodes.
    pub(crate) inherited: bool,
    pub(crate) next_seq: u32,
}

impl Revision {
    /// A sandbox became ready. Until it has been so for `min_ready_s`, it is not available.
    pub(crate) fn readied(&mut self, sandbox: Sandbox, now_s: u32) {
        let at_s = sandbox.changed_s().saturating_add(self.shape.min_ready_s);
        if at_s <= now_s {
            self.counts.available += 1;
        } else {
            *self.maturing.entry(at_s).or_default() += 1;
        }
    }

    /// A ready sandbox is so no more: it leaves the young ones, or the available ones if its time had come.
    pub(crate) fn unreadied(&mut self, sandbox: Sandbox) {
        let at_s = sandbox.changed_s().saturating_add(self.shape.min_ready_s);
        match self.maturing.get_mut(&at_s) {
            Some(1) => drop(self.maturing.remove(&at_s)),
            Some(count) => *count -= 1,
            None => {
                debug_assert!(self.counts.available > 0, "a ready sandbox was counted nowhere");
                self.counts.available = self.counts.available.saturating_sub(1);
            }
        }
    }
}
