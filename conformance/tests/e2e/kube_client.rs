//! The `kube` crate as an independent client: watcher, reflector, server-side apply, patches, a derived custom resource, exec.

use crate::containerd;
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, AttachParams, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Client, Config, CustomResource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use skiff_conformance::server::{Nodes, Server};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATIENCE: Duration = Duration::from_secs(60);

pub async fn client(server: &Server) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn config_map(name: &str, value: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"set": "test"}}, "data": {"k": value},
    }))?)
}

fn deployment(name: &str, image: &str, replicas: i32) -> Result<Deployment> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": image}]},
        }},
    }))?)
}

/// What a watcher says of four ConfigMaps that come, change and go.
async fn watch_events(config: watcher::Config) -> Result<Vec<String>> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&server).await?);
    maps.create(&PostParams::default(), &config_map("first", "1")?).await?;
    let mut stream = watcher(maps.clone(), config.labels("set=test")).boxed();
    let mut said = Vec::new();
    let next = async |stream: &mut futures::stream::BoxStream<'_, _>| {
        tokio::time::timeout(PATIENCE, stream.try_next())
            .await
            .context("no event in time")?
            .context("the watch ended")?
            .context("nothing")
    };
    loop {
        let event: watcher::Event<ConfigMap> = next(&mut stream).await?;
        said.push(word(&event));
        match said.len() {
            // Init, the first object, InitDone; then what happens from here on.
            3 => drop(maps.create(&PostParams::default(), &config_map("second", "1")?).await?),
            4 => {
                let patch = Patch::Merge(json!({"data": {"k": "2"}}));
                maps.patch("second", &PatchParams::default(), &patch).await?;
            }
            5 => drop(maps.delete("first", &DeleteParams::default()).await?),
            6 => break,
            _ => {}
        }
    }
    drop(stream);
    server.stop().await?;
    Ok(said)
}

fn word(event: &watcher::Event<ConfigMap>) -> String {
    let value = |map: &ConfigMap| map.data.as_ref().and_then(|data| data.get("k").cloned()).unwrap_or_default();
    match event {
        watcher::Event::Init => "init".to_owned(),
        watcher::Event::InitApply(map) => format!("has {}={}", map.name_any(), value(map)),
        watcher::Event::InitDone => "done".to_owned(),
        watcher::Event::Apply(map) => format!("{}={}", map.name_any(), value(map)),
        watcher::Event::Delete(map) => format!("no {}", map.name_any()),
    }
}

const EVENTS: [&str; 6] = ["init", "has first=1", "done", "second=1", "second=2", "no first"];

#[tokio::test]
async fn watcher_by_list_and_watch() -> Result<()> {
    assert_eq!(watch_events(watcher::Config::default()).await?, EVENTS);
    Ok(())
}

#[tokio::test]
async fn watcher_by_streaming_list() -> Result<()> {
    assert_eq!(watch_events(watcher::Config::default().streaming_lists()).await?, EVENTS);
    Ok(())
}

#[tokio::test]
async fn a_reflector_follows_a_deployments_pods() -> Result<()> {
    let server = Server::start(Nodes::Fake(2)).await?;
    let client = client(&server).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let deployments: Api<Deployment> = Api::default_namespaced(client);
    let (reader, writer) = reflector::store();
    let following = tokio::spawn(
        reflector(writer, watcher(pods, watcher::Config::default().labels("app=web"))).applied_objects().for_each(|_| async {}),
    );
    deployments.create(&PostParams::default(), &deployment("web", "dev.local/web:1", 3)?).await?;
    let completed = await_condition(deployments.clone(), "web", conditions::is_deployment_completed());
    tokio::time::timeout(PATIENCE, completed).await.context("the Deployment did not complete")??;
    settle(&reader, 3).await?;
    let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
    let scaled = deployments.patch_scale("web", &PatchParams::default(), &scale).await?;
    assert_eq!(scaled.spec.and_then(|spec| spec.replicas), Some(1));
    settle(&reader, 1).await?;
    following.abort();
    server.stop().await?;
    Ok(())
}

async fn settle(reader: &reflector::Store<Pod>, wanted: usize) -> Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while reader.len() != wanted {
        ensure!(tokio::time::Instant::now() < deadline, "the store has {} pods, wanted {wanted}", reader.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn server_side_apply_owns_conflicts_and_forces() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&server).await?);
    let apply = |value: &str| Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": value}}));
    let made = maps.patch("a", &PatchParams::apply("one"), &apply("1")).await?;
    assert_eq!(made.managed_fields().len(), 1);
    let refused = maps.patch("a", &PatchParams::apply("two"), &apply("2")).await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "Conflict"),
        "{refused:?}"
    );
    let forced = maps.patch("a", &PatchParams::apply("two").force(), &apply("2")).await?;
    assert_eq!(forced.data.and_then(|data| data.get("k").cloned()).as_deref(), Some("2"));
    // The first owner applies nothing more: what it alone owned goes, what the second took stays.
    let nothing = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap"}));
    let left = maps.patch("a", &PatchParams::apply("one"), &nothing).await?;
    assert_eq!(left.data.and_then(|data| data.get("k").cloned()).as_deref(), Some("2"));
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn lists_pages_metadata_and_versions() -> Result<()> {
    let server = Server::start(Nodes::Fake(2)).await?;
    let client = client(&server).await?;
    assert_eq!(client.apiserver_version().await?.major, "1");
    assert_eq!(Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items.len(), 2);
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    for i in 0..5 {
        maps.create(&PostParams::default(), &config_map(&format!("m-{i}"), "1")?).await?;
    }
    // Without a selector, since no count is given with one; kube-root-ca.crt comes first.
    let page = maps.list(&ListParams::default().limit(2)).await?;
    assert_eq!((page.items.len(), page.metadata.remaining_item_count), (2, Some(4)));
    let token = page.metadata.continue_.context("no continue token")?;
    let rest = maps.list(&ListParams::default().limit(9).continue_token(&token)).await?;
    assert_eq!(rest.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["m-1", "m-2", "m-3", "m-4"]);
    let metadata = maps.get_metadata("m-0").await?;
    assert_eq!(metadata.metadata.name.as_deref(), Some("m-0"));
    let mut stale = maps.get("m-1").await?;
    maps.patch("m-1", &PatchParams::default(), &Patch::Merge(json!({"data": {"k": "2"}}))).await?;
    stale.data = None;
    let refused = maps.replace("m-1", &PostParams::default(), &stale).await;
    assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 409), "{refused:?}");
    server.stop().await?;
    Ok(())
}

/// A custom resource of our own. Its schema is below: deriving that too would take another dependency.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[kube(group = "test.skiff.dev", version = "v1", kind = "Boat", namespaced, schema = "disabled", status = "BoatStatus")]
pub struct BoatSpec {
    pub oars: u32,
}

/// Written through the subresource only.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
pub struct BoatStatus {
    pub afloat: bool,
}

fn boats() -> Result<CustomResourceDefinition> {
    let fields = |name: &str, kind: &str| json!({"type": "object", "properties": {name: {"type": kind}}});
    Ok(serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "boats.test.skiff.dev"},
        "spec": {"group": "test.skiff.dev", "scope": "Namespaced",
            "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": fields("oars", "integer"), "status": fields("afloat", "boolean")}}}}]},
    }))?)
}

#[tokio::test]
async fn a_derived_custom_resource() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    if session.get("/apis/apiextensions.k8s.io/v1").await?.status == 404 {
        crate::clients::skip("kube_client::a_derived_custom_resource", "CustomResourceDefinitions are not served yet");
        return server.stop().await.map(drop);
    }
    let client = client(&server).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &boats()?).await?;
    let established = await_condition(definitions, "boats.test.skiff.dev", conditions::is_crd_established());
    tokio::time::timeout(PATIENCE, established).await.context("not established")??;
    let boats: Api<Boat> = Api::default_namespaced(client);
    boats.create(&PostParams::default(), &Boat::new("dinghy", BoatSpec { oars: 2 })).await?;
    let status = Patch::Merge(json!({"status": {"afloat": true}, "spec": {"oars": 9}}));
    let patched = boats.patch_status("dinghy", &PatchParams::default(), &status).await?;
    assert_eq!((patched.spec, patched.status), (BoatSpec { oars: 2 }, Some(BoatStatus { afloat: true })));
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn exec_carries_input_output_errors_and_the_exit_code() -> Result<()> {
    let Some(_alone) = containerd::alone("kube_client::exec").await else { return Ok(()) };
    let server = Server::start(Nodes::Containerd).await?;
    let client = client(&server).await?;
    let pods: Api<Pod> = Api::default_namespaced(client);
    pods.create(&PostParams::default(), &serde_json::from_value(containerd::pod("sample", &json!({})))?).await?;
    let running = await_condition(pods.clone(), "sample", conditions::is_pod_running());
    tokio::time::timeout(PATIENCE, running).await.context("not running")??;
    // The sample image has no shell; these are its applets.
    let echoed = exec(&pods, &["cat", "/dev/stdin"], "typed\n").await?;
    assert_eq!(echoed, ("typed\n".to_owned(), String::new(), None));
    let (out, err, code) = exec(&pods, &["ls", "/none"], "").await?;
    assert_eq!((out.as_str(), code.as_deref()), ("", Some("1")));
    assert!(err.starts_with("ls: /none:"), "{err}");
    server.stop().await?;
    Ok(())
}

/// Output, errors and exit code (none for 0) of a command that is given `input` and then its end.
async fn exec(pods: &Api<Pod>, command: &[&str], input: &str) -> Result<(String, String, Option<String>)> {
    let parameters = AttachParams::default().stdin(true).stdout(true).stderr(true);
    let mut process = pods.exec("sample", command.iter().copied(), &parameters).await?;
    let mut stdin = process.stdin().context("no stdin")?;
    stdin.write_all(input.as_bytes()).await?;
    stdin.shutdown().await?;
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    let (mut stdout, mut stderr) = (process.stdout().context("no stdout")?, process.stderr().context("no stderr")?);
    let status = process.take_status().context("no status")?;
    let read = async { tokio::try_join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err)) };
    tokio::time::timeout(PATIENCE, read).await.context("exec did not end")??;
    let status = status.await.context("exec ended without a status")?;
    let cause = status.details.and_then(|details| details.causes.into_iter().flatten().next());
    Ok((out, err, cause.and_then(|cause| cause.message)))
}
