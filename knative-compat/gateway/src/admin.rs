//! The operators' door: `/metrics`, `/healthz` (alive) and `/readyz` (routes have been heard).
//!
//! Fed by probes and scrapers; only reads.

use crate::Gate;
use crate::forward::reply::Body;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serves until the task is ended.
pub(crate) async fn run(gate: Arc<Gate>, listener: TcpListener) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the admin address");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let gate = gate.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let response = answer(&gate, request.uri().path());
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "admin connection ended");
            }
        });
    }
}

fn answer(gate: &Gate, path: &str) -> Response<Body> {
    match path {
        "/metrics" => {
            gate.meters.for_each(|revision| {
                if let Some(rules) = revision.rules() {
                    let (in_flight, waiting) = (revision.meter.in_flight(), revision.room.waiting());
                    gate.metrics.observe(&rules.route.namespace, &rules.route.name, in_flight, waiting);
                }
            });
            let mut text = gate.metrics.text();
            let (hosts, revisions) = gate.table.counts();
            let (up, dropped) = (u8::from(gate.uplink.is_up()), gate.uplink.dropped());
            let own = format!(
                "# TYPE skiff_gateway_hosts gauge\nskiff_gateway_hosts {hosts}\n\
                 # TYPE skiff_gateway_revisions gauge\nskiff_gateway_revisions {revisions}\n\
                 # TYPE skiff_gateway_session_up gauge\nskiff_gateway_session_up {up}\n\
                 # TYPE skiff_gateway_loads_dropped_total counter\nskiff_gateway_loads_dropped_total {dropped}\n"
            );
            text.extend_from_slice(own.as_bytes());
            page(StatusCode::OK, text)
        }
        "/healthz" => page(StatusCode::OK, "ok"),
        "/readyz" if gate.table.is_synced() => page(StatusCode::OK, "ok"),
        "/readyz" => page(StatusCode::SERVICE_UNAVAILABLE, "no routes yet"),
        _ => page(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

fn page(status: StatusCode, text: impl Into<hyper::body::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response
}
