//! To the sandbox and back: connections, headers, timeouts, streaming.
//!
//! Fed with a request that has a place; gives an answer whose body keeps the place until its end. A request is sent again only
//! when not one byte of it was written. Must not know hosts or splits.

pub(crate) mod headers;
pub(crate) mod pool;
pub(crate) mod reply;
mod tunnel;

use crate::Gate;
use crate::accept::plain;
use crate::balance::Lease;
use crate::breakdown;
use crate::load::Visit;
use crate::revision::{Revision, Rules};
use crate::wait;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use pool::{Line, SendError};
use reply::{Body, Limits, Reply};
use skiff_engine::wire::Load;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Connections tried for one request.
const ATTEMPTS_MAX: u32 = 4;
/// A sandbox that refused a connection is avoided for so many microseconds.
const AVOID_US: u64 = 200_000;
/// Pause before a further attempt, times the attempts so far.
const PAUSE_MS: u64 = 10;
/// `Server-Timing`.
const SERVER_TIMING: http::HeaderName = http::HeaderName::from_static("server-timing");

/// What belongs to one request besides the request.
pub(crate) struct Errand {
    pub(crate) gate: Arc<Gate>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) visit: Visit,
    pub(crate) arrived: Instant,
    /// It had to wait for its place.
    pub(crate) waited: bool,
}

/// Sends the request to the sandbox of `lease` (or, if that can't be reached, another one).
pub(crate) async fn forward(errand: Errand, lease: Lease, mut request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    let client = headers::take_upgrade(&mut request, errand.rules.route.h2c);
    if errand.rules.route.h2c {
        headers::for_http2(&mut request);
    } else {
        headers::for_http1(&mut request);
    }
    let (mut lease, mut attempt) = (lease, 0);
    loop {
        attempt += 1;
        let failure = match connect(&errand, &lease).await {
            Ok(line) => match send(&errand, line, request, began).await {
                Ok((response, line)) => return answer(errand, lease, line, response, client, began),
                // A kept connection that the application closed meanwhile: the same sandbox gets it on another one.
                Err(Failure::Unsent(back, failure)) if attempt < ATTEMPTS_MAX => {
                    tracing::debug!(failure, "sent again");
                    request = *back;
                    continue;
                }
                Err(Failure::Unsent(_, failure)) => return bad_gateway(&failure),
                Err(Failure::Final(response)) => return response,
            },
            Err(error) => {
                avoid(&errand, &lease);
                format!("dial tcp {}: connect: {error}", lease.slot().address)
            }
        };
        if attempt >= ATTEMPTS_MAX {
            return bad_gateway(&failure);
        }
        drop(lease);
        tokio::time::sleep(Duration::from_millis(PAUSE_MS * u64::from(attempt - 1))).await;
        lease = match wait::admit(&errand.gate, &errand.revision, &errand.rules).await {
            Ok((lease, _)) => lease,
            Err(_) => return bad_gateway(&failure),
        };
    }
}

fn bad_gateway(failure: &str) -> Response<Body> {
    plain(StatusCode::BAD_GATEWAY, format!("{failure}\n"))
}

/// Lets requests go to other sandboxes for a moment; those who wait are offered this one again after it.
fn avoid(errand: &Errand, lease: &Lease) {
    errand.gate.metrics.connect_failures.inc();
    let until_us = crate::now_us() + AVOID_US;
    if lease.slot().avoid_until_us.swap(until_us, Ordering::Relaxed) > crate::now_us() {
        return;
    }
    let revision = errand.revision.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_micros(AVOID_US + 1_000)).await;
        revision.room.wake(&revision);
    });
}

enum Failure {
    /// Not a byte was written: here it is again.
    Unsent(Box<Request<Incoming>>, String),
    /// It may have reached the application.
    Final(Response<Body>),
}

async fn connect(errand: &Errand, lease: &Lease) -> std::io::Result<Line> {
    let slot = lease.slot();
    slot.pool.take(slot.address, errand.rules.route.h2c).await
}

async fn send(
    errand: &Errand,
    mut line: Line,
    request: Request<Incoming>,
    began: Instant,
) -> Result<(Response<Incoming>, Line), Failure> {
    let rules = &errand.rules;
    let start = rules.response_start.map_or(rules.timeout, |start| start.min(rules.timeout));
    let left = start.saturating_sub(began.elapsed());
    match tokio::time::timeout(left, line.send(request)).await {
        Ok(Ok(response)) => Ok((response, line)),
        Ok(Err(SendError { error, unsent: Some(request) })) => Err(Failure::Unsent(request, error)),
        Ok(Err(SendError { error, unsent: None })) => Err(Failure::Final(bad_gateway(&error))),
        // The connection is given up with the request that hangs on it.
        Err(_) => Err(Failure::Final(plain(StatusCode::GATEWAY_TIMEOUT, "request timeout"))),
    }
}

fn answer(
    errand: Errand,
    lease: Lease,
    line: Line,
    mut response: Response<Incoming>,
    client: Option<headers::Switch>,
    began: Instant,
) -> Response<Body> {
    let timing = cold_timing(&errand, &lease, began);
    let Errand { rules, visit, .. } = errand;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client) = client else {
            return plain(StatusCode::BAD_GATEWAY, "the application switched protocols without being asked\n");
        };
        return tunnel::open(client, response, (lease, visit));
    }
    headers::strip(response.headers_mut());
    if let Some(timing) = timing {
        response.headers_mut().append(SERVER_TIMING, timing);
    }
    let limits = Limits { end: began + rules.timeout, idle: rules.idle };
    response.map(|body| Body::Reply(Box::new(Reply::new(body, line, lease, visit, limits))))
}

/// Tells the control plane, and (as a header) the user, where the time of a cold request went.
fn cold_timing(errand: &Errand, lease: &Lease, began: Instant) -> Option<http::HeaderValue> {
    if !errand.waited {
        return None;
    }
    let waited = began.saturating_duration_since(errand.arrived);
    // Who waited for a place in a sandbox that was there already did not wait for a start.
    let started = lease.slot().seen > errand.arrived;
    let (progress, stages) =
        if started { (errand.revision.progress(), lease.slot().endpoint.stages) } else { Default::default() };
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let breakdown = breakdown::of(micros(waited), progress, stages, micros(began.elapsed()));
    if started {
        errand.gate.uplink.send(Load::Served {
            revision: errand.revision.number,
            key: lease.slot().endpoint.key,
            stages_us: breakdown.iter().map(|(name, us)| ((*name).to_owned(), *us)).collect(),
        });
    }
    if errand.gate.server_timing { breakdown::server_timing(&breakdown) } else { None }
}
