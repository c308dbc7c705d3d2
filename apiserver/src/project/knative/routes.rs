//! Where hosts lead: a Route's and a DomainMapping's hosts as gateways need them. Fed by `agents/gateway.rs`; knows no session.

use super::scene::{Depth, Picture, Sight};
use super::{DOMAIN_CLAIMS, memory};
use crate::registry::ids;
use crate::store::Core;
use crate::store::body::unpack;
use serde_json::Value;
use skiff_engine::record::Document;
use skiff_engine::wire::{HostRoute, RevisionRoute};
use skiff_knative::hosts::{self, Visibility};
use skiff_knative::traffic::{self, Target};
use skiff_knative::{doc, pod};
use std::collections::BTreeMap;

/// Requests that wait for a Revision without a limit of its own (upstream's activator).
const QUEUE_MAX: u32 = 10_000;

/// The hosts of a Route; none if its traffic was never assigned.
#[must_use]
pub fn hosts_of_route(core: &Core, key: &str) -> Vec<HostRoute> {
    let sight = Sight::new(core);
    let Some((route, _)) = sight.load(ids::ROUTES, key) else { return Vec::new() };
    let targets = targets(&sight, &route);
    let redirect = sight.config.network.external_domain_tls && sight.config.network.http_protocol == "Redirected";
    let tagged = tags(&sight, &route, &targets);
    let rules = hosts::hosts(&route, &targets, &sight.config).into_iter();
    let routes = rules.map(|rule| {
        let cluster_local = rule.visibility == Visibility::ClusterLocal;
        let splits = rule.splits.iter().filter_map(|s| Some((number(&sight, &route, &s.revision)?, s.percent)));
        HostRoute {
            host: rule.host,
            cluster_local,
            splits: splits.collect(),
            redirect_https: redirect && !cluster_local,
            tags: if rule.tag.is_none() { tagged.clone() } else { Vec::new() },
        }
    });
    routes.filter(|route| !route.splits.is_empty()).collect()
}

/// The host of a DomainMapping, if the domain is its namespace's and leads somewhere.
#[must_use]
pub fn host_of_mapping(core: &Core, key: &str) -> Option<HostRoute> {
    let sight = Sight::new(core);
    let (mapping, _) = sight.load(ids::DOMAIN_MAPPINGS, key)?;
    if !is_claimed(&sight, &mapping) {
        return None;
    }
    let target = mapped_key(&sight, &mapping)?;
    let main = hosts_of_route(core, &target).into_iter().find(|route| route.cluster_local)?;
    let redirect_https = sight.config.network.external_domain_tls && sight.config.network.http_protocol == "Redirected";
    Some(HostRoute { host: doc::name(&mapping).to_owned(), cluster_local: false, redirect_https, ..main })
}

/// DomainMappings that lead to a Route.
#[must_use]
pub fn mappings_to(core: &Core, key: &str) -> Vec<Box<str>> {
    let table = core.world.documents.table(ids::DOMAIN_MAPPINGS);
    if table.is_empty() {
        return Vec::new();
    }
    let (namespace, name) = key.split_once('/').unwrap_or_default();
    let prefix = format!("{namespace}/");
    let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded);
    let own = table.range::<str, _>(from).take_while(|(key, _)| key.starts_with(&prefix));
    own.filter(|(_, document)| doc::text(&unpack(&document.body), "/spec/ref/name") == name).map(|(key, _)| key.clone()).collect()
}

/// Key of the Route behind a mapping, if what it refers to exists.
#[must_use]
pub fn mapped_key(sight: &Sight<'_>, mapping: &Value) -> Option<String> {
    let key = format!("{}/{}", doc::namespace(mapping), doc::text(mapping, "/spec/ref/name"));
    let resource = match doc::text(mapping, "/spec/ref/kind") {
        "Route" => ids::ROUTES,
        "Service" if doc::text(mapping, "/spec/ref/apiVersion").starts_with("serving.knative.dev/") => ids::KSERVICES,
        _ => return None,
    };
    sight.core.world.documents.get(resource, &key).map(|_| key)
}

/// Whether a mapping's domain is its namespace's.
#[must_use]
pub fn is_claimed(sight: &Sight<'_>, mapping: &Value) -> bool {
    match sight.load(DOMAIN_CLAIMS, doc::name(mapping)) {
        Some((claim, _)) => doc::text(&claim, "/spec/namespace") == doc::namespace(mapping),
        None => sight.config.network.autocreate_claims,
    }
}

/// Where a Route's requests go now: its targets, or those it had before while there is a problem with them.
pub(super) fn targets(sight: &Sight<'_>, route: &Value) -> Vec<Target> {
    let mut picture = Picture::default();
    sight.add_targets(&mut picture, route, Depth::Shown);
    if let Ok(targets) = traffic::resolve(route, &picture.scene()) {
        return targets;
    }
    let live = sight.route_live(route, skiff_knative::status::Since::default());
    let Some(before) = live.assigned else { return Vec::new() };
    let target = |shown: &Value| Target {
        revision: doc::text(shown, "/revisionName").to_owned(),
        percent: doc::int(shown, "/percent").and_then(|p| u8::try_from(p).ok()).unwrap_or(0),
        tag: Some(doc::text(shown, "/tag")).filter(|tag| !tag.is_empty()).map(str::to_owned),
        configuration: None,
    };
    before.traffic.as_array().into_iter().flatten().map(target).collect()
}

fn number(sight: &Sight<'_>, route: &Value, revision: &str) -> Option<u32> {
    let key = format!("{}/{revision}", doc::namespace(route));
    sight.core.world.documents.get(ids::REVISIONS, &key).map(|d| d.serial)
}

fn tags(sight: &Sight<'_>, route: &Value, targets: &[Target]) -> Vec<(String, u32)> {
    if !sight.config.features.tag_header_routing.on() {
        return Vec::new();
    }
    let tags: BTreeMap<String, u32> =
        targets.iter().filter_map(|t| Some((t.tag.clone()?, number(sight, route, &t.revision)?))).collect();
    tags.into_iter().collect()
}

/// How a Revision serves, and the port of its sandboxes.
#[must_use]
pub fn rules(core: &Core, key: &str, document: &Document) -> (RevisionRoute, u16) {
    let revision = unpack(&document.body);
    let defaults = &memory::config(core).defaults;
    let (namespace, name) = key.split_once('/').unwrap_or_default();
    let number = |field: &str| doc::int(&revision, field).and_then(|n| u32::try_from(n).ok());
    let concurrency_max = number("/spec/containerConcurrency").unwrap_or(0);
    let (port, h2c) = pod::serving_port(&revision);
    let timeout_s = number("/spec/timeoutSeconds").unwrap_or_else(|| u32::try_from(defaults.timeout_s).unwrap_or(300));
    let route = RevisionRoute {
        revision: document.serial,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        concurrency_max,
        queue_max: QUEUE_MAX,
        timeout_s,
        response_start_timeout_s: number("/spec/responseStartTimeoutSeconds").unwrap_or(0),
        idle_timeout_s: number("/spec/idleTimeoutSeconds").unwrap_or(0),
        h2c,
    };
    (route, port)
}
