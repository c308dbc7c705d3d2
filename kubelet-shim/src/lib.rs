//! The node agent: runs a node's sandboxes through containerd and reports on them.
//!
//! It is told what to run over one stream by the control plane (`skiff_engine::wire`), and does all the rest by itself:
//! network namespaces, volumes, containers, probes, restarts, logs, exec. It must not know functions or autoscaling.
//!
//! | Room | What it is |
//! |---|---|
//! | `link` | the stream to the control plane |
//! | `node` | what sandboxes share; where orders and events find them |
//! | `sandbox` | one actor per sandbox |
//! | `ledger`, `plan`, `restart`, `env`, `cgroup`, `pod` | pure: what was told, what follows |
//! | `runtime` | containerd |
//! | `network` | a network namespace per sandbox, pooled |
//! | `probe`, `volume`, `log`, `stream` | probes, volumes, output, side streams |
//! | `image` | images without a registry |

mod cgroup;
mod env;
mod facts;
pub mod fake;
pub mod image;
mod ledger;
mod link;
mod log;
mod network;
mod node;
mod plan;
mod pod;
mod probe;
mod remove;
mod restart;
mod runtime;
mod sandbox;
mod settings;
mod stream;
mod volume;

pub use remove::remove_everything;
pub use settings::{NodeTls, Settings};

use anyhow::Context;
use node::Node;
use runtime::events;
use std::future::Future;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Distance of attempts to reach containerd at the start.
const CONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Runs the agent until `stop`. It connects to containerd and to the control plane, and again after each break, for ever.
/// Containers keep running when it stops, unless `settings.remove_on_stop`; a successor with the same `settings.dir` takes
/// them over.
///
/// # Errors
/// When the settings cannot work (unreadable certificates, unusable directory, no right to make namespaces).
pub async fn run(settings: Settings, stop: impl Future) -> anyhow::Result<()> {
    let tls = link::tls::mutual(&settings.tls).context("node certificate")?;
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 8);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("skiff-kubelet")
        .enable_all()
        .build()
        .context("threads")?;
    // All work lives on threads of its own, so that stopping stops all of it at once, like a kill would.
    let runtime = Own(Some(runtime));
    let remove = settings.remove_on_stop.then(|| settings.clone());
    let Some(threads) = &runtime.0 else { return Ok(()) };
    let mut work = threads.spawn(serve(settings, tls));
    tokio::select! {
        _ = stop => {}
        ended = &mut work => ended.context("agent")??,
    }
    drop(runtime);
    match remove {
        Some(settings) => remove_everything(&settings).await,
        None => Ok(()),
    }
}

struct Own(Option<tokio::runtime::Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(settings: Settings, tls: Arc<rustls::ClientConfig>) -> anyhow::Result<()> {
    let mut dir = std::fs::DirBuilder::new();
    dir.recursive(true).mode(0o700);
    for path in [settings.dir.clone(), settings.dir.join("pods"), settings.fifo_dir(), settings.netns_dir()] {
        dir.create(&path).with_context(|| format!("directory {}", path.display()))?;
        // Also if somebody else made it: secrets lie below.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("mode of {}", path.display()))?;
    }
    let journal = ledger::Journal::open(&settings.ledger_file()).context("ledger")?;
    let (runtime, version) = loop {
        match remove::connect(&settings).await {
            Ok(runtime) => match runtime.version().await {
                Ok(version) => break (runtime, version),
                Err(error) => tracing::warn!(%error, "containerd does not answer"),
            },
            Err(error) => tracing::warn!(%error, "containerd"),
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    };
    let node = Node::new(settings, tls.clone(), runtime.clone(), &version, journal)?;
    let (seen, events) = mpsc::channel(events::SEEN_MAX);
    let (ready, live) = oneshot::channel();
    tokio::spawn(events::follow(runtime, node.execs.clone(), seen, ready));
    live.await.context("containerd events")?;
    // A missing task is known from the list, so no event between the two is lost: the subscription came first.
    let mut taken = sandbox::recover(&node).await;
    while let Err(error) = &taken {
        tracing::warn!(%error, "sandboxes cannot be taken over yet");
        tokio::time::sleep(CONNECT_PAUSE).await;
        taken = sandbox::recover(&node).await;
    }
    // Only now: taking over sweeps away the namespaces that nobody owns.
    tokio::spawn(node.network.clone().keep_ready());
    let services = node.clone();
    tokio::spawn(async move { services.services.keep().await });
    tracing::info!(sandboxes = taken.unwrap_or(0), "node is up");
    tokio::spawn(node.clone().watch(events));
    link::session::keep(node, tls).await;
    Ok(())
}
