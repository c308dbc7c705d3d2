//! exec, attach and port-forward: an upgraded connection of a client joined with a side stream of a node.
//!
//! Fed by requests to the three subresources of Pods. This room speaks the clients' protocols (WebSocket channels, SPDY/3.1,
//! SPDY in WebSocket); it must not know how a node runs a process or reaches a port.

mod channel;
mod console;
mod flow;
mod forward;
mod handshake;
mod job;
mod side;
mod spdy;
mod tunnel;

use super::ask::Ask;
use super::house::House;
use super::pods::placed;
use crate::status::{Outcome, Refusal};
use axum::body::Body;
use handshake::Tongue;
use http::{Request, Response};
use job::{ConsoleJob, ForwardJob, Job};
use side::Dial;
use spdy::Session;
use std::sync::Arc;

/// Subprotocols that tunnel SPDY in WebSocket.
const TUNNELS: [&str; 1] = ["SPDY/3.1+portforward.k8s.io"];

/// Upgrades a request to `exec`, `attach` or `portforward`.
///
/// # Errors
/// 400 for a request that is no upgrade, 404 for an unknown Pod or container.
pub async fn upgrade(house: Arc<House>, ask: Arc<Ask>, request: Request<Body>) -> Outcome<Response<Body>> {
    let placed = placed(&house, &ask)?;
    let job = Job::of(&ask, &placed)?;
    let Some(node) = placed.node else {
        return Err(Refusal::bad_request(format!("pod {} does not have a host assigned", ask.address.name)));
    };
    begin(job, side::dial(house, node), request).await
}

async fn begin(job: Job, dial: Dial, request: Request<Body>) -> Outcome<Response<Body>> {
    match (handshake::tongue(request.headers())?, job) {
        (Tongue::WebSocket, Job::Console(job)) => console_in_websocket(job, dial, request).await,
        (Tongue::WebSocket, Job::Forward(job)) => forward_in_websocket(job, dial, request).await,
        (Tongue::Spdy, Job::Console(job)) => handshake::spdy(
            request,
            &console::spdy::PROTOCOLS,
            |p| p.name,
            |protocol, raw| console::spdy::serve(Session::new(raw), *protocol, job, dial),
        ),
        (Tongue::Spdy, Job::Forward(job)) => handshake::spdy(
            request,
            &[forward::spdy::PROTOCOL],
            |p| p,
            |_, raw| forward::spdy::serve(Session::new(raw), job, dial),
        ),
    }
}

async fn console_in_websocket(job: ConsoleJob, dial: Dial, request: Request<Body>) -> Outcome<Response<Body>> {
    let offered = handshake::subprotocols(request.headers());
    let protocol = *handshake::choose(&offered, &console::websocket::PROTOCOLS, |p| p.name)?;
    handshake::websocket(request, protocol.name, move |socket| console::websocket::serve(socket, protocol, job, dial)).await
}

async fn forward_in_websocket(job: ForwardJob, dial: Dial, request: Request<Body>) -> Outcome<Response<Body>> {
    let offered = handshake::subprotocols(request.headers());
    if let Some(tunnel) = TUNNELS.into_iter().find(|t| offered.iter().any(|o| o == t)) {
        return handshake::websocket(request, tunnel, |socket| {
            forward::spdy::serve(Session::new(tunnel::through(socket)), job, dial)
        })
        .await;
    }
    let (name, form) = *handshake::choose(&offered, &forward::websocket::PROTOCOLS, |p| p.0)?;
    let ports = forward::websocket::ports(&job.ports)?;
    handshake::websocket(request, name, move |socket| forward::websocket::serve(socket, form, ports, job, dial)).await
}

#[cfg(test)]
mod tests;
