//! Unmodified kubectl of four versions, oldest to newest, against fake nodes: the golden transcripts of `golden/kubectl`.

use crate::clients::find;
use crate::transcript::Stage;
use anyhow::Result;
use skiff_conformance::server::{Nodes, Server};

/// A test for each file and version of kubectl, and `FILES`, their names.
macro_rules! each_version {
    ($play:ident; $($test:ident: $file:literal),* $(,)?) => {
        const FILES: &[&str] = &[$($file),*];
        mod v1_27 { $( #[tokio::test] async fn $test() -> anyhow::Result<()> { super::$play("1.27", $file).await } )* }
        mod v1_30 { $( #[tokio::test] async fn $test() -> anyhow::Result<()> { super::$play("1.30", $file).await } )* }
        mod v1_33 { $( #[tokio::test] async fn $test() -> anyhow::Result<()> { super::$play("1.33", $file).await } )* }
        mod v1_37 { $( #[tokio::test] async fn $test() -> anyhow::Result<()> { super::$play("1.37", $file).await } )* }
    };
}
pub(crate) use each_version;

each_version! { play;
    apply: "kubectl/apply.txt",
    deployment: "kubectl/deployment.txt",
    documents: "kubectl/documents.txt",
    knative: "kubectl/knative.txt",
    nodes: "kubectl/nodes.txt",
    pods: "kubectl/pods.txt",
    policies: "kubectl/policies.txt",
    reads: "kubectl/reads.txt",
    services: "kubectl/services.txt",
}

#[test]
fn every_transcript_is_played() -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(crate::clients::here().join("golden/kubectl"))? {
        files.push(format!("kubectl/{}", entry?.file_name().to_string_lossy()));
    }
    files.sort();
    assert_eq!(files, FILES);
    Ok(())
}

async fn play(version: &str, file: &str) -> Result<()> {
    let name = format!("kubectl-{version}");
    let Some(kubectl) = find(&name, file) else { return Ok(()) };
    let server = Server::start(Nodes::Fake(2)).await?;
    let stage = Stage::new(&[("kubectl", &kubectl)], version, &server.kubeconfig(), &server.gateway())?;
    stage.play(file).await?;
    server.stop().await?;
    Ok(())
}
