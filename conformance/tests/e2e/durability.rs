//! What survives `kill -9` of the control plane: every acknowledged object. What does not: a watch from before.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use skiff_conformance::server::{Nodes, Server, Session};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const PATIENCE: Duration = Duration::from_secs(60);

/// Creates ConfigMaps one after another until told to stop or unheard; gives the names that were acknowledged.
async fn stream(session: Session, client: usize, stop: Arc<AtomicBool>) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("s-{client}-{i}");
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": i.to_string()}});
        match session.send("POST", MAPS, "application/json", Bytes::from(body.to_string())).await {
            Ok(answer) if answer.status == 201 => {
                acknowledged.insert(name);
            }
            // Refused or unheard while the server was away: no promise was made.
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    acknowledged
}

/// Kills the API server's process under its supervisor and waits for the next one to serve.
pub async fn kill_and_wait(server: &Server) -> Result<()> {
    let killed = server.role("apiserver")?;
    killed.signal(Signal::SIGKILL);
    let session = server.session()?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let another = server.role("apiserver").is_ok_and(|now| now.pid != killed.pid);
        if another && session.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "no new API server after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn names(items: &[Value]) -> BTreeSet<String> {
    items.iter().filter_map(|item| item["metadata"]["name"].as_str()).map(str::to_owned).collect()
}

/// Name to uid of all pods.
async fn uids(session: &Session) -> Result<BTreeMap<String, String>> {
    let answer = session.get("/api/v1/namespaces/default/pods").await?;
    let text = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
    Ok(answer.items().iter().map(|item| (text(item, "name"), text(item, "uid"))).collect())
}

#[tokio::test]
async fn acknowledged_objects_survive_a_kill_under_load() -> Result<()> {
    let server = Server::start(Nodes::Fake(2)).await?;
    let session = server.session()?;
    let stop = Arc::new(AtomicBool::new(false));
    let streams: Vec<_> = (0..4).map(|client| tokio::spawn(stream(session.clone(), client, stop.clone()))).collect();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        kill_and_wait(&server).await?;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = BTreeSet::new();
    for stream in streams {
        acknowledged.extend(stream.await?);
    }
    let there = names(session.get(MAPS).await?.items());
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    ensure!(acknowledged.len() > 20, "only {} creates were acknowledged: nothing was tried", acknowledged.len());
    ensure!(lost.is_empty(), "{} of {} acknowledged objects are gone: {lost:?}", lost.len(), acknowledged.len());
    server.stop().await?;
    Ok(())
}

/// Updates one Lease again and again: it takes versions, but no place in the log.
async fn renew(session: Session, stop: Arc<AtomicBool>) -> Result<()> {
    let body = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}});
    session.create(LEASES, &body).await?;
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let patch = json!({"spec": {"holderIdentity": i.to_string()}}).to_string();
        let answer = session.send("PATCH", &format!("{LEASES}/l"), "application/merge-patch+json", patch.into()).await?;
        ensure!(answer.status == 200, "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn updates_and_deletions_beside_leases_survive_a_kill() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    let stop = Arc::new(AtomicBool::new(false));
    let renewals = tokio::spawn(renew(session.clone(), stop.clone()));
    for i in 0..60 {
        let (name, merge) = (format!("m-{i}"), "application/merge-patch+json");
        session.create(MAPS, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})).await?;
        let patched = session.send("PATCH", &format!("{MAPS}/{name}"), merge, r#"{"data":{"k":"2"}}"#.into()).await?;
        ensure!(patched.status == 200, "{}", patched.text);
        if i % 2 == 0 {
            let deleted = session.send("DELETE", &format!("{MAPS}/{name}"), "", Bytes::new()).await?;
            ensure!(deleted.status == 200, "{}", deleted.text);
        }
    }
    stop.store(true, Ordering::Relaxed);
    renewals.await??;
    // The last entry's versions are said by a further one, within a moment.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = session.get(MAPS).await?.body["items"].clone();
    kill_and_wait(&server).await?;
    assert_eq!(session.get(MAPS).await?.body["items"], before);
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn sandboxes_survive_a_kill_and_are_the_same() -> Result<()> {
    let server = Server::start(Nodes::Fake(2)).await?;
    let session = server.session()?;
    session.create(DEPLOYMENTS, &deployment("web", 5)).await?;
    let ready = |answer: &skiff_conformance::server::Answer| answer.body["status"]["readyReplicas"] == 5;
    session.until(&format!("{DEPLOYMENTS}/web"), PATIENCE, ready).await?;
    let before = uids(&session).await?;
    kill_and_wait(&server).await?;
    session.until(&format!("{DEPLOYMENTS}/web"), PATIENCE, ready).await?;
    assert_eq!(uids(&session).await?, before);
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_version_from_before_a_kill_is_gone() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    let version = session.get(MAPS).await?.at("/metadata/resourceVersion").to_owned();
    kill_and_wait(&server).await?;
    let (status, mut lines) = session.watch(&format!("{MAPS}?watch=true&resourceVersion={version}")).await?;
    // A server may say it as the answer's status or as the first event; clients take both for "list again".
    let first = lines.next(Duration::from_secs(10)).await?.context("a watch without a word")?;
    let said: Value = serde_json::from_slice(&first)?;
    let code = if status == 200 { &said["object"]["code"] } else { &said["code"] };
    assert_eq!((code, status == 200 || status == 410), (&json!(410), true), "{said}");
    let now = session.get(MAPS).await?.at("/metadata/resourceVersion").parse::<u64>()?;
    assert!(now > version.parse::<u64>()?, "a version went back: {version} to {now}");
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_second_start_finds_the_first_ones_state() -> Result<()> {
    let server = Server::start(Nodes::Fake(2)).await?;
    let session = server.session()?;
    session.create(DEPLOYMENTS, &deployment("web", 2)).await?;
    let token = server.token.clone();
    let server = Server::start_in(server.stop().await?).await?;
    assert_eq!(server.token, token);
    let ready = |answer: &skiff_conformance::server::Answer| answer.body["status"]["readyReplicas"] == 2;
    server.session()?.until(&format!("{DEPLOYMENTS}/web"), PATIENCE, ready).await?;
    server.stop().await?;
    Ok(())
}

fn deployment(name: &str, replicas: u32) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "dev.local/web:1"}]},
        }},
    })
}
