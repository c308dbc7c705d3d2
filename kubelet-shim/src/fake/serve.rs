//! The one HTTP server at which all sandboxes of a fleet answer: `Hello World!`, as fast as can be.
//!
//! Fed by the gateway's forwarded requests, over HTTP/1.1 with keep-alive or HTTP/2 with prior knowledge. Must not know
//! which sandbox is meant.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What every sandbox says.
const BODY: &[u8] = b"Hello World!\n";
/// Connections at a time; further ones wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 65_536;

/// Serves until the task is ended.
pub(super) async fn run(listener: TcpListener) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Small answers must not wait for the peer's acknowledgement.
        stream.set_nodelay(true).ok();
        connections.spawn(async move {
            let http = Builder::new(TokioExecutor::new());
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service_fn(hello)).await {
                tracing::trace!(%error, "connection ended");
            }
        });
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
