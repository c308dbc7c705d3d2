//! The session with a node: orders downwards, reports upwards. Layout only; see [`super`].

use super::{SandboxKey, Stages, StreamRequest};
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

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
    /// Open a side stream: the node dials [`super::STREAM_PATH`]`{stream}` and serves `request` there.
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
