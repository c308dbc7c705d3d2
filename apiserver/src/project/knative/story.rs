//! What upstream's controllers would have told of Knative objects, kept until `observe/events.rs` records it as Events.
//!
//! Fed by `told` at the end of a turn. Bounded and best effort, as Events are; knows not how an Event looks.

use super::live;
use super::told::owners;
use crate::registry::ids;
use crate::store::Core;
use crate::store::body::unpack;
use skiff_engine::record::{Document, ResourceId};
use skiff_knative::status::readiness;
use skiff_knative::traffic::Readiness;

/// Stories that wait to be recorded; beyond, new ones are dropped.
pub const STORIES_MAX: usize = 4_096;

/// What happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tale {
    /// Its controller made something for it.
    Created {
        /// Kind, or what upstream calls it.
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// Its controller put its finalizer on it.
    FinalizerSet,
    /// A Revision was started.
    RevisionReady,
    /// The first Revision of a Configuration was started.
    ConfigurationReady,
    /// A newer Revision than before was started.
    LatestReady(Box<str>),
    /// The newest Revision can't be started.
    LatestFailed(Box<str>),
    /// A child has its name and belongs to somebody else.
    NotOwner(&'static str),
}

/// A tale and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The object's resource.
    pub about: ResourceId,
    /// Its key.
    pub key: Box<str>,
    /// Its identity.
    pub uid: u128,
    /// What happened.
    pub tale: Tale,
}

fn tell(core: &Core, about: ResourceId, key: &str, tale: Tale) {
    if let Some(document) = core.world.documents.get(about, key) {
        core.index.knative.push_story(Story { about, key: key.into(), uid: document.uid, tale });
    }
}

fn name_of(key: &str) -> Box<str> {
    key.rsplit('/').next().unwrap_or(key).into()
}

/// A document came or changed.
pub(super) fn of_document(core: &Core, resource: ResourceId, key: &str, new: bool, document: &Document) {
    let created = |what| Tale::Created { what, name: name_of(key) };
    if resource == ids::KSERVICES {
        let children = [(ids::CONFIGURATIONS, "configuration"), (ids::ROUTES, "route")];
        let stranger = |(child, _): &(ResourceId, _)| {
            core.world.documents.get(*child, key).is_some_and(|d| !d.owners.contains(&document.uid))
        };
        // Upstream gives up at the first.
        if let Some((_, child)) = children.into_iter().find(stranger) {
            tell(core, resource, key, Tale::NotOwner(child));
        }
    }
    if !new {
        return;
    }
    let child = match resource {
        ids::CONFIGURATIONS => "Configuration",
        ids::ROUTES => "Route",
        ids::REVISIONS => "Revision",
        ids::DOMAIN_MAPPINGS => {
            tell(core, resource, key, Tale::FinalizerSet);
            return;
        }
        _ => return,
    };
    for (owner, owner_key) in owners(core, document) {
        if matches!(owner, ids::KSERVICES | ids::CONFIGURATIONS) {
            tell(core, owner, owner_key, created(child));
        }
    }
    if resource == ids::ROUTES {
        tell(core, resource, key, Tale::FinalizerSet);
        tell(core, resource, key, created("placeholder service"));
    }
}

/// A Revision was started for the first time.
pub(super) fn of_start(core: &Core, key: &str, document: &Document, configuration: Option<&str>) {
    tell(core, ids::REVISIONS, key, Tale::RevisionReady);
    let Some(configuration) = configuration else { return };
    let others: Vec<u32> = siblings(core, configuration).filter(|serial| *serial != document.serial).collect();
    let is_up = |serial: &&u32| core.index.knative.marks.get(*serial).is_some_and(|mark| mark.reached);
    let newest_up = others.iter().filter(is_up).max().copied();
    if newest_up.is_none() {
        tell(core, ids::CONFIGURATIONS, configuration, Tale::ConfigurationReady);
    }
    if newest_up.is_none_or(|serial| serial < document.serial) {
        tell(core, ids::CONFIGURATIONS, configuration, Tale::LatestReady(name_of(key)));
    }
}

/// A Revision that has not started changed. Gives whether it counts as failed, and tells its Configuration of the newest.
pub(super) fn of_trouble(core: &Core, key: &str, document: &Document, configuration: Option<&str>) -> bool {
    let live = live::live(core, &super::config(core), document, &unpack(&document.body));
    if readiness(&live) != Readiness::Failed {
        return false;
    }
    if let Some(configuration) = configuration
        && siblings(core, configuration).max() == Some(document.serial)
    {
        tell(core, ids::CONFIGURATIONS, configuration, Tale::LatestFailed(name_of(key)));
    }
    true
}

/// A Route's first Revision was started, so it leads somewhere.
pub(super) fn of_ingress(core: &Core, key: &str) {
    tell(core, ids::ROUTES, key, Tale::Created { what: "Ingress", name: name_of(key) });
}

fn siblings<'a>(core: &'a Core, configuration: &str) -> impl Iterator<Item = u32> + 'a {
    let documents = &core.world.documents;
    let owned = documents.get(ids::CONFIGURATIONS, configuration).map(|c| documents.owned_by(c.uid));
    owned
        .into_iter()
        .flatten()
        .filter(|(resource, _)| *resource == ids::REVISIONS)
        .filter_map(|(resource, key)| documents.get(*resource, key).map(|d| d.serial))
}
