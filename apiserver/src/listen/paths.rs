//! Paths outside of the resource tree: health, version, discovery, schemas, metrics, keys, and the upgrades of agents.

use crate::admit::authorize;
use crate::status::{Outcome, Refusal};
use crate::verbs::house::House;
use crate::verbs::reply::Reply;
use crate::verbs::serve::respond;
use axum::body::Body;
use http::{HeaderValue, Request, Response, header};
use serde_json::json;
use sha2::{Digest, Sha512};
use skiff_access::User;
use skiff_engine::wire;
use skiff_kinds::table::discovery::{self, Aggregated};
use std::sync::Arc;

/// Whether a path only asks whether the server is well.
#[must_use]
pub fn is_health(path: &str) -> bool {
    matches!(path.split('/').nth(1), Some("healthz" | "livez" | "readyz"))
}

/// Serves a path.
///
/// # Errors
/// 403, 404, 405.
pub async fn serve(house: &Arc<House>, user: &User, path: &str, request: Request<Body>) -> Outcome<Response<Body>> {
    authorize::path(house, user, request.method(), path)?;
    let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let trimmed = path.trim_end_matches('/');
    let kinds = house.registry.kinds();
    let extra = &kinds.custom;
    match trimmed {
        "" => respond(Reply::json(200, &discovery::paths(extra))),
        "/healthz" | "/livez" | "/readyz" => health(trimmed, &request),
        "/version" => respond(Reply::json(200, &version())),
        "/metrics" => text(200, house.metrics.text()),
        "/openid/v1/jwks" => respond(Reply::json(200, &house.keys.jwks())),
        "/.well-known/openid-configuration" => {
            respond(Reply::json(200, &house.keys.openid_configuration(crate::admit::authenticate::ISSUER)))
        }
        "/api" => match aggregated(&accept) {
            Some(form) => cached(&request, form.content_type(), &discovery::aggregated_core(form)),
            None => respond(Reply::json(200, &discovery::core_versions(&house.address.to_string()))),
        },
        "/apis" => match aggregated(&accept) {
            Some(form) => cached(&request, form.content_type(), &discovery::aggregated_groups(form, extra)),
            None => respond(Reply::json(200, &discovery::group_list(extra))),
        },
        _ if trimmed.starts_with("/healthz/") || trimmed.starts_with("/livez/") || trimmed.starts_with("/readyz/") => {
            health(trimmed, &request)
        }
        _ if trimmed.starts_with("/openapi/") => house.documents.serve(house, trimmed, &request),
        _ => {
            let found = match trimmed.split('/').collect::<Vec<_>>().as_slice() {
                ["", "api", version] => discovery::resource_list("", version, extra),
                ["", "apis", group] => discovery::group(group, extra),
                ["", "apis", group, version] => discovery::resource_list(group, version, extra),
                _ => None,
            };
            found.map_or_else(|| Err(Refusal::no_path()), |value| respond(Reply::json(200, &value)))
        }
    }
}

/// Which aggregated discovery a client takes first.
fn aggregated(accept: &str) -> Option<Aggregated> {
    accept.split(',').find_map(|clause| {
        let clause = clause.trim();
        if !clause.contains("as=APIGroupDiscoveryList") || clause.contains("profile=") {
            return None;
        }
        if clause.contains("v=v2beta1") { Some(Aggregated::V2Beta1) } else { Some(Aggregated::V2) }
    })
}

fn cached(request: &Request<Body>, content_type: &'static str, value: &serde_json::Value) -> Outcome<Response<Body>> {
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    let etag = format!("\"{}\"", hex::encode_upper(Sha512::digest(&body)));
    let fresh = request.headers().get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == etag.as_bytes());
    let builder = Response::builder()
        .status(if fresh { 304 } else { 200 })
        .header(header::ETAG, &etag)
        .header(header::VARY, "Accept")
        .header(header::CACHE_CONTROL, "public");
    let body = if fresh { Body::empty() } else { Body::from(body) };
    builder.header(header::CONTENT_TYPE, content_type).body(body).map_err(Refusal::internal)
}

fn text(code: u16, body: String) -> Outcome<Response<Body>> {
    let builder = Response::builder().status(code).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    builder.body(Body::from(body)).map_err(Refusal::internal)
}

fn health(path: &str, request: &Request<Body>) -> Outcome<Response<Body>> {
    let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let query = crate::decode::Query::parse(request.uri().query().unwrap_or_default());
    if query.get("verbose").is_some() {
        return text(200, format!("[+]ping ok\n[+]log ok\n[+]store ok\n{name} check passed\n"));
    }
    text(200, "ok".into())
}

/// `/version`: the level of Kubernetes that is spoken here.
fn version() -> serde_json::Value {
    json!({"major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35", "gitVersion": "v1.36.3", "gitCommit": "skiff", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64"})
}

/// Upgrades of agents.
///
/// # Errors
/// 403 for another identity, 400 for no upgrade.
pub fn agent(house: &Arc<House>, user: &User, path: &str, mut request: Request<Body>) -> Outcome<Response<Body>> {
    let wire_version = request.headers().get("skiff-wire").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if wire_version != wire::WIRE_VERSION.to_string() {
        return Err(Refusal::bad_request(format!(
            "this server speaks wire version {}, not {wire_version:?}",
            wire::WIRE_VERSION
        )));
    }
    let named = |prefix: &str, group: &str| user.name.strip_prefix(prefix).filter(|_| user.in_group(group)).map(str::to_owned);
    let refused = || Refusal::new(403, "Forbidden", format!("User {:?} is no agent", user.name));
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (house, agents) = (house.clone(), house.agents.clone());
    if path == wire::NODE_PATH {
        let name = named("system:node:", "system:nodes").ok_or_else(refused)?;
        tokio::spawn(async move {
            if let Ok(upgraded) = on_upgrade.await {
                agents.serve_node(house, upgraded, name).await;
            }
        });
    } else if path == wire::GATEWAY_PATH {
        let name = named("skiff:gateway:", "skiff:gateways").ok_or_else(refused)?;
        tokio::spawn(async move {
            if let Ok(upgraded) = on_upgrade.await {
                agents.serve_gateway(house, upgraded, name).await;
            }
        });
    } else {
        named("system:node:", "system:nodes").ok_or_else(refused)?;
        let stream = path.strip_prefix(wire::STREAM_PATH).and_then(|n| n.parse::<u64>().ok());
        let stream = stream.filter(|s| agents.streams.awaits(*s).is_some()).ok_or_else(Refusal::no_path)?;
        tokio::spawn(async move {
            if let Ok(upgraded) = on_upgrade.await {
                agents.streams.arrive(stream, upgraded);
            }
        });
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(wire::UPGRADE));
    Ok(response)
}
