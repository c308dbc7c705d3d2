//! A function (what is wanted) and its revisions (what a sandbox runs), with the counters from which every status is made.
//!
//! Fed by `put_function`/`put_revision`, which the house derives from documents; the counters are moved by the turn alone.

use super::Row;
use crate::policy::rollout::Settled;
use crate::policy::scale::{ScaleSettings, ScaleState};
use crate::wire::ContainerReport;
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};

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
    /// Unix seconds when `progress` became what it is.
    pub progress_since_s: u32,
    /// Unix seconds when it last moved.
    pub progress_moved_s: u32,
    /// Enough replicas are available.
    pub available: bool,
    /// Unix seconds when `available` last changed.
    pub available_since_s: u32,
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
    /// Its sandboxes, oldest first.
    pub members: Vec<Row>,
    /// Counters over `members`.
    pub counts: Counts,
    /// Ready sandboxes too young to be available: when each becomes so, Unix seconds, in order.
    pub maturing: VecDeque<(u32, u32)>,
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
    pub(crate) next_seq: u32,
}
