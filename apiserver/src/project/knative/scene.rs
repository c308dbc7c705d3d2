//! The documents around a Route, a Configuration or a ksvc, as the pure rules of `skiff-knative` look at them.
//!
//! Fed by readers and by `verbs::knative`. Looks up only what is needed: children by key, Revisions by owner, newest first and
//! no further back than the first that is ready. A namespace is never scanned.

use super::{live, memory};
use crate::registry::ids;
use crate::store::Core;
use crate::store::body::unpack;
use serde_json::Value;
use skiff_engine::record::{Document, ResourceId};
use skiff_knative::status::{Assigned, RevisionLive, RevisionState, RouteLive, Scene, Since};
use skiff_knative::{Config, doc, hosts, keys, names, traffic};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tables with the configuration.
pub struct Sight<'a> {
    /// The tables.
    pub core: &'a Core,
    /// Knative's ConfigMaps.
    pub config: Arc<Config>,
}

/// A Revision as it is now.
pub struct Seen {
    /// `namespace/name`.
    pub key: String,
    /// Version of the stored document.
    pub version: u64,
    /// The document.
    pub document: Value,
    /// Its live side.
    pub live: RevisionLive,
}

/// Documents around an object.
#[derive(Default)]
pub struct Picture {
    /// Configurations.
    pub configurations: Vec<Value>,
    /// Revisions.
    pub revisions: Vec<Seen>,
}

/// How far a picture goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What a status needs.
    Shown,
    /// Also every Revision that has a routing state to lose.
    Routed,
    /// All Revisions.
    All,
}

impl Picture {
    /// As the rules take it.
    #[must_use]
    pub fn scene(&self) -> Scene<'_> {
        Scene { configurations: self.configurations.iter().collect(), revisions: self.states() }
    }

    /// The Revisions as the rules take them.
    #[must_use]
    pub fn states(&self) -> Vec<RevisionState<'_>> {
        self.revisions.iter().map(|seen| RevisionState { document: &seen.document, live: &seen.live }).collect()
    }

    fn has(&self, key: &str) -> bool {
        self.revisions.iter().any(|seen| seen.key == key)
    }
}

/// The part of a Revision's body that says that no Route leads to it.
const RESERVE: &[u8] = b"\"serving.knative.dev/routingState\":\"reserve\"";

impl<'a> Sight<'a> {
    /// Of the tables as they are.
    #[must_use]
    pub fn new(core: &'a Core) -> Sight<'a> {
        Sight { core, config: memory::config(core) }
    }

    /// A stored object with its version.
    #[must_use]
    pub fn load(&self, resource: ResourceId, key: &str) -> Option<(Value, u64)> {
        self.core.world.documents.get(resource, key).map(|d| (unpack(&d.body), d.version))
    }

    /// Adds a Revision by key, if there is one.
    pub fn add_revision(&self, picture: &mut Picture, key: &str) {
        if let Some(document) = self.core.world.documents.get(ids::REVISIONS, key)
            && !picture.has(key)
        {
            picture.revisions.push(self.seen(key, document));
        }
    }

    fn seen(&self, key: &str, document: &Document) -> Seen {
        let object = unpack(&document.body);
        let live = live::live(self.core, &self.config, document, &object);
        Seen { key: key.to_owned(), version: document.version, document: object, live }
    }

    /// Adds a Configuration (as given, it may not be stored yet) with its Revisions.
    pub fn add_configuration(&self, picture: &mut Picture, configuration: Value, depth: Depth) {
        if picture.configurations.iter().any(|c| doc::uid(c) == doc::uid(&configuration)) {
            return;
        }
        let namespace = doc::namespace(&configuration).to_owned();
        let uid = crate::project::name::uid_of(doc::uid(&configuration));
        let owned = self.core.world.documents.owned_by(uid).iter().filter(|(resource, _)| *resource == ids::REVISIONS);
        let mut own: Vec<(&str, &Arc<Document>)> =
            owned.filter_map(|(resource, key)| Some((&**key, self.core.world.documents.get(*resource, key)?))).collect();
        own.sort_unstable_by_key(|(_, document)| std::cmp::Reverse(document.serial));
        let mut ready = false;
        for (key, document) in own {
            let routed = || !document.body.windows(RESERVE.len()).any(|part| part == RESERVE);
            if ready && !(depth == Depth::All || depth == Depth::Routed && routed()) {
                continue;
            }
            if picture.has(key) {
                continue;
            }
            let seen = self.seen(key, document);
            ready |= seen.live.initial_scale_reached;
            picture.revisions.push(seen);
        }
        // The name that the template asks for may be an old Revision's, or somebody else's.
        let wanted = doc::text(&configuration, "/spec/template/metadata/name");
        if !wanted.is_empty() {
            self.add_revision(picture, &format!("{namespace}/{wanted}"));
        }
        picture.configurations.push(configuration);
    }

    /// Adds everything that a Route's traffic names.
    pub fn add_targets(&self, picture: &mut Picture, route: &Value, depth: Depth) {
        let namespace = doc::namespace(route);
        for target in doc::items(route, "/spec/traffic") {
            let (revision, configuration) = (doc::text(target, "/revisionName"), doc::text(target, "/configurationName"));
            if !revision.is_empty() {
                self.add_revision(picture, &format!("{namespace}/{revision}"));
            } else if let Some((found, _)) = self.load(ids::CONFIGURATIONS, &format!("{namespace}/{configuration}")) {
                self.add_configuration(picture, found, depth);
            }
        }
    }

    /// The names under which a Configuration's next Revision is made.
    pub fn add_next(&self, picture: &mut Picture, configuration: &Value) {
        let namespace = doc::namespace(configuration);
        for generation in [doc::generation(configuration), doc::generation(configuration) + 1] {
            let name = names::child(doc::name(configuration), &format!("-{generation:05}"));
            self.add_revision(picture, &format!("{namespace}/{name}"));
        }
    }

    /// What a Route has besides its document.
    #[must_use]
    pub fn route_live(&self, route: &Value, since: Since) -> RouteLive {
        let key = format!("{}/{}", doc::namespace(route), doc::name(route));
        let serial = self.core.world.documents.get(ids::ROUTES, &key).map_or(0, |d| d.serial);
        // The placeholder is a view; only a stored Service of that name can be in its way.
        let taken = self.core.world.documents.get(ids::SERVICES, &key).map(|_| doc::name(route).to_owned());
        RouteLive { assigned: self.core.index.knative.assigned(serial), ingress_ready: true, placeholder_taken: taken, since }
    }

    /// The traffic that a Route gives now: `None` while there is a problem with it.
    #[must_use]
    pub fn assign(&self, route: &Value, scene: &Scene<'_>) -> Option<Assigned> {
        let targets = traffic::resolve(route, scene).ok()?;
        let shown = traffic::shown(&targets, |tag| hosts::url(route, Some(tag), &self.config));
        Some(Assigned { generation: doc::generation(route), traffic: shown })
    }
}

/// Keys of the Configurations that a Route's traffic leads to and that exist.
#[must_use]
pub fn reference_keys(core: &Core, route: &Value, namespace: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for target in doc::items(route, "/spec/traffic") {
        let revision = doc::text(target, "/revisionName");
        let name = if revision.is_empty() {
            doc::text(target, "/configurationName").to_owned()
        } else {
            let document = core.world.documents.get(ids::REVISIONS, &format!("{namespace}/{revision}"));
            let object = document.map(|d| unpack(&d.body)).unwrap_or_default();
            doc::label(&object, keys::CONFIGURATION).unwrap_or_default().to_owned()
        };
        let key = format!("{namespace}/{name}");
        if core.world.documents.get(ids::CONFIGURATIONS, &key).is_some() {
            found.insert(key);
        }
    }
    found
}
