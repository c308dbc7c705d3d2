//! The frames between the control plane and its agents (nodes and gateways).
//!
//! One long-lived, mutually authenticated stream per agent: an HTTP/1.1 upgrade (`Upgrade: skiff-agent`) of a TLS connection
//! to the API address, authenticated by the agent's client certificate (`CN=system:node:NAME, O=system:nodes`, or
//! `CN=skiff:gateway:NAME, O=skiff:gateways`). After the upgrade both sides send frames: a little-endian `u32` length, then
//! one postcard value ([`Order`]/[`Route`] downwards, [`Report`]/[`Load`] upwards). A frame is at most [`FRAME_BYTES_MAX`].
//!
//! This module knows layout only: no socket, no clock, no Kubernetes object (a pod's spec travels as opaque JSON bytes).

mod gateway;
mod node;
mod stream;

pub use gateway::{Endpoint, HostRoute, Load, LoadSample, RevisionRoute, Route};
pub use node::{
    ContainerReport, ContainerState, Create, Delete, Entries, Material, NodeFacts, Order, Report, SandboxReport, SandboxState,
    ServicePort, ServiceRule, Template,
};
pub use stream::{StreamExit, StreamFrame, StreamRequest};

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
