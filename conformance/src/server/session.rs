//! A raw JSON client of one API server: a connection per request, so that it works across the server's restarts.
//!
//! Fed by tests that look behind what the real clients show. Knows paths, not kinds.

use crate::link::{Lines, Target, whole};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Longest silence of a server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where, and as whom.
#[derive(Clone, Debug)]
pub struct Session {
    /// The server.
    pub target: Target,
    /// Bearer token, or empty.
    pub token: String,
}

/// An answer that has been read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// As JSON; null if it is none.
    pub body: Value,
    /// As it came.
    pub text: String,
}

impl Answer {
    /// A text at a JSON pointer, or empty.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        self.body.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

impl Session {
    /// A client of `target`.
    #[must_use]
    pub fn new(target: Target, token: String) -> Self {
        Session { target, token }
    }

    /// Sends a request with a content type.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(&self, method: &str, path: &str, kind: &str, body: Bytes) -> Result<Answer> {
        let request = self.target.request(method, path, &self.token, kind, body)?;
        let exchange = async {
            let mut sender = self.target.http1().await?;
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            anyhow::Ok((status, whole(answer, PATIENCE).await?))
        };
        let (status, bytes) = tokio::time::timeout(PATIENCE, exchange).await.context("no answer in time")??;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, body, text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// Reads.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", Bytes::new()).await
    }

    /// Creates; anything but 201 is an error.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Answer> {
        let answer = self.send("POST", path, "application/json", object.to_string().into()).await?;
        ensure!(answer.status == 201, "POST {path}: {} {}", answer.status, answer.text);
        Ok(answer)
    }

    /// Opens a watch.
    ///
    /// # Errors
    /// No answer; a refusal comes as a status.
    pub async fn watch(&self, path: &str) -> Result<(u16, Lines)> {
        let request = self.target.request("GET", path, &self.token, "", Bytes::new())?;
        let mut sender = self.target.http1().await?;
        let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.context("no answer in time")??;
        Ok((answer.status().as_u16(), Lines::new(answer)))
    }

    /// Reads `path` until `test` holds.
    ///
    /// # Errors
    /// It does not within `patience`; the last answer is part of the error.
    pub async fn until(&self, path: &str, patience: Duration, test: impl Fn(&Answer) -> bool) -> Result<Answer> {
        let deadline = Instant::now() + patience;
        loop {
            let last = match self.get(path).await {
                Ok(answer) if test(&answer) => return Ok(answer),
                Ok(answer) => answer.text,
                Err(error) => format!("{error:#}"),
            };
            ensure!(Instant::now() < deadline, "GET {path}: not as wanted after {patience:?}; last answer: {last}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many nodes are Ready.
    ///
    /// # Errors
    /// No answer.
    pub async fn ready_nodes(&self) -> Result<usize> {
        let answer = self.get("/api/v1/nodes").await?;
        Ok(answer.items().iter().filter(|node| is_true(node, "Ready")).count())
    }
}

/// Whether an object's condition is `True`.
fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == condition && one["status"] == "True"))
}
