//! The data plane: takes the users' requests, keeps the cold ones waiting, and forwards all of them to sandboxes.
//!
//! A request's way, which is also the order of the rooms: [`accept`] (listener, host, probes) → [`table`] (host → revision)
//! → [`balance`] (a sandbox with room) or [`wait`] (none has) → [`forward`] (to the sandbox and back). Beside it, [`link`]
//! keeps the session with the control plane, [`edge`] and [`load`] tell it what is asked, and [`breakdown`] tells the user
//! where a cold start's time went.
//!
//! Invariants: a warm request touches no lock that is shared between revisions for longer than a lookup, and never the
//! control plane; every wait has a bound. The gateway must not know Kubernetes objects, scaling, or the API server's tables.

mod accept;
mod admin;
mod balance;
mod breakdown;
mod chance;
mod edge;
mod forward;
mod link;
mod load;
mod metrics;
mod revision;
mod settings;
mod table;
mod wait;

pub use settings::{AgentTls, Settings};

use anyhow::Context;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What all rooms share.
pub(crate) struct Gate {
    pub(crate) table: table::Table,
    pub(crate) dice: chance::Dice,
    pub(crate) uplink: load::Uplink,
    pub(crate) edges: edge::Edges,
    pub(crate) meters: load::Meters,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) server_timing: bool,
    pub(crate) inside: Vec<(std::net::Ipv4Addr, u8)>,
}

/// Microseconds since the process first asked: one clock for all that is compared.
pub(crate) fn now_us() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    // 584,000 years fit.
    EPOCH.get_or_init(Instant::now).elapsed().as_micros() as u64
}

/// A gateway whose sockets are open, but which does not serve yet.
pub struct Gateway {
    gate: Arc<Gate>,
    link: link::Link,
    listener: TcpListener,
    admin: Option<TcpListener>,
    settings: Settings,
}

impl Gateway {
    /// Opens the sockets and reads the certificates.
    ///
    /// # Errors
    /// When a certificate can't be read or an address can't be listened on.
    pub async fn bind(settings: Settings) -> anyhow::Result<Self> {
        let (uplink, loads) = load::Uplink::new();
        let gate = Arc::new(Gate {
            table: table::Table::default(),
            dice: chance::Dice::new(settings.seed),
            edges: edge::Edges::new(uplink.clone()),
            uplink,
            meters: load::Meters::default(),
            metrics: metrics::Metrics::new().context("cannot register metrics")?,
            server_timing: settings.server_timing,
            inside: settings.inside.clone(),
        });
        let link = link::Link::new(gate.clone(), loads, &settings)?;
        let listen = |address: SocketAddr| async move {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        let listener = listen(settings.listen).await?;
        let admin = match settings.admin {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Self { gate, link, listener, admin, settings })
    }

    /// Where users' requests are taken (the real port when port 0 was asked for).
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where `/metrics` and `/healthz` are served.
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub fn admin_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Serves until `stop`, then lets the requests under way end (at most [`Settings::drain_s_max`] seconds).
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { gate, link, listener, admin, settings } = self;
        let stopped = CancellationToken::new();
        let mut rooms = tokio::task::JoinSet::new();
        rooms.spawn(link.run());
        rooms.spawn(edge::run(gate.clone()));
        rooms.spawn(load::run(gate.clone()));
        if let Some(admin) = admin {
            rooms.spawn(admin::run(gate.clone(), admin));
        }
        let door = accept::run(gate, listener, settings.connections_max, stopped.clone());
        tokio::pin!(door);
        tokio::select! {
            () = stop => {}
            () = &mut door => return,
        }
        stopped.cancel();
        // What is not done by then is cut off.
        let _ = tokio::time::timeout(Duration::from_secs(u64::from(settings.drain_s_max)), door).await;
        rooms.shutdown().await;
    }
}

/// Runs a gateway until `stop`.
///
/// # Errors
/// When a certificate can't be read or an address can't be listened on; afterwards it runs on whatever happens.
pub async fn run(settings: Settings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let gateway = Gateway::bind(settings).await?;
    tracing::info!(address = ?gateway.address().ok(), "gateway listens");
    gateway.serve(stop).await;
    Ok(())
}
