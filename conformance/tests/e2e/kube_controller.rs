//! The `kube` crate's controller runtime: a definition derived from Rust types, a reconciler that applies what it owns and its
//! object's status, a finalizer that has its say; and exec on a fake node.

use crate::kube_client::client;
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, AttachParams, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::watcher;
use kube::{Client, CustomResource, CustomResourceExt, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skiff_conformance::server::{Nodes, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;

const PATIENCE: Duration = Duration::from_secs(60);
const FINALIZER: &str = "ships.skiff.dev/scuttle";

/// What a ship is to be.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, PartialEq, JsonSchema)]
#[kube(group = "ships.skiff.dev", version = "v1", kind = "Ship", namespaced, status = "ShipStatus", shortname = "sh")]
#[kube(printcolumn = r#"{"name":"Masts","type":"integer","jsonPath":".spec.masts"}"#)]
#[kube(validation = "self.spec.masts > 0")]
pub struct ShipSpec {
    masts: u32,
    rig: Option<Rig>,
    #[serde(default)]
    crew: Vec<String>,
}

/// An enumeration in the schema.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rig {
    /// Square sails.
    Square,
    /// Fore and aft.
    Gaff,
}

/// Written by the reconciler only.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
pub struct ShipStatus {
    masts: u32,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error("finalizer: {0}")]
    Finalizer(Box<dyn std::error::Error + Send + Sync>),
}

struct Yard {
    client: Client,
    scuttled: AtomicU32,
}

async fn reconcile(ship: Arc<Ship>, yard: Arc<Yard>) -> Result<Action, Fault> {
    let ships: Api<Ship> = Api::default_namespaced(yard.client.clone());
    finalizer(&ships, FINALIZER, ship, |event| async {
        match event {
            Event::Apply(ship) => build(&ship, &yard.client).await,
            Event::Cleanup(_) => {
                yard.scuttled.fetch_add(1, Ordering::Relaxed);
                Ok(Action::await_change())
            }
        }
    })
    .await
    .map_err(|error| Fault::Finalizer(Box::new(error)))
}

/// Applies a ConfigMap that the ship owns, and the ship's status.
async fn build(ship: &Ship, client: &Client) -> Result<Action, Fault> {
    let name = ship.name_any();
    let owned = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": [ship.controller_owner_ref(&())]},
        "data": {"masts": ship.spec.masts.to_string()},
    });
    let apply = PatchParams::apply("yard").force();
    Api::<ConfigMap>::default_namespaced(client.clone()).patch(&name, &apply, &Patch::Apply(owned)).await?;
    let status = json!({"apiVersion": "ships.skiff.dev/v1", "kind": "Ship", "status": {"masts": ship.spec.masts}});
    Api::<Ship>::default_namespaced(client.clone()).patch_status(&name, &apply, &Patch::Apply(status)).await?;
    Ok(Action::await_change())
}

/// Reads until the test holds.
async fn until<K>(api: &Api<K>, name: &str, test: impl Fn(Option<&K>) -> bool) -> Result<Option<K>>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = api.get_opt(name).await?;
        if test(found.as_ref()) {
            return Ok(found);
        }
        ensure!(tokio::time::Instant::now() < deadline, "not as wanted: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn define(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.patch("ships.ships.skiff.dev", &PatchParams::apply("yard"), &Patch::Apply(Ship::crd())).await?;
    let established = await_condition(definitions, "ships.ships.skiff.dev", conditions::is_crd_established());
    tokio::time::timeout(PATIENCE, established).await.context("not established")??;
    Ok(())
}

#[tokio::test]
async fn a_derived_definition_is_enforced() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let client = client(&server).await?;
    define(&client).await?;
    let ships: Api<Ship> = Api::default_namespaced(client.clone());
    let refusal = |answer: kube::Result<Ship>| match answer {
        Err(kube::Error::Api(status)) => Ok(*status),
        other => Err(anyhow::anyhow!("not refused by the server: {other:?}")),
    };
    let none = refusal(ships.create(&PostParams::default(), &Ship::new("raft", spec(0))).await)?;
    assert_eq!((none.code, none.reason.as_str()), (422, "Invalid"));
    ensure!(none.message.contains("failed rule: self.spec.masts > 0"), "{}", none.message);
    let raw: Api<kube::core::DynamicObject> = Api::default_namespaced_with(client, &kube::core::ApiResource::erase::<Ship>(&()));
    let odd = |spec: Value| -> Result<kube::core::DynamicObject> {
        Ok(serde_json::from_value(
            json!({"apiVersion": "ships.skiff.dev/v1", "kind": "Ship", "metadata": {"name": "odd"}, "spec": spec}),
        )?)
    };
    for (spec, words) in [
        (json!({"masts": 1, "rig": "lateen"}), "spec.rig: Unsupported value: \"lateen\""),
        (json!({"masts": -1}), "spec.masts: Invalid value"),
        (json!({"rig": "gaff"}), "spec.masts: Required value"),
    ] {
        let answer = raw.create(&PostParams::default(), &odd(spec)?).await;
        let Err(kube::Error::Api(status)) = &answer else { anyhow::bail!("not refused by the server: {answer:?}") };
        ensure!(status.code == 422 && status.message.contains(words), "{}", status.message);
    }
    let made = ships.create(&PostParams::default(), &Ship::new("brig", ShipSpec { rig: Some(Rig::Square), ..spec(2) })).await?;
    assert_eq!((made.spec.rig, made.metadata.generation), (Some(Rig::Square), Some(1)));
    server.stop().await?;
    Ok(())
}

fn spec(masts: u32) -> ShipSpec {
    ShipSpec { masts, rig: None, crew: Vec::new() }
}

#[tokio::test]
async fn a_controller_keeps_what_it_owns() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let client = client(&server).await?;
    define(&client).await?;
    let (ships, maps): (Api<Ship>, Api<ConfigMap>) =
        (Api::default_namespaced(client.clone()), Api::default_namespaced(client.clone()));
    let yard = Arc::new(Yard { client, scuttled: AtomicU32::new(0) });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let controller = Controller::new(ships.clone(), watcher::Config::default().streaming_lists())
        .owns(maps.clone(), watcher::Config::default())
        .graceful_shutdown_on(async { drop(stopped.await) })
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(200)), yard.clone())
        .for_each(|_| async {});
    let controller = tokio::spawn(controller);
    ships.create(&PostParams::default(), &Ship::new("brig", spec(2))).await?;
    let masts = |wanted: u32| move |ship: Option<&Ship>| ship.and_then(|s| s.status.as_ref()).is_some_and(|s| s.masts == wanted);
    let ship = until(&ships, "brig", masts(2)).await?.context("no ship")?;
    assert_eq!(ship.finalizers(), [FINALIZER]);
    let first = maps.get("brig").await?;
    assert_eq!(first.owner_references().first().map(|owner| owner.uid.clone()), ship.uid());
    ships.patch("brig", &PatchParams::default(), &Patch::Merge(json!({"spec": {"masts": 3}}))).await?;
    until(&ships, "brig", masts(3)).await?;
    assert_eq!(maps.get("brig").await?.data.and_then(|data| data.get("masts").cloned()).as_deref(), Some("3"));
    // Deleted by hand, it comes back as another.
    maps.delete("brig", &DeleteParams::default()).await?;
    until(&maps, "brig", |map| map.is_some_and(|map| map.uid() != first.uid())).await?;
    ships.delete("brig", &DeleteParams::default()).await?;
    until(&ships, "brig", |ship| ship.is_none()).await?;
    until(&maps, "brig", |map| map.is_none()).await?;
    assert_eq!(yard.scuttled.load(Ordering::Relaxed), 1);
    drop(stop);
    tokio::time::timeout(PATIENCE, controller).await.context("the controller does not end")??;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn exec_on_a_fake_node_says_its_command() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let pods: Api<Pod> = Api::default_namespaced(client(&server).await?);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    let running = await_condition(pods.clone(), "one", conditions::is_pod_running());
    tokio::time::timeout(PATIENCE, running).await.context("not running")??;
    let mut process = pods.exec("one", ["echo", "hello"], &AttachParams::default().stderr(false)).await?;
    let status = process.take_status().context("no status")?;
    let mut out = String::new();
    process.stdout().context("no stdout")?.read_to_string(&mut out).await?;
    assert_eq!(out, "echo hello\n");
    assert_eq!(status.await.and_then(|status| status.status).as_deref(), Some("Success"));
    server.stop().await?;
    Ok(())
}
