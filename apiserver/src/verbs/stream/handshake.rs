//! The first answer: which protocol is spoken, and the 101 that says so.
//!
//! Fed by the request's headers. Must not know what is spoken afterwards.

use super::flow::PIECE_BYTES_MAX;
use crate::status::{Outcome, Refusal};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;

/// Names SPDY in `Upgrade`.
const SPDY: &str = "SPDY/3.1";
/// The protocol over SPDY, offered by the client and chosen by us.
const SPDY_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
/// What we would have spoken.
const SPDY_ACCEPTED: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
/// A bearer token in the place of a subprotocol; browsers can set no other header.
const BEARER: &str = "base64url.bearer.authorization.k8s.io.";
/// Room for the channel byte and for base64 in a message.
const MESSAGE_BYTES_MAX: usize = PIECE_BYTES_MAX / 3 * 4 + 64;

/// A connection that speaks SPDY.
pub type Raw = TokioIo<hyper::upgrade::Upgraded>;

/// What a client wants to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// WebSocket.
    WebSocket,
    /// SPDY/3.1.
    Spdy,
}

/// What a request wants to be upgraded to.
///
/// # Errors
/// 400 if it wants no upgrade, or one that is not known.
pub fn tongue(headers: &HeaderMap) -> Outcome<Tongue> {
    let contains = |name: HeaderName, word: &str| {
        headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).any(|v| v.to_ascii_lowercase().contains(word))
    };
    if !contains(header::CONNECTION, "upgrade") {
        return Err(Refusal::bad_request("Upgrade request required"));
    }
    if contains(header::UPGRADE, "websocket") {
        return Ok(Tongue::WebSocket);
    }
    if contains(header::UPGRADE, "spdy/3.1") {
        return Ok(Tongue::Spdy);
    }
    Err(Refusal::bad_request("unable to upgrade: missing upgrade headers in request"))
}

fn listed(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    let values = headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    values.map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

/// Subprotocols that a WebSocket client offers, in its order.
#[must_use]
pub fn subprotocols(headers: &HeaderMap) -> Vec<String> {
    let mut offered = listed(headers, header::SEC_WEBSOCKET_PROTOCOL);
    offered.retain(|name| !name.starts_with(BEARER));
    offered
}

/// The first offered subprotocol that is known; a client without any means the empty one.
///
/// # Errors
/// 400 if none is known.
pub fn choose<'a, T>(offered: &[String], known: &'a [T], name: impl Fn(&T) -> &str) -> Outcome<&'a T> {
    let none = [String::new()];
    let offered = if offered.is_empty() { &none[..] } else { offered };
    offered.iter().find_map(|o| known.iter().find(|k| name(k) == o)).ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(&name).collect();
        let (offered, known) = (offered.join(" "), known.join(" "));
        Refusal::bad_request(format!(
            "unable to upgrade: requested protocol(s) are not supported: [{offered}]; supports [{known}]"
        ))
    })
}

/// Upgrades to WebSocket; `serve` gets the socket. An empty `protocol` is not named in the answer.
///
/// # Errors
/// 400 for a handshake that breaks RFC 6455.
pub async fn websocket<F>(
    request: Request<Body>,
    protocol: &str,
    serve: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Outcome<Response<Body>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = upgrade.map_err(|why| Refusal::bad_request(format!("unable to upgrade: {why}")))?;
    let mut upgrade = upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(32 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(16 << 20);
    if !protocol.is_empty() {
        upgrade.set_selected_protocol(HeaderValue::from_str(protocol).map_err(Refusal::internal)?);
    }
    Ok(upgrade.on_upgrade(serve))
}

/// Upgrades to SPDY with the first offered protocol that is known; `serve` gets it and the connection. A client with none that
/// is known gets upstream's plain 403.
///
/// # Errors
/// 400 for a request without a protocol, 500 for a connection that can't be upgraded.
pub fn spdy<T, F>(
    mut request: Request<Body>,
    known: &'static [T],
    name: impl Fn(&T) -> &'static str,
    serve: impl FnOnce(&'static T, Raw) -> F + Send + 'static,
) -> Outcome<Response<Body>>
where
    T: Sync,
    F: Future<Output = ()> + Send + 'static,
{
    let offered = listed(request.headers(), SPDY_PROTOCOL);
    if offered.is_empty() {
        return Err(Refusal::bad_request("unable to upgrade: X-Stream-Protocol-Version is required"));
    }
    let Some(chosen) = offered.iter().find_map(|o| known.iter().find(|k| name(k) == o)) else {
        return not_spoken(&offered, &known.iter().map(name).collect::<Vec<_>>());
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => serve(chosen, TokioIo::new(upgraded)).await,
            Err(error) => tracing::debug!(%error, "SPDY upgrade"),
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, SPDY)
        .header(SPDY_PROTOCOL, name(chosen))
        .body(Body::empty())
        .map_err(Refusal::internal)
}

fn not_spoken(offered: &[String], known: &[&str]) -> Outcome<Response<Body>> {
    let (theirs, ours) = (offered.join(" "), known.join(" "));
    let text = format!("unable to upgrade: unable to negotiate protocol: client supports [{theirs}], server accepts [{ours}]\n");
    let mut response =
        Response::builder().status(StatusCode::FORBIDDEN).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    for name in known {
        response = response.header(SPDY_ACCEPTED, *name);
    }
    response.body(Body::from(text)).map_err(Refusal::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn tongues() {
        let of = |pairs: &[(&'static str, &str)]| tongue(&headers(pairs)).map_err(|r| r.message);
        assert_eq!(of(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]), Ok(Tongue::WebSocket));
        assert_eq!(of(&[("connection", "Upgrade"), ("upgrade", "SPDY/3.1")]), Ok(Tongue::Spdy));
        assert_eq!(of(&[]), Err("Upgrade request required".into()));
        assert!(of(&[("connection", "Upgrade"), ("upgrade", "h2c")]).is_err());
    }

    #[test]
    fn the_clients_order_decides() {
        let known = ["", "v4", "v5"];
        let of = |value: &str| {
            let offered = subprotocols(&headers(&[("sec-websocket-protocol", value)]));
            choose(&offered, &known, |k| k).map(|k| (*k).to_owned()).map_err(|r| r.code)
        };
        assert_eq!(of("v9, v5,v4"), Ok("v5".to_owned()));
        assert_eq!(of("base64url.bearer.authorization.k8s.io.abc, v4"), Ok("v4".to_owned()));
        assert_eq!(of("base64url.bearer.authorization.k8s.io.abc"), Ok(String::new()));
        assert_eq!(of("v9"), Err(400));
    }
}
