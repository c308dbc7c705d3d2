//! A fleet of fake nodes in one process: the real wire, the real sessions, and sandboxes that cost nothing.
//!
//! Fed by the control plane over the same streams that real nodes use, so that everything in front of a node (placement,
//! routes, projections, watches, load) can be run and measured at sizes that no machine could really carry. Rooms:
//! `behaviour` (what an image's name makes of a sandbox), `node` (pure: orders in, reports out), `session` (the stream),
//! `side` (logs and exec), `serve` (the one HTTP server at which all sandboxes of the fleet answer).
//!
//! Must not know containerd, namespaces or volumes: nothing here touches the machine beyond its sockets.

mod behaviour;
mod node;
mod serve;
mod session;
mod side;

use crate::settings::NodeTls;
use anyhow::{Context, bail};
use skiff_engine::wire::NodeFacts;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Sessions that are being opened at a time: a handshake is the only expensive thing that a fake node does.
const DIALS_MAX: usize = 16;
/// First address of the fake nodes, from the range that is set apart for benchmarks (198.18.0.0/15): nobody routes it.
const FIRST_ADDRESS: u32 = 0xc612_0001;
/// Nodes in a fleet; as many as that range has addresses.
const NODES_MAX: u32 = 100_000;

/// Where a node of the fleet gets its identity from, by its name.
pub type Identity = Arc<dyn Fn(&str) -> anyhow::Result<NodeTls> + Send + Sync>;

/// What a fleet is told at its start.
#[derive(Clone)]
pub struct FleetSettings {
    /// How many nodes; they are called `fake-0`, `fake-1`, ….
    pub nodes: u32,
    /// Where the control plane listens.
    pub api: SocketAddr,
    /// Gives each node its certificate (`CN=system:node:NAME, O=system:nodes`).
    pub identity: Identity,
    /// Largest number of sandboxes of one node.
    pub pods_max: u16,
    /// CPU of one node, in thousandths.
    pub cpu_milli: u32,
    /// Memory of one node.
    pub memory_mib: u32,
    /// Time from an order to a ready sandbox.
    pub ready_after_ms: u64,
    /// Where the fleet's HTTP server listens (port 0 for any); all sandboxes serve there. `None`: they serve nowhere.
    pub serve: Option<SocketAddr>,
    /// Images that the nodes claim to hold: names and bytes.
    pub images: Vec<(String, u64)>,
}

impl FleetSettings {
    /// A fleet of large nodes whose sandboxes are ready at once and serve at a free port of the loopback address.
    #[must_use]
    pub fn new(nodes: u32, api: SocketAddr, identity: Identity) -> Self {
        Self {
            nodes,
            api,
            identity,
            pods_max: 4_000,
            cpu_milli: 1_000_000,
            memory_mib: 4 << 20,
            ready_after_ms: 0,
            serve: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            images: Vec::new(),
        }
    }
}

/// Runs the fleet until `stop`. Each node connects to the control plane, and again after every break; what its sandboxes
/// are is remembered in between, as a real node's containers would be.
///
/// # Errors
/// When the HTTP server's address cannot be listened on or is not IPv4, or a node gets no identity.
pub async fn run(settings: FleetSettings, stop: impl Future) -> anyhow::Result<()> {
    if settings.nodes > NODES_MAX {
        bail!("a fleet has at most {NODES_MAX} nodes");
    }
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let serve_at = match settings.serve {
        Some(SocketAddr::V4(address)) => {
            let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
            let port = listener.local_addr()?.port();
            tasks.spawn(serve::run(listener));
            tracing::info!(address = %address.ip(), port, "sandboxes serve here");
            Some((u32::from(*address.ip()), port))
        }
        Some(SocketAddr::V6(address)) => bail!("the wire knows IPv4 only: sandboxes cannot serve at {address}"),
        None => None,
    };
    let dials = Arc::new(Semaphore::new(DIALS_MAX));
    for number in 0..settings.nodes {
        let facts = facts(&settings, number, serve_at);
        let identity = (settings.identity)(&facts.name).with_context(|| format!("identity of node {}", facts.name))?;
        let tls = crate::link::tls::mutual(&identity).with_context(|| format!("certificate of node {}", facts.name))?;
        let node = node::FakeNode::new(facts, settings.ready_after_ms);
        let link = session::Link { api: settings.api, tls, dials: dials.clone() };
        tasks.spawn(async move {
            session::keep(node, link).await;
            Ok(())
        });
        // Certificates of a large fleet take a while; sessions that are already open must not wait for the last one.
        tokio::task::yield_now().await;
    }
    tracing::info!(nodes = settings.nodes, "fleet of fake nodes is up");
    tokio::pin!(stop);
    let ended = tokio::select! {
        _ = &mut stop => Ok(()),
        ended = tasks.join_next(), if !tasks.is_empty() => match ended {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(error).context("a fake node broke down"),
            _ => Ok(()),
        },
    };
    // Nothing is left to be said: a fake node's end is an ordinary loss of its session.
    let _ = tokio::time::timeout(Duration::from_secs(2), tasks.shutdown()).await;
    ended
}

fn facts(settings: &FleetSettings, number: u32, serve_at: Option<(u32, u16)>) -> NodeFacts {
    let info = [
        ("kernelVersion", "0.0.0-fake"),
        ("osImage", "Skiff fake node"),
        ("containerRuntimeVersion", "fake://0.0.0"),
        ("architecture", crate::image::architecture()),
        ("operatingSystem", "linux"),
        ("kubeletVersion", "v1.36.3"),
    ];
    NodeFacts {
        name: format!("fake-{number}"),
        address: FIRST_ADDRESS + number,
        cpu_milli: settings.cpu_milli,
        memory_mib: settings.memory_mib,
        pods_max: settings.pods_max,
        info: info.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        images: settings.images.clone(),
        serve_at,
    }
}
