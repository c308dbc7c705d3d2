//! Unmodified kn against fake nodes and against containerd: the golden transcripts of `golden/kn`.

use crate::clients::find;
use crate::containerd;
use crate::transcript::Stage;
use anyhow::Result;
use skiff_conformance::server::{Nodes, Server};

async fn play(nodes: Nodes, file: &str) -> Result<()> {
    let Some(kn) = find("kn", file) else { return Ok(()) };
    let server = Server::start(nodes).await?;
    let stage = Stage::new(&[("kn", &kn)], "1.14", &server.kubeconfig(), &server.gateway())?;
    stage.play(file).await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn services_on_fake_nodes() -> Result<()> {
    play(Nodes::Fake(2), "kn/services.txt").await
}

#[tokio::test]
async fn refusals_on_fake_nodes() -> Result<()> {
    play(Nodes::Fake(2), "kn/refusals.txt").await
}

#[tokio::test]
async fn services_on_containerd() -> Result<()> {
    let Some(_alone) = containerd::alone("kn::services_on_containerd").await else { return Ok(()) };
    play(Nodes::Containerd, "kn/containerd.txt").await
}
