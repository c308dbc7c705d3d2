//! An own containerd: own root, state, socket and configuration, never the system's instance.
//!
//! Fed by `up`'s sequence. What it is told here works with containerd 1.6, 1.7 and 2.x, whose configuration formats include
//! this one.

use super::NAMESPACE;
use super::child::Plan;
use super::house::House;
use super::preflight;
use crate::layout::{self, Layout};
use anyhow::{Context, bail};
use std::path::Path;
use std::time::Duration;

/// Not needed, and each would touch the machine outside of our folder or fail loudly: the kubelet's CRI, snapshotters that
/// want file systems of their own, plugins that listen or write at fixed places. Unknown names are ignored.
const DISABLED: [&str; 12] = [
    "io.containerd.grpc.v1.cri",
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.nri.v1.nri",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
];
/// Time from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(20);

/// Starts it and waits until it answers.
pub async fn start(house: &mut House) -> anyhow::Result<()> {
    let layout = house.layout.clone();
    let program = preflight::find("containerd").context("containerd is not in PATH: run `make deps`")?;
    for folder in [layout.at("containerd"), layout.socket_dir(), layout.at("node")] {
        layout::private_dir(&folder)?;
    }
    let config = layout.containerd("config.toml");
    layout::write_private(&config, text(&layout)?.as_bytes())?;
    house.start(Plan {
        name: "containerd",
        command: vec![program.into(), "--config".into(), config.into()],
        environment: vec![("PATH", preflight::search_path())],
        grace: GRACE,
    });
    let socket = layout.socket();
    house.wait("containerd", async || skiff_kubelet::image::list(&socket, NAMESPACE).await.map(drop).map_err(Into::into)).await?;
    house.say.step("containerd", &format!("serves {}", socket.display()));
    Ok(())
}

fn text(layout: &Layout) -> anyhow::Result<String> {
    let (root, state) = (quoted(&layout.containerd("root"))?, quoted(&layout.containerd("state"))?);
    let socket = quoted(&layout.socket())?;
    let disabled = DISABLED.map(|name| format!("  \"{name}\",\n")).concat();
    Ok(format!(
        "# Written by `skiff up` at every start; changes are lost.\n\
         version = 2\n\
         root = {root}\n\
         state = {state}\n\
         # Raising a score is always allowed, lowering it needs a right that root of a virtual machine may lack.\n\
         oom_score = 0\n\
         disabled_plugins = [\n{disabled}]\n\n\
         [grpc]\n  address = {socket}\n\n\
         [debug]\n  level = \"warn\"\n"
    ))
}

/// A string in TOML, whose escapes are those of JSON.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let Some(text) = path.to_str() else { bail!("{}: containerd cannot be told of a path that is not UTF-8", path.display()) };
    Ok(serde_json::to_string(text)?)
}
