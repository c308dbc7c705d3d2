//! Reads that are large, many or slow: lists are sent as they are made, watchers that sleep cost little, those that do not take
//! their events are cut with a word, and continue tokens say when they have expired.

use crate::neighbour::{head, undisturbed};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use futures::future::try_join_all;
use http_body_util::BodyExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use skiff_conformance::link::Stream;
use skiff_conformance::server::{Nodes, Server, Session};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str, bytes: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v".repeat(bytes)}})
}

async fn create(session: &Session, count: usize, bytes: usize) -> Result<()> {
    let posts = (0..count).map(|i| async move { session.create(MAPS, &config_map(&format!("m-{i:04}"), bytes)).await });
    let answers: Vec<_> = futures::stream::iter(posts).buffer_unordered(8).collect().await;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

/// Asks for a path on a connection of its own and reads nothing of the answer.
async fn unread(session: &Session, path: &str, accept: &str) -> Result<Box<dyn Stream>> {
    let mut stream = session.target.stream(b"http/1.1").await?;
    stream.write_all(head("GET", path, &session.token, &[&format!("Accept: {accept}")]).as_bytes()).await?;
    stream.flush().await?;
    Ok(stream)
}

#[tokio::test]
async fn long_lists_are_sent_as_they_are_made() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    create(&session, 400, 100_000).await?;
    // Twelve lists of 40 MB that nobody reads: built, they would take 480 MB.
    let held = undisturbed(&server, 160, async {
        let lists = (0..12).map(|_| unread(&session, MAPS, "application/json"));
        let lists = try_join_all(lists).await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(lists)
    })
    .await?;
    // One that is read after all is whole.
    let mut bytes = Vec::new();
    let mut list = held.into_iter().next().context("twelve")?;
    tokio::time::timeout(Duration::from_secs(60), list.read_to_end(&mut bytes)).await.context("the list does not end")??;
    let text = String::from_utf8(bytes)?;
    ensure!(text.contains("m-0000") && text.contains("m-0399") && text.trim_end().ends_with("0"), "not whole");
    let whole = session.get(MAPS).await?;
    ensure!(whole.items().len() == 401, "{} items", whole.items().len());
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_watcher_that_takes_nothing_is_cut_with_a_word() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    session.create(MAPS, &config_map("busy", 1)).await?;
    let mut slow = undisturbed(&server, 300, async {
        let slow = unread(&session, &format!("{MAPS}?watch=true"), "application/json").await?;
        // More than the kernel's buffers and the watcher's own hold together.
        for i in 0..300 {
            let patch = json!({"data": {"k": "x".repeat(100_000), "i": i.to_string()}}).to_string();
            let answer = session.send("PATCH", &format!("{MAPS}/busy"), "application/merge-patch+json", patch.into()).await?;
            ensure!(answer.status == 200, "{}", answer.text);
        }
        tokio::time::sleep(Duration::from_secs(35)).await;
        Ok(slow)
    })
    .await?;
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), slow.read_to_end(&mut bytes)).await.context("the watch does not end")??;
    let text = String::from_utf8(bytes)?;
    let last = text.lines().rfind(|line| line.starts_with('{')).context("no event")?;
    let event: Value = serde_json::from_str(last)?;
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(429)), "{event}");
    // It resumes from its last version and misses nothing.
    let before = text.lines().rfind(|line| line.contains("\"MODIFIED\"")).context("no event before")?;
    let version = serde_json::from_str::<Value>(before)?["object"]["metadata"]["resourceVersion"].clone();
    let path = format!("{MAPS}?watch=true&resourceVersion={}", version.as_str().unwrap_or_default());
    let (status, mut lines) = session.watch(&path).await?;
    let next: Value = serde_json::from_slice(&lines.next(Duration::from_secs(20)).await?.context("no next event")?)?;
    assert_eq!((status, &next["type"]), (200, &json!("MODIFIED")));
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn idle_watches_cost_little_and_wake_for_their_own_resource() -> Result<()> {
    const WATCHES: usize = 2_000;
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    let process = server.role("apiserver")?;
    let mut watches = undisturbed(&server, 120, async {
        let mut watches = Vec::with_capacity(WATCHES);
        for _ in 0..WATCHES / 200 {
            let mut sender = session.target.http2().await?;
            for _ in 0..200 {
                let path = format!("{MAPS}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Drung");
                let request = session.target.request("GET", &path, &session.token, "", bytes::Bytes::new())?;
                let answer = sender.send_request(request).await?;
                ensure!(answer.status() == 200, "{}", answer.status());
                watches.push(answer.into_body());
            }
        }
        Ok(watches)
    })
    .await?;
    // Writes to another resource wake none of them: with 2,000 of them awake at each, this would take minutes of CPU.
    let before = process.cpu_seconds()?;
    for i in 0..100 {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s-{i}")}});
        session.create("/api/v1/namespaces/default/secrets", &secret).await?;
    }
    let spent = process.cpu_seconds()? - before;
    ensure!(spent < 10.0, "100 writes with {WATCHES} watches of another resource took {spent} s of CPU");
    session.create(MAPS, &config_map("rung", 1)).await?;
    for watch in watches.iter_mut().step_by(100) {
        let frame = tokio::time::timeout(Duration::from_secs(20), watch.frame()).await.context("no event")?;
        let data = frame.context("the watch ended")??.into_data().ok().context("no data")?;
        ensure!(data.starts_with(b"{\"type\":\"ADDED\""), "{}", String::from_utf8_lossy(&data));
    }
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn continue_tokens_expire_honestly() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    create(&session, 6, 1).await?;
    let page = |token: &str| format!("{MAPS}?limit=4&continue={token}");
    let first = session.get(&page("")).await?;
    let token = first.at("/metadata/continue").to_owned();
    ensure!(first.items().len() == 4 && first.body["metadata"]["remainingItemCount"] == 3, "{}", first.text);
    // The snapshot of a token is what was there then, whatever happened since.
    let gone = session.send("DELETE", &format!("{MAPS}/m-0005"), "", bytes::Bytes::new()).await?;
    ensure!(gone.status == 200, "{}", gone.text);
    let second = session.get(&page(&token)).await?;
    let names: Vec<&str> = second.items().iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["m-0003", "m-0004", "m-0005"], "the first item is kube-root-ca.crt");
    // After a restart no snapshot from before is left.
    server.role("apiserver")?.signal(Signal::SIGKILL);
    let deadline = Instant::now() + Duration::from_secs(60);
    let expired = loop {
        match session.get(&page(&token)).await {
            Ok(answer) if answer.status == 410 => break answer,
            _ if Instant::now() > deadline => anyhow::bail!("the token did not expire with its snapshot"),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    assert_eq!(expired.at("/reason"), "Expired");
    // The refusal has a token that goes on from there with what is there now.
    let rest = session.get(&page(expired.at("/metadata/continue"))).await?;
    let names: Vec<&str> = rest.items().iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["m-0003", "m-0004"]);
    server.stop().await?;
    Ok(())
}
