//! What upstream's controllers would have made for a Revision, a Route or a DomainMapping, shown and never stored.
//!
//! Fed by `project/read.rs` for objects that no document holds. They change with what they are made from; `ripple` says when.

use super::live;
use super::routes;
use super::scene::Sight;
use crate::project::endpoints::{self, Subject};
use crate::project::name;
use crate::registry::{ids, resource_id};
use crate::store::Core;
use crate::store::body::{pack, unpack};
use bytes::Bytes;
use serde_json::{Value, json};
use skiff_engine::record::{Document, ResourceId};
use skiff_knative::scale::ScaleSettings;
use skiff_knative::status::{self, Gateways, Since};
use skiff_knative::{doc, names};
use std::collections::BTreeSet;

const AUTOSCALERS: ResourceId = resource_id("autoscaling.internal.knative.dev", "podautoscalers");
const METRICS: ResourceId = resource_id("autoscaling.internal.knative.dev", "metrics");
const SERVERLESS_SERVICES: ResourceId = resource_id("networking.internal.knative.dev", "serverlessservices");
pub(super) const INGRESSES: ResourceId = resource_id("networking.internal.knative.dev", "ingresses");
const IMAGES: ResourceId = resource_id("caching.internal.knative.dev", "images");

/// The name of the gateways inside the cluster.
const GATEWAY: &str = "skiff-gateway.knative-serving.svc.cluster.local";
const PRIVATE: &str = "-private";
const DEPLOYMENT: &str = "-deployment";
const CACHE: &str = "-cache-";

/// Slices of one Revision that can be told apart; ten times what fits on the largest fleet measured.
const SLICES_MAX: u32 = 100_000;

/// A view before it is rendered: what it is made from.
enum Source<'a> {
    Revision(&'a Document),
    Route(&'a Document, Option<String>),
    Mapping(&'a Document),
}

/// Resources in which a Revision has views.
pub(super) const OF_REVISION: [ResourceId; 9] = [
    ids::DEPLOYMENTS,
    ids::REPLICA_SETS,
    ids::SERVICES,
    ids::ENDPOINTS,
    ids::ENDPOINT_SLICES,
    AUTOSCALERS,
    METRICS,
    SERVERLESS_SERVICES,
    IMAGES,
];

/// Those that show a Revision's counters.
pub(super) const SCALED: [ResourceId; 3] = [ids::DEPLOYMENTS, ids::REPLICA_SETS, AUTOSCALERS];

/// Whether a resource has views.
#[must_use]
pub fn has_views(resource: ResourceId) -> bool {
    OF_REVISION.contains(&resource) || resource == INGRESSES
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
        ids::REPLICA_SETS => of_replica_set(core, key),
        ids::ENDPOINTS => revision(key).or_else(|| revision(key.strip_suffix(PRIVATE)?)),
        ids::ENDPOINT_SLICES => {
            let Source::Revision(document) = revision(key.rsplit_once('-')?.0.strip_suffix(PRIVATE)?)? else { return None };
            slice_number(document, key, slice_count(core, document)).map(|_| Source::Revision(document))
        }
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

/// The Revision behind the key of a ReplicaSet, through the beginning that it shares with its Pods.
fn of_replica_set<'a>(core: &'a Core, key: &str) -> Option<Source<'a>> {
    let (namespace, name) = key.split_once('/')?;
    let (deployment, hash) = name.rsplit_once('-')?;
    let serial = core.index.of_prefix(&format!("{namespace}/{}", super::pod_stem(deployment, hash)))?;
    let (resource, revision) = core.index.location(serial).filter(|(resource, _)| *resource == ids::REVISIONS)?;
    let document = core.world.documents.get(resource, &revision)?;
    (replica_set_key(&revision, document) == key).then_some(Source::Revision(document))
}

fn replica_set_key(revision: &str, document: &Document) -> String {
    let (namespace, name) = revision.split_once('/').unwrap_or(("", revision));
    format!("{namespace}/{}-{}", names::child(name, DEPLOYMENT), super::template_hash(document))
}

fn private_uid(document: &Document, name: &str) -> u128 {
    name::derived_uid(document.uid, format!("v1/Service/{name}{PRIVATE}").as_bytes())
}

/// Key of the n-th slice of a Revision's private Service.
pub(super) fn slice_key(revision: &str, document: &Document, n: u32) -> String {
    let name = revision.split_once('/').map_or(revision, |(_, name)| name);
    endpoints::slice_key(&format!("{revision}{PRIVATE}"), private_uid(document, name), n)
}

/// Slices of a Revision's private Service.
pub(super) fn slice_count(core: &Core, document: &Document) -> u32 {
    endpoints::slice_count(core.world.revisions.get(&document.serial).map_or(0, |r| r.members.len()))
}

/// Which of `count` slices a key names.
fn slice_number(document: &Document, key: &str, count: u32) -> Option<u32> {
    let revision = key.rsplit_once('-')?.0.strip_suffix(PRIVATE)?;
    (0..count).find(|n| slice_key(revision, document, *n) == key)
}

/// Keys of a Revision's views in a resource.
#[must_use]
pub(super) fn keys_of(core: &Core, resource: ResourceId, key: &str, document: &Document) -> Vec<String> {
    match resource {
        ids::SERVICES | ids::ENDPOINTS => vec![key.to_owned(), format!("{key}{PRIVATE}")],
        ids::DEPLOYMENTS => vec![format!("{key}{DEPLOYMENT}")],
        ids::REPLICA_SETS => vec![replica_set_key(key, document)],
        ids::ENDPOINT_SLICES => (0..slice_count(core, document)).map(|n| slice_key(key, document, n)).collect(),
        IMAGES => doc::items(&unpack(&document.body), "/spec/containers")
            .map(|container| format!("{key}{CACHE}{}", doc::text(container, "/name")))
            .collect(),
        _ => vec![key.to_owned()],
    }
}

/// Keys of a Route's views in a resource: itself, and the placeholders of its tags.
#[must_use]
pub(super) fn keys_of_route(resource: ResourceId, key: &str, document: &Document) -> Vec<String> {
    let mut keys = vec![key.to_owned()];
    if resource == ids::SERVICES {
        let (namespace, route) = key.split_once('/').unwrap_or_default();
        keys.extend(tags(&unpack(&document.body)).iter().map(|tag| format!("{namespace}/{tag}-{route}")));
    }
    keys
}

/// Keys and versions of all views of a resource whose keys begin with a prefix.
#[must_use]
pub fn list(core: &Core, resource: ResourceId, prefix: &str) -> Vec<(Box<str>, u64)> {
    let mut found = Vec::new();
    let from = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
    let of = |resource| core.world.documents.table(resource).range::<str, _>(from).take_while(|(key, _)| key.starts_with(prefix));
    let mut add = |keys: Vec<String>, document: &Document| {
        let version = version(core, &Source::Revision(document));
        found.extend(keys.into_iter().map(|key| (key.into_boxed_str(), version)));
    };
    if OF_REVISION.contains(&resource) {
        of(ids::REVISIONS).for_each(|(key, document)| add(keys_of(core, resource, key, document), document));
    }
    if matches!(resource, INGRESSES | ids::SERVICES) {
        for (key, document) in of(ids::ROUTES) {
            if resource == ids::SERVICES || find(core, resource, key).is_some() {
                add(keys_of_route(resource, key, document), document);
            }
        }
    }
    if resource == INGRESSES {
        of(ids::DOMAIN_MAPPINGS)
            .filter(|(key, _)| find(core, resource, key).is_some())
            .for_each(|(key, document)| add(vec![key.to_string()], document));
    }
    found.retain(|(key, _)| core.world.documents.get(resource, key).is_none());
    found.sort_unstable();
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// The body of a view.
#[must_use]
pub fn render(core: &Core, resource: ResourceId, key: &str) -> Option<Bytes> {
    let source = source(core, resource, key)?;
    render_from(core, resource, key, &source)
}

/// The body of a Revision's view, also of one that is no longer there.
pub(super) fn render_of_revision(core: &Core, resource: ResourceId, key: &str, document: &Document) -> Option<Bytes> {
    render_from(core, resource, key, &Source::Revision(document))
}

/// The body of a Route's view, also of one that is no longer there.
pub(super) fn render_of_route(core: &Core, resource: ResourceId, key: &str, document: &Document) -> Option<Bytes> {
    let name = key.split_once('/')?.1;
    let route = unpack(&document.body);
    let tag = name.strip_suffix(doc::name(&route)).and_then(|tag| tag.strip_suffix('-'));
    render_from(core, resource, key, &Source::Route(document, tag.map(str::to_owned)))
}

fn render_from(core: &Core, resource: ResourceId, key: &str, source: &Source<'_>) -> Option<Bytes> {
    let sight = Sight::new(core);
    let view = match source {
        Source::Revision(document) if matches!(resource, ids::ENDPOINTS | ids::ENDPOINT_SLICES) => {
            return endpoints_of(&sight, resource, key, document);
        }
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
        ids::REPLICA_SETS => {
            let template = skiff_knative::pod::template(&revision, |_| None);
            let uid = name::uid_text(super::replica_set_uid(document));
            status::replica_set(&revision, template, &super::template_hash(document), &live, uid, &uids)
        }
        // They have no address: requests go through the gateways, and nothing on a node leads to them.
        _ if key.ends_with(PRIVATE) && !key.ends_with(doc::name(&revision)) => {
            status::private_service(&revision, &settings, "None", &uids)
        }
        _ => status::public_service(&revision, &settings, "None", &uids),
    })
}

/// Endpoints of a Revision's Services, or a slice of its private one. Their port is the one that its Pods listen on: there is no
/// sidecar.
fn endpoints_of(sight: &Sight<'_>, resource: ResourceId, key: &str, document: &Document) -> Option<Bytes> {
    let revision = unpack(&document.body);
    let settings = ScaleSettings::of(&revision, &sight.config).ok()?;
    let mut service = status::private_service(&revision, &settings, "None", &uids(document));
    let (port, h2c) = skiff_knative::pod::serving_port(&revision);
    service["spec"]["ports"] =
        json!([{"name": if h2c { "http2" } else { "http" }, "port": 80, "protocol": "TCP", "targetPort": port}]);
    let uid = private_uid(document, doc::name(&revision));
    let private = format!("{}/{}{PRIVATE}", doc::namespace(&revision), doc::name(&revision));
    let subject = Subject { key: &private, object: &service, uid, revisions: &[document.serial] };
    if resource == ids::ENDPOINT_SLICES {
        // One that has just gone is past the count.
        return Some(endpoints::slice(sight.core, &subject, slice_number(document, key, SLICES_MAX)?).into());
    }
    let made = endpoints::endpoints(sight.core, &subject);
    if key == private {
        return Some(made.into());
    }
    // Those of the public Service are a copy that the ServerlessService owns.
    let mut copy = unpack(&made);
    let mut meta = status::public_service(&revision, &settings, "None", &uids(document))["metadata"].take();
    meta["uid"] = uids(document)("v1/Endpoints", doc::name(&revision)).into();
    copy["metadata"] = meta;
    Some(pack(&copy, true).into())
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
