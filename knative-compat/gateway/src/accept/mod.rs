//! The users' door: connections, HTTP/1.1 and HTTP/2 with prior knowledge.
//!
//! Fed by the listener; hands each request to [`serve`]. Bound: `connections_max` connections, further ones stay in the
//! kernel's backlog. Must not know routes.

mod answer;
mod probe;
mod serve;

use crate::Gate;
use crate::forward::reply::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use answer::plain;

/// A request's head must have come within this time; it also ends connections that are idle for longer.
const HEAD_S_MAX: u64 = 90;
/// Streams at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 1_000;
/// Flow-control window of one stream and, times eight, of one connection.
const WINDOW_BYTES: u32 = 1 << 20;

/// Accepts until `stopped`, then waits for the connections to end.
pub(crate) async fn run(gate: Arc<Gate>, listener: TcpListener, connections_max: usize, stopped: CancellationToken) {
    let places = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let http = Arc::new(builder());
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stopped.cancelled() => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (gate, http, stopped) = (gate.clone(), http.clone(), stopped.clone());
        connections.spawn(async move {
            connection(gate, &http, stream, peer, stopped).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            // Out of file descriptors, most likely: give others time to end.
            tracing::warn!(%error, "cannot accept");
            tokio::time::sleep(Duration::from_millis(10)).await;
            None
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(HEAD_S_MAX)).pipeline_flush(true);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 8);
    http
}

async fn connection(
    gate: Arc<Gate>,
    http: &auto::Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    stopped: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "cannot set TCP_NODELAY");
    }
    let service = service_fn(|request: Request<Incoming>| {
        let gate = gate.clone();
        async move { Ok::<http::Response<Body>, Infallible>(serve::serve(gate, peer, request).await) }
    });
    let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
