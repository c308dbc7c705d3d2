//! Unmodified kubectl, oldest and newest, against fake nodes: the golden transcripts of `golden/kubectl`.

use crate::clients::find;
use crate::transcript::Stage;
use anyhow::Result;
use skiff_conformance::server::{Nodes, Server};

macro_rules! transcripts {
    ($($test:ident: $file:literal),* $(,)?) => {
        mod oldest { $( #[tokio::test] async fn $test() -> anyhow::Result<()> { super::play("1.27", $file).await } )* }
        mod newest { $( #[tokio::test] async fn $test() -> anyhow::Result<()> { super::play("1.37", $file).await } )* }

        #[test]
        fn every_transcript_is_played() -> Result<()> {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(crate::clients::here().join("golden/kubectl"))? {
                files.push(format!("kubectl/{}", entry?.file_name().to_string_lossy()));
            }
            files.sort();
            assert_eq!(files, [$($file),*]);
            Ok(())
        }
    };
}

transcripts! {
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

async fn play(version: &str, file: &str) -> Result<()> {
    let name = format!("kubectl-{version}");
    let Some(kubectl) = find(&name, file) else { return Ok(()) };
    let server = Server::start(Nodes::Fake(2)).await?;
    let stage = Stage::new(&[("kubectl", &kubectl)], version, &server.kubeconfig(), &server.gateway())?;
    stage.play(file).await?;
    server.stop().await?;
    Ok(())
}
