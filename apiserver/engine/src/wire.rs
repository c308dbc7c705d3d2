//! The frames between the control plane and its agents (nodes and gateways).
//!
//! One long-lived, mutually authenticated stream per agent: an HTTP/1.1 upgrade (`Upgrade: skiff-agent`) of a TLS connection
//! to the API address, authenticated by the agent's client certificate (`CN=system:node:NAME, O=system:nodes`, or
//! `CN=skiff:gateway:NAME, O=skiff:gateways`). After the upgrade both sides send frames: a little-endian `u32` length, then
//! one postcard value ([`Order`]/[`Route`] downwards, [`Report`]/[`Load`] upwards). A frame is at most [`FRAME_BYTES_MAX`].
//!
//! This module knows layout only: no socket, no clock, no Kubernetes object (a pod's spec travels as opaque JSON bytes).

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Version of this layout; a peer of another version is refused at the upgrade (header `Skiff-Wire`).
pub const WIRE_VERSION: u32 = 1;
/// Largest frame either side accepts; a longer one ends the session.
pub const FRAME_BYTES_MAX: u32 = 16 << 20;
/// Upgrade path of a node's session.
pub const NODE_PATH: &str = "/skiff/v1/agents/node";
/// Upgrade path of a gateway's session.
pub const GATEWAY_PATH: &str = "/skiff/v1/agents/gateway";
/// Upgrade path, followed by the stream number in decimal, where a node answers [`Order::Open`].
pub const STREAM_PATH: &str = "/skiff/v1/agents/stream/";
/// The protocol named in `Upgrade`.
pub const UPGRADE: &str = "skiff-agent";

/// A sandbox's identity, the same after every failover: the revision it belongs to and its number in that revision.
/// A number is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SandboxKey {
    /// The durable number of the revision (template).
    pub revision: u32,
    /// The sandbox's number within the revision.
    pub seq: u32,
}

/// Control plane to node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// First frame of every session: the number that the control plane gave to this node, its pod range
    /// (`10.x.y.0/20`, first address is the bridge), and the epoch. Orders of an older epoch are refused.
    Welcome {
        /// The leader's epoch; only grows.
        epoch: u64,
        /// This node's number.
        node: u16,
        /// IPv4 network of the node's pods, host order.
        pod_network: u32,
        /// Prefix length of `pod_network`.
        pod_prefix: u8,
        /// IPv4 range of cluster services (for nodes that route them), host order, and its prefix length.
        service_network: u32,
        /// Prefix length of `service_network`.
        service_prefix: u8,
    },
    /// What sandboxes of a revision run. Always sent before the first `Create` of that revision in a session.
    Template(Template),
    /// No sandbox of this revision will be created in this session any more.
    DropTemplate {
        /// The revision.
        revision: u32,
    },
    /// Create and start these sandboxes. Repeating a known key with the same generation changes nothing.
    Create(Vec<Create>),
    /// Stop and remove these sandboxes.
    Delete(Vec<Delete>),
    /// Open a side stream: the node dials [`STREAM_PATH`]`{stream}` and serves `request` there.
    Open {
        /// Number of the stream.
        stream: u64,
        /// What is wanted.
        request: StreamRequest,
    },
    /// Make these service addresses reachable on the node; replaces what was said of the same service before.
    /// An empty `ports` removes it.
    Service(ServiceRule),
    /// Are you there? Answered with [`Report::Beat`].
    Ping,
}

/// What sandboxes of a revision run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// The revision's number.
    pub revision: u32,
    /// A complete Pod as JSON (metadata and spec, defaults filled in); `metadata.name`/`uid` are those of no sandbox in
    /// particular, each `Create` brings its own.
    pub pod: Vec<u8>,
    /// Contents of what the spec refers to. Sent again, whole, when one of them changes.
    pub material: Material,
}

/// Keys and their bytes, as of one ConfigMap or Secret.
pub type Entries = Vec<(String, Vec<u8>)>;

/// Contents of ConfigMaps, Secrets and tokens that a template refers to. A missing object is simply absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Material {
    /// ConfigMap name, then key to bytes (`data` and `binaryData` together).
    pub config_maps: Vec<(String, Entries)>,
    /// Secret name, then key to decoded bytes.
    pub secrets: Vec<(String, Entries)>,
    /// Files of a projected service account volume: token, ca.crt, namespace.
    pub service_account: Vec<(String, Vec<u8>)>,
    /// Environment that Kubernetes adds for the namespace's services (`KUBERNETES_SERVICE_HOST`, …).
    pub service_env: Vec<(String, String)>,
}

/// One sandbox to create.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Create {
    /// Who.
    pub key: SandboxKey,
    /// A node refuses an order of an older generation than it has seen for the key.
    pub generation: u32,
    /// Offset in the node's pod network: the pod's address is `pod_network + slot`.
    pub slot: u16,
    /// Pod name, for the hostname, logs and `metadata.name` in the downward API.
    pub name: String,
    /// Pod uid.
    pub uid: String,
    /// Milliseconds since the Unix epoch when the control plane decided; stages are measured from here.
    pub decided_ms: u64,
}

/// One sandbox to stop.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Delete {
    /// Who.
    pub key: SandboxKey,
    /// As in [`Create`].
    pub generation: u32,
    /// Seconds between SIGTERM and SIGKILL.
    pub grace_seconds: u32,
}

/// What a side stream carries. Frames on an exec, attach or port-forward stream are [`StreamFrame`]; a log stream is raw bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StreamRequest {
    /// Container log in the kubelet's terms.
    Log {
        /// Whose.
        key: SandboxKey,
        /// Container name.
        container: String,
        /// Keep following.
        follow: bool,
        /// Of the previous instance.
        previous: bool,
        /// Only the last lines; `None` for all.
        tail_lines: Option<u64>,
        /// Stop after so many bytes.
        limit_bytes: Option<u64>,
        /// Only lines at or after this Unix time in nanoseconds.
        since_ns: Option<u64>,
        /// Prefix each line with its RFC 3339 time in nanoseconds.
        timestamps: bool,
    },
    /// Run a command.
    Exec {
        /// Where.
        key: SandboxKey,
        /// Container name.
        container: String,
        /// argv.
        command: Vec<String>,
        /// Whether stdin will be sent.
        stdin: bool,
        /// Allocate a terminal.
        tty: bool,
    },
    /// Join the running main process's output (and input, where the container has stdin).
    Attach {
        /// Where.
        key: SandboxKey,
        /// Container name.
        container: String,
        /// Whether stdin will be sent.
        stdin: bool,
        /// The container has a terminal.
        tty: bool,
    },
    /// One TCP connection into the sandbox's network namespace; data frames only.
    Forward {
        /// Where.
        key: SandboxKey,
        /// Port in the sandbox.
        port: u16,
    },
}

/// A frame of an exec, attach or forward side stream, length-prefixed like all others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StreamFrame {
    /// Client to process. Empty means end of input.
    Stdin(Vec<u8>),
    /// Process to client (and both directions of a forward).
    Stdout(Vec<u8>),
    /// Process to client.
    Stderr(Vec<u8>),
    /// The terminal's new size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Last frame: how it ended.
    Exit(StreamExit),
}

/// The end of a side stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StreamExit {
    /// The process ended with this code.
    Code(i32),
    /// It could not be done; the text is for the client (`container not found ("x")`).
    Failed(String),
}

/// A service address and where it leads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceRule {
    /// Cluster address, host order.
    pub cluster_ip: u32,
    /// Each port of the service.
    pub ports: Vec<ServicePort>,
}

/// One port of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServicePort {
    /// Port of the service.
    pub port: u16,
    /// Port on every node, 0 if none.
    pub node_port: u16,
    /// UDP instead of TCP.
    pub udp: bool,
    /// Ready endpoints, address in host order and port.
    pub endpoints: Vec<(u32, u16)>,
}

/// Node to control plane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Report {
    /// First frame of every session: who this is and everything it runs.
    Full(NodeFacts, Vec<SandboxReport>),
    /// What changed, batched.
    Sandboxes(Vec<SandboxReport>),
    /// Images on the node, whole, when they change: names and bytes.
    Images(Vec<(String, u64)>),
    /// Answer to [`Order::Ping`]; also sent every 10 s.
    Beat,
}

/// What a node says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Node name (also its hostname label).
    pub name: String,
    /// Address of the node, host order.
    pub address: u32,
    /// CPU in thousandths.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Largest number of sandboxes.
    pub pods_max: u16,
    /// `status.nodeInfo`: kernelVersion, osImage, containerRuntimeVersion, machineID, bootID, architecture, kubeletVersion…
    pub info: Vec<(String, String)>,
    /// Images on the node: names and bytes.
    pub images: Vec<(String, u64)>,
    /// Every sandbox of this node answers at this address instead of its own (fake nodes): host-order IPv4 and port.
    pub serve_at: Option<(u32, u16)>,
}

/// What a node says of one sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxReport {
    /// Who.
    pub key: SandboxKey,
    /// Generation of the order that it obeys.
    pub generation: u32,
    /// Where it is in its life.
    pub state: SandboxState,
    /// Unix milliseconds of the change.
    pub at_ms: u64,
    /// Per container, whenever something is not as plain as "all started at `at_ms`, never restarted"; else empty.
    pub containers: Vec<ContainerReport>,
    /// Stage times of the start, with the first `Ready` (or `Running`) report.
    pub stages: Option<Stages>,
    /// Only in a full report, so that a restarted control plane can check it: slot on the node.
    pub slot: u16,
    /// Only in a full report: Unix seconds when the sandbox was created.
    pub created_s: u64,
}

/// A sandbox's phase as its node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SandboxState {
    /// Order taken, not all containers started.
    Creating,
    /// Started, not (or no longer) ready.
    Running,
    /// Started and all readiness probes pass.
    Ready,
    /// All containers ended with code 0 and will not be restarted.
    Succeeded,
    /// A container ended with another code and will not be restarted.
    Failed,
    /// Stopped and removed after `Delete`: the last word about this key.
    Gone,
}

/// One container, in the words of `status.containerStatuses`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerReport {
    /// Container name.
    pub name: String,
    /// From `initContainers`.
    pub init: bool,
    /// Readiness.
    pub ready: bool,
    /// Startup probe passed (or none).
    pub started: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// Present state.
    pub state: ContainerState,
    /// The state before, if it ended.
    pub last: Option<ContainerState>,
    /// `containerd://…`, empty before creation.
    pub container_id: String,
    /// Image name as run.
    pub image: String,
    /// Digest reference of the image.
    pub image_id: String,
}

/// `state` of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ContainerState {
    /// `waiting`: `ContainerCreating`, `PodInitializing`, `ErrImagePull`, `ImagePullBackOff`, `CrashLoopBackOff`, `CreateContainerError`…
    Waiting {
        /// Upstream's reason.
        reason: String,
        /// Upstream's message.
        message: String,
    },
    /// `running`.
    Running {
        /// Unix milliseconds.
        started_ms: u64,
    },
    /// `terminated`: `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun`/`StartError`.
    Terminated {
        /// Exit code.
        exit_code: i32,
        /// Signal or 0.
        signal: i32,
        /// Upstream's reason.
        reason: String,
        /// Termination message.
        message: String,
        /// Unix milliseconds.
        started_ms: u64,
        /// Unix milliseconds.
        finished_ms: u64,
        /// `containerd://…`.
        container_id: String,
    },
}

/// Microseconds that a node spent on each stage of one start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// Order received to network ready.
    pub network_us: u32,
    /// To containers (snapshot, container, task) created.
    pub created_us: u32,
    /// To tasks started.
    pub started_us: u32,
    /// To readiness seen.
    pub ready_us: u32,
}

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
