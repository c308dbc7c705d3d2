//! One request's way through the gateway.
//!
//! Fed by a connection; asks the table, takes a place (or waits for one) and forwards. Must not know how any of them works.

use super::{answer, probe};
use crate::Gate;
use crate::forward::reply::Body;
use crate::forward::{self, Errand, headers};
use crate::load::Visit;
use crate::revision::Revision;
use crate::table::Host;
use crate::wait;
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

const TAG: HeaderName = HeaderName::from_static("knative-serving-tag");

/// Answers one request.
pub(super) async fn serve(gate: Arc<Gate>, peer: SocketAddr, mut request: Request<Incoming>) -> Response<Body> {
    let arrived = Instant::now();
    if request.method() == Method::CONNECT {
        gate.metrics.unrouted.inc();
        return answer::plain(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not supported\n");
    }
    let name = host_name(&request);
    let host = gate.table.host(&name);
    let ready = || host.as_ref().map(|host| is_ready(host));
    if let Some(response) = probe::answer(request.headers(), ready) {
        gate.metrics.unrouted.inc();
        return response;
    }
    let reachable = |host: &Arc<Host>| !host.cluster_local || is_inside(&gate, peer);
    let Some(host) = host.filter(reachable) else {
        gate.metrics.unrouted.inc();
        return answer::unknown_host();
    };
    if host.redirect_https {
        gate.metrics.unrouted.inc();
        return answer::redirect(&name, request.uri().path_and_query().map_or("/", |path| path.as_str()));
    }
    let tag = request.headers().get(TAG).map(http::HeaderValue::as_bytes);
    let Some((revision, chosen)) = host.choose(tag, gate.dice.roll()) else {
        gate.metrics.unrouted.inc();
        return answer::unknown_host();
    };
    headers::prepare(&mut request, peer.ip(), &name, chosen, || gate.dice.roll());
    serve_revision(&gate, &revision, request, arrived).await
}

async fn serve_revision(
    gate: &Arc<Gate>,
    revision: &Arc<Revision>,
    request: Request<Incoming>,
    arrived: Instant,
) -> Response<Body> {
    let Some(rules) = revision.rules() else {
        gate.metrics.unrouted.inc();
        return answer::unknown_revision(&revision.number.to_string());
    };
    let visit = Visit::begin(gate, revision);
    let response = match wait::admit(gate, revision, &rules).await {
        Ok((lease, waited)) => {
            if waited {
                gate.metrics.cold.inc();
            }
            let errand = Errand { gate: gate.clone(), revision: revision.clone(), rules: rules.clone(), visit, arrived, waited };
            forward::forward(errand, lease, request).await
        }
        Err(refusal) => {
            let (response, reason) = answer::refused(&refusal, &rules.route.name);
            gate.metrics.refused.with_label_values(&[reason]).inc();
            response
        }
    };
    let tally = rules.tally.get_or_init(|| gate.metrics.tally(&rules.route.namespace, &rules.route.name));
    tally.count(response.status().as_u16(), arrived.elapsed().as_secs_f64() * 1e3);
    response
}

/// The host as asked, in lower case, without the port.
fn host_name(request: &Request<Incoming>) -> String {
    // HTTP/2 has `:authority`, HTTP/1.1 the Host header (or, to a proxy, the whole URL).
    let asked = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    };
    without_port(asked).trim_end_matches('.').to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons within an IPv6 address are not a port's.
        Some((name, port)) if !port.ends_with(']') && (name.ends_with(']') || !name.contains(':')) => name,
        _ => host,
    }
}

fn is_ready(host: &Host) -> bool {
    host.choose(None, 0).is_some_and(|(revision, _)| !revision.slots().is_empty())
}

fn is_inside(gate: &Gate, peer: SocketAddr) -> bool {
    let IpAddr::V4(peer) = peer.ip().to_canonical() else { return peer.ip().is_loopback() };
    let part = |address: Ipv4Addr, prefix: u8| {
        let shift = 32_u32.saturating_sub(u32::from(prefix));
        u32::from(address).checked_shr(shift).unwrap_or(0)
    };
    gate.inside.iter().any(|&(network, prefix)| part(network, prefix) == part(peer, prefix))
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_cut_from_names_and_addresses() {
        for (host, name) in [
            ("hello.example", "hello.example"),
            ("hello.example:8080", "hello.example"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
