//! Headers on the way to the application and back.
//!
//! Fed by [`crate::accept`] and [`super`]; knows no connection. Hop-by-hop headers go, what the application is promised comes
//! (`X-Forwarded-*`, `Forwarded`, `X-Request-Id`, `K-Proxy-Request`), and Knative's own never pass from a user.

use crate::table::Chosen;
use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version, uri};
use hyper::body::Incoming;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROXY_REQUEST: HeaderName = HeaderName::from_static("k-proxy-request");
const TAG: HeaderName = HeaderName::from_static("knative-serving-tag");
const DEFAULT_ROUTE: HeaderName = HeaderName::from_static("knative-serving-default-route");
/// Headers between Knative's own parts; an application never sees them.
const OURS: [HeaderName; 6] = [
    HeaderName::from_static("knative-serving-revision"),
    HeaderName::from_static("knative-serving-namespace"),
    HeaderName::from_static("knative-serving-default-route"),
    HeaderName::from_static("k-passthrough-lb"),
    HeaderName::from_static("k-original-host"),
    HeaderName::from_static("k-network-hash"),
];
const HOP: [HeaderName; 6] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The user's side of a connection that is to switch protocols.
pub(crate) struct Switch {
    pub(crate) upgrade: hyper::upgrade::OnUpgrade,
    pub(crate) protocol: HeaderValue,
}

/// What the application is told of the user's request. `name` is the host without its port.
pub(crate) fn prepare(request: &mut Request<Incoming>, peer: IpAddr, name: &str, chosen: Chosen, chance: impl Fn() -> u64) {
    let headers = request.headers_mut();
    for name in &OURS {
        headers.remove(name);
    }
    match chosen {
        Chosen::Tagged => {}
        Chosen::Plain => {
            headers.remove(TAG);
        }
        Chosen::Default => {
            headers.insert(DEFAULT_ROUTE, HeaderValue::from_static("true"));
        }
    }
    let peer = peer.to_canonical().to_string();
    let mut through = String::new();
    for before in headers.get_all(FORWARDED_FOR).iter().filter_map(|before| before.to_str().ok()) {
        through.extend([before, ", "]);
    }
    through.push_str(&peer);
    if let Entry::Vacant(proto) = headers.entry(FORWARDED_PROTO) {
        proto.insert(HeaderValue::from_static("http"));
    }
    if !headers.contains_key(header::FORWARDED) {
        let proto = headers.get(FORWARDED_PROTO).and_then(|proto| proto.to_str().ok()).unwrap_or("http");
        let host = headers.get(FORWARDED_HOST).and_then(|host| host.to_str().ok()).unwrap_or(name);
        if let Ok(value) = HeaderValue::try_from(forwarded(&through, host, proto)) {
            headers.insert(header::FORWARDED, value);
        }
    }
    if let Ok(value) = HeaderValue::try_from(through) {
        headers.insert(FORWARDED_FOR, value);
    }
    if let Entry::Vacant(id) = headers.entry(REQUEST_ID)
        && let Ok(value) = HeaderValue::try_from(request_id(chance(), chance()))
    {
        id.insert(value);
    }
    headers.insert(PROXY_REQUEST, HeaderValue::from_static("activator"));
    // The user's side is told to go on when the application's side reads; the application need not ask again.
    headers.remove(header::EXPECT);
}

/// `for=…;host=…;proto=…, for=…`: upstream's rendering of `X-Forwarded-*`.
fn forwarded(through: &str, host: &str, proto: &str) -> String {
    let mut text = String::with_capacity(through.len() + host.len() + proto.len() + 32);
    for (index, hop) in through.split(',').map(str::trim).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if hop.contains(':') && !hop.starts_with('"') {
            let bare = hop.trim_start_matches('[').trim_end_matches(']');
            text.extend(["for=\"[", bare, "]\""]);
        } else {
            text.extend(["for=", hop]);
        }
        if index == 0 {
            text.extend([";host=", host, ";proto=", proto]);
        }
    }
    text
}

/// A version 4 UUID.
fn request_id(high: u64, low: u64) -> String {
    let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, (high & 0x0fff) | 0x4000);
    let (d, e) = (((low >> 48) & 0x3fff) | 0x8000, low & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}

/// Removes hop-by-hop headers, those that `Connection` names included. `TE: trailers` stays, gRPC insists on it.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if let Entry::Occupied(connection) = headers.entry(header::CONNECTION) {
        let lines: Vec<HeaderValue> = connection.remove_entry_mult().1.collect();
        let names = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        for name in names.map(str::trim).filter(|name| !name.eq_ignore_ascii_case("te")) {
            headers.remove(name);
        }
    }
    for name in &HOP {
        headers.remove(name);
    }
    if let Some(te) = headers.remove(header::TE)
        && te.to_str().is_ok_and(|te| te.split(',').any(|part| part.trim().eq_ignore_ascii_case("trailers")))
    {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Takes the upgrade out of a request that asks for one, and the hop-by-hop headers out of every request. HTTP/2 to the
/// application has no such upgrade; the request is then an ordinary one.
pub(crate) fn take_upgrade(request: &mut Request<Incoming>, h2c: bool) -> Option<Switch> {
    let asks = request.headers().get_all(header::CONNECTION).iter().any(|connection| {
        let parts = connection.to_str().unwrap_or_default().split(',');
        parts.map(str::trim).any(|part| part.eq_ignore_ascii_case("upgrade"))
    });
    let protocol = request.headers().get(header::UPGRADE).cloned();
    strip(request.headers_mut());
    let protocol = protocol.filter(|_| asks && !h2c && request.version() == Version::HTTP_11)?;
    let upgrade = hyper::upgrade::on(&mut *request);
    request.headers_mut().insert(header::UPGRADE, protocol.clone());
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    Some(Switch { upgrade, protocol })
}

/// Makes an HTTP/1.1 request of it: path only, authority in the Host header.
pub(crate) fn for_http1(request: &mut Request<Incoming>) {
    *request.version_mut() = Version::HTTP_11;
    if let Some(authority) = request.uri().authority() {
        if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
            request.headers_mut().insert(header::HOST, host);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
}

/// Makes an HTTP/2 request of it: whole URL, no Host header.
pub(crate) fn for_http2(request: &mut Request<Incoming>) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(header::HOST);
    if request.uri().authority().is_some() || request.method() == Method::CONNECT {
        return;
    }
    let authority = host.as_ref().and_then(|host| uri::Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(uri::Scheme::HTTP);
    parts.authority = Some(authority.unwrap_or_else(|| uri::Authority::from_static("localhost")));
    // A path without a leading slash (`OPTIONS *`) has no whole URL; the root stands for it.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| Uri::from_static("http://localhost/"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_names_every_hop_and_the_first_ones_host() {
        assert_eq!(forwarded("10.0.0.1", "h.x", "http"), "for=10.0.0.1;host=h.x;proto=http");
        assert_eq!(forwarded("::1, 10.0.0.2", "h.x", "https"), "for=\"[::1]\";host=h.x;proto=https, for=10.0.0.2");
    }

    #[test]
    fn request_ids_are_version_4() {
        let id = request_id(u64::MAX, u64::MAX);
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(request_id(0, 0), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn hop_by_hop_headers_go_and_grpcs_te_stays() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, x-secret, TE"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("x-kept", "1"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.append(header::CONNECTION, HeaderValue::from_static("x-second"));
        headers.insert(HeaderName::from_static("x-second"), HeaderValue::from_static("1"));
        strip(&mut headers);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers.get("te").map(HeaderValue::as_bytes), Some(&b"trailers"[..]));
    }
}
