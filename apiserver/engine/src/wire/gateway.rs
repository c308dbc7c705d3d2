//! The session with a gateway: routes downwards, load upwards. Layout only; see [`super`].

use super::{SandboxKey, Stages};
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Control plane to gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Route {
    /// First frame of a session; afterwards everything is sent whole once, ended by [`Route::Synced`].
    Welcome {
        /// As in [`Order::Welcome`].
        epoch: u64,
    },
    /// All revisions and hosts have been sent; what was not sent in this session no longer exists.
    Synced,
    /// Where a host leads; replaces what was said of the host before.
    Host(HostRoute),
    /// The host leads nowhere any more.
    DropHost {
        /// The host.
        host: String,
    },
    /// A revision's serving rules; replaces.
    Revision(RevisionRoute),
    /// The revision is gone.
    DropRevision {
        /// Its number.
        revision: u32,
    },
    /// Ready sandboxes of a revision; replaces the list.
    Endpoints {
        /// The revision.
        revision: u32,
        /// Key, address in host order, port, and the node's stage times of the start where known.
        endpoints: Vec<Endpoint>,
    },
    /// How far a cold start has come, for the breakdown of waiting requests.
    Progress {
        /// The revision.
        revision: u32,
        /// Microseconds in the control plane from the report to the decision, and from there to the order.
        decided_us: u32,
        /// See `decided_us`.
        ordered_us: u32,
    },
    /// The revision can't start (image pull, crash): answer waiting requests with 502/503 and this text instead of waiting on.
    Failing {
        /// The revision.
        revision: u32,
        /// Reason and message; empty when it can start again.
        message: String,
    },
    /// Are you there? Answered with [`Load::Beat`].
    Ping,
}

/// One ready sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Who.
    pub key: SandboxKey,
    /// Address, host order.
    pub address: u32,
    /// Port.
    pub port: u16,
    /// Stage times of its start.
    pub stages: Stages,
}

/// Where a host leads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostRoute {
    /// `hello.default.localhost`, or a tag's or cluster-local name; no port.
    pub host: String,
    /// Only for requests that come from inside the cluster.
    pub cluster_local: bool,
    /// Traffic shares: revision and percent, sum 100. A tag's host has one entry.
    pub splits: Vec<(u32, u8)>,
    /// Redirect plain HTTP to HTTPS (`networking.knative.dev/http-protocol: Redirected`).
    pub redirect_https: bool,
    /// Tag header routing (`Knative-Serving-Tag`): tag to revision.
    pub tags: Vec<(String, u32)>,
}

/// How a revision serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevisionRoute {
    /// Its number.
    pub revision: u32,
    /// Namespace and name, for metrics and headers (`Knative-Serving-Namespace`, `Knative-Serving-Revision`).
    pub namespace: String,
    /// Revision name.
    pub name: String,
    /// Hard limit of concurrent requests per sandbox (`containerConcurrency`), 0 for none.
    pub concurrency_max: u32,
    /// Requests that may wait for this revision; more get 503.
    pub queue_max: u32,
    /// `timeoutSeconds`.
    pub timeout_s: u32,
    /// `responseStartTimeoutSeconds`, 0 for none.
    pub response_start_timeout_s: u32,
    /// `idleTimeoutSeconds`, 0 for none.
    pub idle_timeout_s: u32,
    /// The port speaks HTTP/2 without TLS (`name: h2c`).
    pub h2c: bool,
}

/// Gateway to control plane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Load {
    /// First frame of a session.
    Hello {
        /// Gateway name.
        name: String,
    },
    /// On the edge, at once: requests wait for a revision that has no free sandbox here.
    Cold {
        /// The revision.
        revision: u32,
        /// How many wait.
        waiting: u32,
    },
    /// Every second, of revisions with traffic in that second (and one zero after the last).
    Samples(Vec<LoadSample>),
    /// A cold request was answered: the whole breakdown, for histograms and the Event.
    Served {
        /// The revision.
        revision: u32,
        /// Who served it.
        key: SandboxKey,
        /// Named stages in microseconds, in order.
        stages_us: Vec<(String, u32)>,
    },
    /// Answer to [`Route::Ping`].
    Beat,
}

/// One second of a revision's traffic at one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadSample {
    /// The revision.
    pub revision: u32,
    /// Average concurrency in thousandths, waiting requests included.
    pub concurrency_milli: u32,
    /// Requests in the second, in thousandths.
    pub rps_milli: u32,
}
