//! Takes away everything that an agent made on this machine: for `skiff up` on Ctrl-C, and for tests.

use crate::network::Network;
use crate::runtime::Containerd;
use crate::settings::Settings;
use crate::volume;
use anyhow::Context;

/// Removes all containers, snapshots, namespaces, the bridge and the state directory's contents of this node. The agent
/// itself must not run any more.
///
/// # Errors
/// When containerd is not reachable or keeps a container.
pub async fn remove_everything(settings: &Settings) -> anyhow::Result<()> {
    let runtime = connect(settings).await?;
    let own = runtime.own_containers(&settings.node_name).await.context("list containers")?;
    for (id, _) in own {
        runtime.purge(&id).await.with_context(|| format!("remove container {id}"))?;
    }
    let network = Network::new(settings.netns_dir(), &settings.bridge, 0)?;
    network.remove().await;
    crate::network::Services::new(&settings.bridge).remove().await;
    for pod in std::fs::read_dir(settings.dir.join("pods")).into_iter().flatten().flatten() {
        volume::tear_down(&pod.path());
    }
    for name in ["pods", "fifo", "netns", "logs"] {
        std::fs::remove_dir_all(settings.dir.join(name)).ok();
    }
    std::fs::remove_file(settings.ledger_file()).ok();
    Ok(())
}

pub(crate) async fn connect(settings: &Settings) -> Result<Containerd, crate::runtime::RuntimeError> {
    Containerd::connect(
        &settings.containerd_socket,
        &settings.namespace,
        &settings.snapshotter,
        &settings.runtime,
        settings.runtime_binary.as_deref(),
    )
    .await
}
