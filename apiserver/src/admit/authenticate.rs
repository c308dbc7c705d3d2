//! Headers and certificate to a user (api-surface.md 1.16): certificate, static token, ServiceAccount token, then anonymous.

use crate::clock;
use crate::decode::Target;
use crate::project::name;
use crate::registry::ids;
use crate::status::{About, Outcome, Refusal};
use crate::verbs::house::House;
use http::HeaderMap;
use skiff_access::{Attributes, Claims, User, impersonate};

/// Audience of the server's own tokens, and their issuer.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The connection's own identity.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// User of the verified client certificate.
    pub certificate: Option<User>,
    /// Where from.
    pub address: Option<std::net::SocketAddr>,
}

/// Who sends a request.
///
/// # Errors
/// 401 for credentials that are not valid.
pub fn user(house: &House, peer: &Peer, headers: &HeaderMap) -> Outcome<User> {
    if let Some(bearer) = bearer(headers) {
        return token_user(house, &bearer, &[ISSUER]).map(|(user, _)| user).ok_or_else(Refusal::unauthorized);
    }
    if let Some(user) = &peer.certificate {
        return Ok(user.clone());
    }
    Ok(User::anonymous())
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(http::header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        // Basic credentials are nobody's here, and that is an error, not anonymity.
        return Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim().to_owned() } else { String::new() });
    }
    // Browsers can't set headers on a WebSocket: the token comes as a subprotocol.
    let protocols = headers.get("sec-websocket-protocol")?.to_str().ok()?;
    let encoded = protocols.split(',').find_map(|p| p.trim().strip_prefix("base64url.bearer.authorization.k8s.io."))?;
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok()
}

/// The user behind a token, and its claims if it is a ServiceAccount's.
#[must_use]
pub fn token_user(house: &House, token: &str, audiences: &[&str]) -> Option<(User, Option<Claims>)> {
    if let Some(user) = house.tokens.find(token) {
        return Some((user.clone(), None));
    }
    let claims = house.keys.verify(token, i64::try_from(clock::now_ms() / 1000).ok()?, audiences).ok()?;
    let core = house.store.read();
    let key = format!("{}/{}", claims.namespace, claims.name);
    let account = core.world.documents.get(ids::SERVICE_ACCOUNTS, &key)?;
    if name::uid_text(account.uid) != claims.uid {
        return None;
    }
    if let Some((pod, uid)) = &claims.pod {
        let there = core.item(ids::PODS, &format!("{}/{pod}", claims.namespace));
        let body = there.map(|item| core.render(ids::PODS, &item.key, &item.view))?;
        let found = crate::store::body::unpack(&body);
        if found.pointer("/metadata/uid").and_then(serde_json::Value::as_str) != Some(uid) {
            return None;
        }
    }
    Some((claims.user(), Some(claims)))
}

/// The user that a request wants to act as, if it may.
///
/// # Errors
/// 403 if it may not, 400 for headers without a user.
pub fn impersonated(house: &House, user: User, method: &http::Method, uri: &http::Uri, headers: &HeaderMap) -> Outcome<User> {
    if !headers.keys().any(|k| k.as_str().starts_with("impersonate-")) {
        return Ok(user);
    }
    let pairs = headers.iter().filter_map(|(k, v)| Some((k.as_str(), v.to_str().ok()?)));
    let Some(wanted) = impersonate::requested(pairs).map_err(Refusal::bad_request)? else { return Ok(user) };
    let target = Target::parse(uri.path());
    let lower = method.as_str().to_ascii_lowercase();
    let asked = match &target {
        Target::Path(path) => Attributes {
            user: &user,
            verb: &lower,
            group: "",
            resource: "",
            subresource: "",
            name: "",
            namespace: "",
            path: Some(path),
        },
        Target::Resource(address) => Attributes {
            user: &user,
            verb: super::authorize::verb(method, address, uri.query().is_some_and(|q| q.contains("watch="))),
            group: &address.group,
            resource: &address.resource,
            subresource: &address.subresource,
            name: &address.name,
            namespace: &address.namespace,
            path: None,
        },
    };
    let granted = wanted.decide(&house.roles.read(), &asked);
    granted.map(|granted| granted.user).map_err(|refusal| {
        let mut answer = Refusal::forbidden(&About::new(&refusal.group, &refusal.resource, &refusal.name), "");
        answer.message = refusal.message;
        answer
    })
}
