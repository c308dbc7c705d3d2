//! Knative objects as they are shown: documents with a status made from records, and the read-only views of what upstream's
//! controllers would have made. Fed by readers; changes nothing but its own memory.
//!
//! `memory` is what is remembered, `live` a Revision's counters, `scene` the documents around an object, `told` who hears of a
//! turn, `story` what is told of it as Events, `routes` where hosts lead, `views` the objects that nobody stores, `ripple` which of
//! them a change touches.

mod live;
mod memory;
pub mod ripple;
pub mod routes;
mod scene;
mod story;
mod told;
pub mod views;

pub use live::{begins_anew, plan_revisions, scale_plan};
pub use memory::{Memory, config, data_of, is_config};
pub use scene::{Depth, Picture, Seen, Sight, reference_keys};
pub use story::{Story, Tale};
pub use told::{after_turn, parents};

use super::name;
use super::read::with_status;
use super::template::{Owner, Template};
use crate::registry::{ids, resource_id};
use crate::store::Core;
use crate::store::body::{pack, unpack};
use bytes::Bytes;
use serde_json::Value;
use skiff_engine::record::{Document, ResourceId};
use skiff_knative::reconcile::finalizer;
use skiff_knative::status::{self, Children, Claim, MappingLive, Since, Stage};
use skiff_knative::{Kind, doc, names};
use std::sync::Arc;

/// Claims of domains for namespaces.
pub const DOMAIN_CLAIMS: ResourceId = resource_id("networking.internal.knative.dev", "clusterdomainclaims");
/// Longest beginning of a Pod's name before the hash, as upstream cuts generated names.
const POD_STEM_MAX: usize = 46;

/// Whether a resource's status is made here.
#[must_use]
pub fn is_shown(resource: ResourceId) -> bool {
    matches!(resource, ids::KSERVICES | ids::CONFIGURATIONS | ids::REVISIONS | ids::ROUTES | ids::DOMAIN_MAPPINGS)
}

/// The Knative kind of a resource whose status is made here.
#[must_use]
pub fn kind_of(resource: ResourceId) -> Option<Kind> {
    Some(match resource {
        ids::KSERVICES => Kind::Service,
        ids::CONFIGURATIONS => Kind::Configuration,
        ids::REVISIONS => Kind::Revision,
        ids::ROUTES => Kind::Route,
        ids::DOMAIN_MAPPINGS => Kind::DomainMapping,
        _ => return None,
    })
}

/// Whether a finalizer is only shown: nothing waits for it, and a deletion is not held up by it.
#[must_use]
pub fn is_shown_finalizer(text: &str) -> bool {
    [Kind::Route, Kind::DomainMapping].into_iter().any(|kind| finalizer(kind) == Some(text))
}

/// What a Revision's Pods carry as `pod-template-hash`.
#[must_use]
pub fn template_hash(document: &Document) -> String {
    name::letters(name::digest(&[&document.uid.to_be_bytes(), b"template"]), 10)
}

/// The identity of a Revision's ReplicaSet.
#[must_use]
pub fn replica_set_uid(document: &Document) -> u128 {
    name::derived_uid(document.uid, b"ReplicaSet")
}

/// What Pod names of a ReplicaSet begin with, before the last dash.
#[must_use]
pub fn pod_stem(deployment: &str, hash: &str) -> String {
    format!("{}-{hash}", &deployment[..deployment.len().min(POD_STEM_MAX)])
}

/// What the Pods of a Revision look like.
#[must_use]
pub fn pod_template(_core: &Core, document: &Document, revision: &Value, namespace: &str, name: &str) -> Template {
    let mut template = skiff_knative::pod::template(revision, |_| None);
    let hash = template_hash(document);
    doc::set_meta(&mut template, "labels", crate::store::HASH_LABEL, Some(&hash));
    let deployment = names::child(name, "-deployment");
    let set = format!("{deployment}-{hash}");
    let owner = Owner { api_version: "apps/v1", kind: "ReplicaSet", name: &set, uid: replica_set_uid(document) };
    Template::new(document.serial, namespace, &pod_stem(&deployment, &hash), &owner, &template)
}

/// The canonical body of a Knative object with its status.
#[must_use]
pub fn render(core: &Core, resource: ResourceId, key: &str, document: &Arc<Document>) -> Bytes {
    render_at(core, resource, key, document, Stage::Settled)
}

/// The same at a stage on the way to where it is now.
#[must_use]
pub fn render_at(core: &Core, resource: ResourceId, key: &str, document: &Arc<Document>, stage: Stage) -> Bytes {
    let Some(kind) = kind_of(resource) else { return Bytes::from_owner(document.body.clone()) };
    let sight = Sight::new(core);
    let mut object = unpack(&document.body);
    let gone = core.world.documents.get(resource, key).is_none_or(|d| d.serial != document.serial);
    let last = if gone { core.index.knative.last_shown(document.serial) } else { None };
    let status = match kind {
        _ if last.is_some() => last.map(Arc::unwrap_or_clone).unwrap_or_default(),
        Kind::Service => service(&sight, &object, stage),
        Kind::Configuration => {
            let mut picture = Picture::default();
            sight.add_configuration(&mut picture, object.clone(), Depth::Shown);
            status::configuration_status(&object, &picture.scene(), &since(&object, &picture))
        }
        Kind::Route => {
            let mut picture = Picture::default();
            sight.add_targets(&mut picture, &object, Depth::Shown);
            let live = sight.route_live(&object, since(&object, &picture));
            status::route_status(&object, &picture.scene(), &live, &sight.config)
        }
        Kind::DomainMapping => status::domain_mapping_status(&object, &mapping(&sight, &object)),
        _ => status::revision_status(&object, &live::live(core, &sight.config, document, &object)),
    };
    let Some(shown) = finalizer(kind) else { return with_status(&document.body, &status) };
    let mut finalizers = doc::items(&object, "/metadata/finalizers").cloned().collect::<Vec<Value>>();
    if !finalizers.iter().any(|f| f == shown) {
        finalizers.push(shown.into());
    }
    object["metadata"]["finalizers"] = finalizers.into();
    object["status"] = status;
    pack(&object, true).into()
}

fn service(sight: &Sight<'_>, ksvc: &Value, stage: Stage) -> Value {
    let key = format!("{}/{}", doc::namespace(ksvc), doc::name(ksvc));
    let configuration = sight.load(ids::CONFIGURATIONS, &key).map(|(found, _)| found);
    let route = sight.load(ids::ROUTES, &key).map(|(found, _)| found);
    let mut picture = Picture::default();
    if let Some(configuration) = &configuration {
        sight.add_configuration(&mut picture, configuration.clone(), Depth::Shown);
    }
    if let Some(route) = &route {
        sight.add_targets(&mut picture, route, Depth::Shown);
    }
    let since = since(ksvc, &picture);
    let live = sight.route_live(route.as_ref().unwrap_or(ksvc), since.clone());
    let children = Children { configuration: configuration.as_ref(), route: route.as_ref() };
    status::service_status(ksvc, children, &picture.scene(), &live, &since, stage, &sight.config)
}

/// Conditions of a parent change when its newest Revision's do, and not before it exists.
fn since(object: &Value, picture: &Picture) -> Since {
    let own = doc::text(object, "/metadata/creationTimestamp");
    let newest = picture.revisions.iter().max_by_key(|seen| made_for(&seen.document));
    let turned = newest.map(|seen| seen.live.since.by_type.get("Ready").unwrap_or(&seen.live.since.at).as_str());
    // Times of one form compare as text.
    Since { at: turned.unwrap_or_default().max(own).to_owned(), ..Since::default() }
}

fn made_for(revision: &Value) -> i64 {
    doc::label(revision, skiff_knative::keys::CONFIGURATION_GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What a mapping has besides its document.
fn mapping(sight: &Sight<'_>, mapping: &Value) -> MappingLive {
    let since = Since { at: doc::text(mapping, "/metadata/creationTimestamp").to_owned(), ..Since::default() };
    let ours = routes::is_claimed(sight, mapping);
    let unresolved = routes::mapped_key(sight, mapping).is_none().then(|| MappingLive::missing(mapping));
    MappingLive { claim: if ours { Claim::Ours } else { Claim::Taken }, unresolved, ingress_ready: true, since }
}
