//! What upstream's controllers would have made for a Revision, a Route or a DomainMapping, shown and never stored.
//!
//! Fed by `project/read.rs` for objects that no document holds. They change with what they are made from and have no events of
//! their own.

use super::live;
use super::routes;
use super::scene::Sight;
use crate::project::name;
use crate::registry::{ids, resource_id};
use crate::store::Core;
use crate::store::body::{pack, unpack};
use bytes::Bytes;
use serde_json::Value;
use skiff_engine::record::{Document, ResourceId};
use skiff_knative::doc;
use skiff_knative::scale::ScaleSettings;
use skiff_knative::status::{self, Gateways, Since};
use std::collections::BTreeSet;

const AUTOSCALERS: ResourceId = resource_id("autoscaling.internal.knative.dev", "podautoscalers");
const METRICS: ResourceId = resource_id("autoscaling.internal.knative.dev", "metrics");
const SERVERLESS_SERVICES: ResourceId = resource_id("networking.internal.knative.dev", "serverlessservices");
const INGRESSES: ResourceId = resource_id("networking.internal.knative.dev", "ingresses");
const IMAGES: ResourceId = resource_id("caching.internal.knative.dev", "images");

/// The name of the gateways inside the cluster.
const GATEWAY: &str = "skiff-gateway.knative-serving.svc.cluster.local";
const PRIVATE: &str = "-private";
const DEPLOYMENT: &str = "-deployment";
const CACHE: &str = "-cache-";

/// A view before it is rendered: what it is made from.
enum Source<'a> {
    Revision(&'a Document),
    Route(&'a Document, Option<String>),
    Mapping(&'a Document),
}

/// Whether a resource has views.
#[must_use]
pub fn has_views(resource: ResourceId) -> bool {
    matches!(resource, AUTOSCALERS | METRICS | SERVERLESS_SERVICES | INGRESSES | IMAGES | ids::SERVICES | ids::DEPLOYMENTS)
}

/// The version of a view, if there is one of this key.
#[must_use]
pub fn find(core: &Core, resource: ResourceId, key: &str) -> Option<u64> {
    source(core, resource, key).map(|source| version(core, &source))
}

fn version(core: &Core, source: &Source<'_>) -> u64 {
    let (Source::Revision(document) | Source::Route(document, _) | Source::Mapping(document)) = source;
    document.version.max(core.index.touched.get(&document.serial).copied().unwrap_or(0))
}

fn source<'a>(core: &'a Core, resource: ResourceId, key: &str) -> Option<Source<'a>> {
    let documents = &core.world.documents;
    let revision = |key: &str| documents.get(ids::REVISIONS, key).map(|d| Source::Revision(d));
    match resource {
        AUTOSCALERS | METRICS | SERVERLESS_SERVICES => revision(key),
        IMAGES => revision(key.rsplit_once(CACHE)?.0),
        // A name that was shortened with a hash does not lead back.
        ids::DEPLOYMENTS => revision(key.strip_suffix(DEPLOYMENT)?),
        INGRESSES => {
            let route = documents.get(ids::ROUTES, key).map(|d| Source::Route(d, None));
            let sight = Sight::new(core);
            route.filter(|source| !targets_of(&sight, source).is_empty()).or_else(|| {
                let mapping = documents.get(ids::DOMAIN_MAPPINGS, key)?;
                let object = unpack(&mapping.body);
                let leads = routes::is_claimed(&sight, &object) && routes::mapped_key(&sight, &object).is_some();
                leads.then_some(Source::Mapping(mapping))
            })
        }
        ids::SERVICES => revision(key)
            .or_else(|| revision(key.strip_suffix(PRIVATE)?))
            .or_else(|| documents.get(ids::ROUTES, key).map(|d| Source::Route(d, None)))
            .or_else(|| tagged(core, key)),
        _ => None,
    }
}

fn targets_of(sight: &Sight<'_>, source: &Source<'_>) -> Vec<skiff_knative::traffic::Target> {
    match source {
        Source::Route(route, _) => routes::targets(sight, &unpack(&route.body)),
        _ => Vec::new(),
    }
}

/// The placeholder of a tag, where tags stand before the Route's name (the default template).
fn tagged<'a>(core: &'a Core, key: &str) -> Option<Source<'a>> {
    let (namespace, service) = key.split_once('/')?;
    service.match_indices('-').find_map(|(at, _)| {
        let (tag, route) = (&service[..at], &service[at + 1..]);
        let document = core.world.documents.get(ids::ROUTES, &format!("{namespace}/{route}"))?;
        let object = unpack(&document.body);
        tags(&object).contains(tag).then(|| Source::Route(document, Some(tag.to_owned())))
    })
}

fn tags(route: &Value) -> BTreeSet<String> {
    doc::items(route, "/spec/traffic").map(|t| doc::text(t, "/tag").to_owned()).filter(|tag| !tag.is_empty()).collect()
}

/// Keys and versions of all views of a resource whose keys begin with a prefix.
#[must_use]
pub fn list(core: &Core, resource: ResourceId, prefix: &str) -> Vec<(Box<str>, u64)> {
    let mut found = Vec::new();
    let from = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
    let of = |resource| core.world.documents.table(resource).range::<str, _>(from).take_while(|(key, _)| key.starts_with(prefix));
    let mut add = |key: String, document: &Document| {
        found.push((key.into_boxed_str(), version(core, &Source::Revision(document))));
    };
    if resource != INGRESSES {
        for (key, document) in of(ids::REVISIONS) {
            match resource {
                ids::SERVICES => {
                    add(key.to_string(), document);
                    add(format!("{key}{PRIVATE}"), document);
                }
                ids::DEPLOYMENTS => add(format!("{key}{DEPLOYMENT}"), document),
                IMAGES => doc::items(&unpack(&document.body), "/spec/containers")
                    .for_each(|c| add(format!("{key}{CACHE}{}", doc::text(c, "/name")), document)),
                _ => add(key.to_string(), document),
            }
        }
    }
    if matches!(resource, INGRESSES | ids::SERVICES) {
        for (key, document) in of(ids::ROUTES) {
            if resource == INGRESSES && find(core, resource, key).is_none() {
                continue;
            }
            add(key.to_string(), document);
            let (namespace, route) = key.split_once('/').unwrap_or_default();
            if resource == ids::SERVICES {
                tags(&unpack(&document.body)).iter().for_each(|tag| add(format!("{namespace}/{tag}-{route}"), document));
            }
        }
    }
    if resource == INGRESSES {
        of(ids::DOMAIN_MAPPINGS)
            .filter(|(key, _)| find(core, resource, key).is_some())
            .for_each(|(key, d)| add(key.to_string(), d));
    }
    found.retain(|(key, _)| core.world.documents.get(resource, key).is_none());
    found.sort_unstable();
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// The body of a view.
#[must_use]
pub fn render(core: &Core, resource: ResourceId, key: &str) -> Option<Bytes> {
    let sight = Sight::new(core);
    let view = match source(core, resource, key)? {
        Source::Revision(document) => of_revision(&sight, resource, key, document)?,
        Source::Route(document, tag) => of_route(&sight, resource, document, tag.as_deref()),
        Source::Mapping(document) => {
            let object = unpack(&document.body);
            let gateways = Gateways { external: GATEWAY, local: GATEWAY };
            status::mapping_ingress(&object, gateways, true, &since(&object), &sight.config, &uids(document))
        }
    };
    Some(pack(&view, true).into())
}

fn since(object: &Value) -> Since {
    Since { at: doc::text(object, "/metadata/creationTimestamp").to_owned(), ..Since::default() }
}

fn uids(document: &Document) -> impl Fn(&str, &str) -> String + use<> {
    let uid = document.uid;
    move |kind, object| name::uid_text(name::derived_uid(uid, format!("{kind}/{object}").as_bytes()))
}

fn of_revision(sight: &Sight<'_>, resource: ResourceId, key: &str, document: &Document) -> Option<Value> {
    let revision = unpack(&document.body);
    let settings = ScaleSettings::of(&revision, &sight.config).ok()?;
    let live = live::live(sight.core, &sight.config, document, &revision);
    let uids = uids(document);
    Some(match resource {
        AUTOSCALERS => status::pod_autoscaler(&revision, &settings, &live, &uids),
        METRICS => status::metric(&revision, &settings, &since(&revision), &uids),
        SERVERLESS_SERVICES => status::serverless_service(&revision, &settings, &live, &uids),
        IMAGES => status::image(&revision, key.rsplit_once(CACHE)?.1, "", &uids),
        ids::DEPLOYMENTS => {
            let template = skiff_knative::pod::template(&revision, |_| None);
            status::deployment(&revision, template, &live, &sight.config, &uids)
        }
        // They have no address: requests go through the gateways, and nothing on a node leads to them.
        _ if key.ends_with(PRIVATE) && !key.ends_with(doc::name(&revision)) => {
            status::private_service(&revision, &settings, "None", &uids)
        }
        _ => status::public_service(&revision, &settings, "None", &uids),
    })
}

fn of_route(sight: &Sight<'_>, resource: ResourceId, document: &Document, tag: Option<&str>) -> Value {
    let route = unpack(&document.body);
    let uids = uids(document);
    if resource == ids::SERVICES {
        return status::placeholder_service(&route, tag, GATEWAY, &sight.config, &uids);
    }
    let targets = routes::targets(sight, &route);
    let gateways = Gateways { external: GATEWAY, local: GATEWAY };
    status::ingress(&route, &targets, gateways, true, &since(&route), &sight.config, &uids)
}
