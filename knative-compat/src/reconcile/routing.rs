//! Which routes point at which Configurations and Revisions, written on both, and the routing state that follows from it.

use super::{ChildWrite, Context};
use crate::kind::Kind;
use crate::status::{Scene, latest};
use crate::{doc, keys};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Pointing = BTreeMap<String, BTreeSet<String>>;

/// The writes that bring labels and annotations of the namespace's Configurations and Revisions in line with its Routes.
/// `assigned` tells the traffic a Route had before and still has, as it stands in its status: as long as requests go there, the
/// revision stays active.
#[must_use]
pub fn routing_updates(
    ctx: &Context<'_>,
    routes: &[&Value],
    scene: &Scene<'_>,
    assigned: &dyn Fn(&str) -> Option<Value>,
) -> Vec<ChildWrite> {
    let (mut configurations, mut revisions) = (Pointing::new(), Pointing::new());
    for route in routes {
        let name = doc::name(route).to_owned();
        let (targets, sources) = pointed_at(route, scene, assigned(&name).as_ref());
        for target in targets {
            revisions.entry(target).or_default().insert(name.clone());
        }
        for source in sources {
            configurations.entry(source).or_default().insert(name.clone());
        }
    }
    let mut writes = Vec::new();
    for configuration in &scene.configurations {
        let mut next = (*configuration).clone();
        doc::set_meta(&mut next, "annotations", keys::ROUTES, joined(&configurations, configuration).as_deref());
        if next != **configuration {
            writes.push(ChildWrite::Update(Kind::Configuration, next));
        }
    }
    for state in &scene.revisions {
        let next = routed(ctx, state.document, joined(&revisions, state.document));
        if next != *state.document {
            writes.push(ChildWrite::Update(Kind::Revision, next));
        }
    }
    writes
}

fn joined(pointing: &Pointing, document: &Value) -> Option<String> {
    pointing.get(doc::name(document)).map(|names| names.iter().cloned().collect::<Vec<_>>().join(","))
}

/// The revisions and the Configurations that a Route points at.
fn pointed_at(route: &Value, scene: &Scene<'_>, assigned: Option<&Value>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut revisions, mut configurations) = (BTreeSet::new(), BTreeSet::new());
    let before = assigned.and_then(Value::as_array).into_iter().flatten();
    for target in doc::items(route, "/spec/traffic").chain(before) {
        let (revision, configuration) = (doc::text(target, "/revisionName"), doc::text(target, "/configurationName"));
        if !revision.is_empty() {
            revisions.insert(revision.to_owned());
            let owner = scene.find_revision(revision).and_then(|r| doc::label(r.document, keys::CONFIGURATION));
            configurations.extend(owner.map(str::to_owned));
        }
        if let Some(found) = scene.find_configuration(configuration) {
            configurations.insert(configuration.to_owned());
            // The one that is coming up counts already, so that it is not taken for an unused one.
            let latest = latest(found, scene);
            revisions.extend(latest.created.into_iter().chain(latest.ready));
        }
    }
    (revisions, configurations)
}

fn routed(ctx: &Context<'_>, revision: &Value, routes: Option<String>) -> Value {
    let state = doc::label(revision, keys::ROUTING_STATE);
    // What no Configuration made and no route ever used has no state at all.
    let wanted = match (&routes, state) {
        (Some(_), _) => Some("active"),
        (None, Some("active")) => Some("reserve"),
        (None, other) => other,
    };
    let mut next = revision.clone();
    doc::set_meta(&mut next, "annotations", keys::ROUTES, routes.as_deref());
    if wanted != state {
        doc::set_meta(&mut next, "labels", keys::ROUTING_STATE, wanted);
        doc::set_meta(&mut next, "annotations", keys::ROUTING_STATE_MODIFIED, Some(ctx.now));
    }
    next
}
