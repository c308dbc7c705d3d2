//! Several HTTP/2 connections to one API server, used in turn by any number of clients.
//! Fed by the load programs; knows no kind.

use crate::link::{Body, Lines, Target};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Media type of a JSON body.
pub const JSON: &str = "application/json";

/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    token: String,
    senders: Vec<SendRequest<Body>>,
    next: AtomicUsize,
}

impl Pool {
    /// Opens all connections.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub async fn open(target: &Target, token: &str, connections: usize) -> Result<Self> {
        let mut senders = Vec::with_capacity(connections);
        for _ in 0..connections.max(1) {
            senders.push(target.http2().await?);
        }
        let inner = Inner { target: target.clone(), token: token.to_owned(), senders, next: AtomicUsize::new(0) };
        Ok(Pool { inner: Arc::new(inner) })
    }

    /// Sends one request; the answer's body comes whole.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(&self, method: &str, path: &str, kind: &str, body: Bytes) -> Result<(u16, Bytes)> {
        self.deliver(self.inner.target.request(method, path, &self.inner.token, kind, body)?).await
    }

    /// Reads a path in a form.
    ///
    /// # Errors
    /// No answer, or not 200.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Bytes> {
        let mut request = self.inner.target.request("GET", path, &self.inner.token, "", Bytes::new())?;
        request.headers_mut().insert("accept", HeaderValue::from_str(accept)?);
        let (status, body) = self.deliver(request).await?;
        ensure!(status == 200, "GET {path}: {status} {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        Ok(body)
    }

    async fn deliver(&self, request: Request<Body>) -> Result<(u16, Bytes)> {
        let at = self.inner.next.fetch_add(1, Ordering::Relaxed) % self.inner.senders.len();
        let answer = self.inner.senders[at].clone().send_request(request).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Creates, and says what was refused.
    ///
    /// # Errors
    /// No answer, or not 201.
    pub async fn create(&self, path: &str, object: &Value) -> Result<()> {
        let (status, body) = self.send("POST", path, JSON, object.to_string().into()).await?;
        ensure!(status == 201, "POST {path}: {status} {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        Ok(())
    }

    /// Creates many, 64 at a time.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn create_all(&self, objects: impl Iterator<Item = (String, Value)>) -> Result<()> {
        let posts = objects.map(|(path, object)| async move { self.create(&path, &object).await });
        futures::stream::iter(posts).buffer_unordered(64).try_collect::<()>().await
    }

    /// Reads a JSON document.
    ///
    /// # Errors
    /// No answer, not 200, or no JSON.
    pub async fn read(&self, path: &str) -> Result<Value> {
        serde_json::from_slice(&self.get(path, JSON).await?).with_context(|| format!("GET {path}"))
    }

    /// Opens a watch on an HTTP/1.1 connection of its own, so that it shares no flow-control window with requests.
    ///
    /// # Errors
    /// No answer, or not 200.
    pub async fn watch(&self, path: &str) -> Result<Lines> {
        let request = self.inner.target.request("GET", path, &self.inner.token, "", Bytes::new())?;
        let mut sender = self.inner.target.http1().await?;
        let answer = sender.send_request(request).await?;
        ensure!(answer.status() == 200, "GET {path}: {}", answer.status());
        Ok(Lines::new(answer))
    }
    /// Opens several watches of a path on one HTTP/2 connection; each lasts until what is given for it is dropped.
    ///
    /// # Errors
    /// No answer, or not 200.
    pub async fn watches(&self, path: &str, count: usize) -> Result<Vec<Lines>> {
        let mut sender = self.inner.target.http2().await?;
        let mut watches = Vec::with_capacity(count);
        for _ in 0..count {
            let request = self.inner.target.request("GET", path, &self.inner.token, "", Bytes::new())?;
            let answer = sender.send_request(request).await?;
            ensure!(answer.status() == 200, "GET {path}: {}", answer.status());
            watches.push(Lines::new(answer));
        }
        Ok(watches)
    }
}
