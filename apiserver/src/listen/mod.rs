//! Connections: TLS with optional client certificates, HTTP/1.1 and HTTP/2, and the first fork of each request: paths of the
//! house itself, agents' upgrades, the resource tree.

mod answer;
mod paths;
mod tls;

pub use tls::Certificates;

use crate::admit::authenticate::{self, Peer};
use crate::admit::limits::{Seat, Seats};
use crate::decode::Target;
use crate::status::{Outcome, Refusal};
use crate::verbs::house::House;
use crate::verbs::serve;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// Connections at once; more wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Seconds for a TLS handshake.
const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Seconds for the headers of a request over HTTP/1, which a connection between two requests may take as well (upstream: 32).
const HEADER_SECONDS_MAX: u64 = 32;
/// Bytes of a request's headers.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Accepts connections until dropped.
pub async fn run(house: Arc<House>, listener: TcpListener, tls: TlsAcceptor) {
    let seats = Arc::new(Seats::default());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others must end first.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (house, tls, seats) = (house.clone(), tls.clone(), seats.clone());
        tokio::spawn(async move {
            connection(house, seats, tls, stream, address).await;
            drop(permit);
        });
    }
}

async fn connection(house: Arc<House>, seats: Arc<Seats>, tls: TlsAcceptor, stream: tokio::net::TcpStream, address: SocketAddr) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), tls.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else { return };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate =
        certificate.and_then(|der| skiff_access::user_of_certificate(der)).map(skiff_access::User::with_authenticated_group);
    let peer = Arc::new(Peer { certificate, address: Some(address) });
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (house, seats, peer) = (house.clone(), seats.clone(), peer.clone());
        async move { Ok::<_, std::convert::Infallible>(handle(house, seats, peer, request.map(Body::new)).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADER_SECONDS_MAX))
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .max_concurrent_streams(250)
        .keep_alive_interval(Duration::from_secs(30))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    if let Err(error) = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
        tracing::debug!(%error, %address, "connection");
    }
}

/// One request.
async fn handle(house: Arc<House>, seats: Arc<Seats>, peer: Arc<Peer>, request: Request<Body>) -> Response<Body> {
    let started = std::time::Instant::now();
    let method = request.method().clone();
    let audit = request.headers().get("audit-id").cloned();
    let head = method == http::Method::HEAD;
    let mut warnings = Vec::new();
    let result = route(&house, &seats, &peer, request, &mut warnings).await;
    let response = answer::finish(result, &warnings, audit, head);
    house.metrics.request(method.as_str(), response.status().as_u16(), started.elapsed());
    response
}

async fn route(
    house: &Arc<House>,
    seats: &Seats,
    peer: &Peer,
    mut request: Request<Body>,
    warnings: &mut Vec<String>,
) -> Outcome<Response<Body>> {
    let user = authenticate::user(house, peer, request.headers())?;
    let user = authenticate::impersonated(house, user, request.method(), request.uri(), request.headers())?;
    let path = request.uri().path().to_owned();
    if path.starts_with("/skiff/v1/agents/") {
        return paths::agent(house, &user, &path, request);
    }
    match Target::parse(&path) {
        // Whoever only asks for health must learn it, whatever else the same user does.
        Target::Path(path) if paths::is_health(&path) => paths::serve(house, &user, &path, request).await,
        Target::Path(path) => {
            let _seat = seats.take(&user.name)?;
            paths::serve(house, &user, &path, request).await
        }
        Target::Resource(address) => {
            let long = request.uri().query().is_some_and(|q| q.contains("watch=")) || !address.subresource.is_empty();
            // What goes on after the answer has begun (a list, a watch's first events) keeps the seat with it.
            let seat: Arc<Seat> = Arc::new(seats.take(&user.name)?);
            request.extensions_mut().insert(seat);
            let wait = if long { Duration::from_secs(u64::from(u32::MAX)) } else { Duration::from_secs(60) };
            let served = tokio::time::timeout(wait, serve::serve(house.clone(), user, address, request, warnings)).await;
            served.unwrap_or_else(|_| Err(timed_out()))
        }
    }
}

fn timed_out() -> Refusal {
    Refusal::new(504, "Timeout", "Timeout: request did not complete within the allotted timeout")
}
