//! A second user who reads while the first one misbehaves, and the server's memory meanwhile. Used by the tests of bounds.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use skiff_conformance::server::{Server, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest that a neighbour may wait for an answer. Generous: a debug build on a machine that does other things as well.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest that a raw exchange may take.
const EXCHANGE_MAX: Duration = Duration::from_secs(90);

/// A session as a ServiceAccount of its own that may do everything.
pub async fn second_user(server: &Server) -> Result<Session> {
    let admin = server.session()?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "neighbour"}});
    admin.create("/api/v1/namespaces/default/serviceaccounts", &account).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "neighbour"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "neighbour", "namespace": "default"}],
    });
    admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await?;
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let token = admin.create("/api/v1/namespaces/default/serviceaccounts/neighbour/token", &request).await?;
    Ok(Session::new(server.target()?, token.at("/status/token").to_owned()))
}

/// Runs `misbehave` while the second user reads every 50 ms; fails if that user is refused or kept waiting, or if the server's
/// memory grows by more than `growth_mib_max` at any moment.
pub async fn undisturbed<T>(server: &Server, growth_mib_max: u64, misbehave: impl Future<Output = Result<T>>) -> Result<T> {
    let (neighbour, process) = (second_user(server).await?, server.role("apiserver")?);
    let before = process.resident()?;
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (stop, process) = (stop.clone(), process.clone());
        async move {
            let (mut answers, mut slowest, mut peak) = (0, Duration::ZERO, 0);
            // A misdeed that is over at once is looked at from both sides all the same.
            while !stop.load(Ordering::Relaxed) || answers < 3 {
                let asked = Instant::now();
                let answer = neighbour.get("/api/v1/namespaces/kube-system/configmaps?limit=1").await?;
                ensure!(answer.status == 200, "the neighbour was refused: {} {}", answer.status, answer.text);
                slowest = slowest.max(asked.elapsed());
                peak = process.resident().context("the server is gone")?.max(peak);
                answers += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok((answers, slowest, peak))
        }
    });
    let result = misbehave.await;
    // One more look after the last misdeed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let (answers, slowest, peak) = reader.await??;
    let result = result?;
    let growth_mib = peak.saturating_sub(before) >> 20;
    println!("neighbour: {answers} answers, the slowest after {slowest:?}; memory grew by {growth_mib} MiB at most");
    ensure!(answers > 2 && slowest < ANSWER_MAX, "the neighbour got {answers} answers, the slowest after {slowest:?}");
    ensure!(growth_mib <= growth_mib_max, "memory grew by {growth_mib} MiB, more than {growth_mib_max}");
    ensure!(process.alive(), "the server's process is another one now");
    Ok(result)
}

/// The head of an HTTP/1.1 request by hand, with a token and further header lines; the connection ends with the answer.
pub fn head(method: &str, path: &str, token: &str, lines: &[&str]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: skiff\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head
}

/// Sends bytes on a connection of their own and reads the answer to its end, as text. What is written may break off: a server
/// that refuses need not listen to all of it.
pub async fn exchange(session: &Session, parts: &[&[u8]]) -> Result<String> {
    let (mut from, mut to) = tokio::io::split(session.target.stream(b"http/1.1").await?);
    let write = async {
        for part in parts {
            if to.write_all(part).await.is_err() {
                break;
            }
        }
        let _ = to.flush().await;
    };
    let mut answer = Vec::new();
    let read = async {
        // A connection that is cut without TLS's goodbye has still answered.
        let _ = from.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(EXCHANGE_MAX, futures::future::join(write, read)).await.context("no answer in time")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
