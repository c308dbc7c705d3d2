//! After a turn: whose conditions changed because a Revision's did, and what wants a turn of its own.
//!
//! Fed by `store/core.rs`. A parent is told once a turn, and only when what it shows can have changed: counters of a running
//! Revision change a hundred times a second, its readiness twice in its life.

use super::live::{TOLD_REACHED, is_homeless, is_reached, is_revision};
use super::scene::reference_keys;
use super::story;
use crate::project::name::digest;
use crate::registry::ids;
use crate::store::body::unpack;
use crate::store::{Core, View};
use serde_json::Value;
use skiff_engine::record::{Document, ResourceId};
use skiff_engine::wire::ContainerState;
use skiff_engine::{Event, Outcome};
use skiff_knative::status::Stage;
use skiff_knative::{doc, keys};
use std::collections::{BTreeMap, BTreeSet};

/// Objects that are to be shown anew, and the stages at which watchers see them, in order.
type Told = BTreeMap<(ResourceId, Box<str>), &'static [Stage]>;

const PLAIN: &[Stage] = &[Stage::Settled];
const BORN: &[Stage] = &[Stage::Accepted, Stage::Reconciled];
const RISEN: &[Stage] = &[Stage::Reconciled, Stage::Routed, Stage::Settled];

/// Documents whose conditions follow from a Revision.
#[must_use]
pub fn parents(revision: &Value, namespace: &str) -> Vec<(ResourceId, Box<str>)> {
    let key = |name: &str| format!("{namespace}/{name}").into_boxed_str();
    let mut found = Vec::new();
    if let Some(configuration) = doc::label(revision, keys::CONFIGURATION) {
        found.push((ids::CONFIGURATIONS, key(configuration)));
    }
    let service = doc::label(revision, keys::SERVICE);
    let mut routes: BTreeSet<&str> =
        doc::annotation(revision, keys::ROUTES).into_iter().flat_map(|names| names.split(',')).collect();
    routes.extend(service);
    found.extend(routes.into_iter().filter(|name| !name.is_empty()).map(|name| (ids::ROUTES, key(name))));
    // The ksvc last: what it shows follows from the others.
    found.extend(service.map(|service| (ids::KSERVICES, key(service))));
    found
}

/// Looks at a turn, and journals whom it concerns above Revisions.
pub fn after_turn(core: &mut Core, outcome: &Outcome, now_s: u32) {
    let told = whom(core, outcome, now_s);
    if told.is_empty() {
        return;
    }
    // A version of its own: what was read before this turn's end must not count as having seen it.
    core.world.raise_version(core.world.version + 1);
    let version = core.world.version;
    for ((resource, key), stages) in told {
        let Some(document) = core.world.documents.get(resource, &key).cloned() else { continue };
        core.index.touched.insert(document.serial, version);
        for stage in stages {
            let before = Some(View::Document(document.clone()));
            let after = Some(match stage {
                Stage::Settled => View::Document(document.clone()),
                stage => View::Staged(document.clone(), *stage),
            });
            core.push(resource, version, &key, before, after);
        }
    }
}

fn whom(core: &mut Core, outcome: &Outcome, now_s: u32) -> Told {
    let mut touched: BTreeSet<u32> = BTreeSet::new();
    let mut told = Told::new();
    let first = outcome.events.first().map_or(u64::MAX, |(version, _)| *version);
    for (_, event) in &outcome.events {
        match event {
            Event::Revision { serial, .. } | Event::Function { serial } => {
                touched.insert(*serial);
            }
            Event::Sandbox { before, after } => {
                let serial = before.as_ref().or(after.as_ref()).map_or(0, |at| at.sandbox.revision());
                touched.insert(serial);
            }
            Event::Document { resource, key, before, after } => {
                note_document(core, *resource, key, before.as_deref(), after.as_deref(), first, &mut told);
            }
            Event::Node { .. } | Event::Said(_) => {}
        }
    }
    while let Some((at, serial)) = core.index.knative.deadlines.first().copied().filter(|(at, _)| *at <= now_s) {
        core.index.knative.deadlines.remove(&(at, serial));
        touched.insert(serial);
    }
    for serial in touched {
        if is_revision(core, serial) {
            note_revision(core, serial, now_s, &mut told);
        }
    }
    told
}

/// A document came, changed or went.
fn note_document(
    core: &Core,
    resource: ResourceId,
    key: &str,
    before: Option<&Document>,
    after: Option<&Document>,
    first: u64,
    told: &mut Told,
) {
    if let Some(document) = after {
        story::of_document(core, resource, key, before.is_none(), document);
    }
    match resource {
        ids::KSERVICES if before.is_none() && after.is_some() => tell(told, resource, key.into(), BORN),
        ids::CONFIGURATIONS | ids::ROUTES => {
            // Edited or deleted by hand: the ksvc, if there is one and it wasn't written in this turn, sets it right again.
            for (owner, owner_key) in after.or(before).into_iter().flat_map(|d| owners(core, d)) {
                let written = core.world.documents.get(owner, owner_key).is_some_and(|d| d.version >= first);
                if owner == ids::KSERVICES && !written {
                    core.index.knative.unsettle(owner, owner_key);
                }
            }
            if let (ids::ROUTES, Some(gone), None) = (resource, before, after) {
                let namespace = key.split('/').next().unwrap_or_default();
                for target in reference_keys(core, &unpack(&gone.body), namespace) {
                    core.index.knative.unsettle(ids::CONFIGURATIONS, &target);
                }
            }
        }
        ids::REVISIONS => {
            let (Some(gone), None) = (before, after) else { return };
            if core.has_start_note(key) {
                core.index.knative.unsettle(resource, key);
            }
            // With its Configuration everything above goes too, and hears it for itself.
            let Some((_, configuration)) = owners(core, gone).find(|(owner, _)| *owner == ids::CONFIGURATIONS) else { return };
            core.index.knative.unsettle(ids::CONFIGURATIONS, configuration);
            let namespace = key.split('/').next().unwrap_or_default();
            for (parent, key) in parents(&unpack(&gone.body), namespace) {
                tell(told, parent, key, PLAIN);
            }
        }
        _ => {}
    }
}

pub(super) fn owners<'a>(core: &'a Core, document: &'a Document) -> impl Iterator<Item = (ResourceId, &'a str)> {
    document.owners.iter().filter_map(|uid| core.index.of_uid(*uid)).map(|(resource, key)| (*resource, &**key))
}

/// Each object once a turn; one that is born in this turn and up at once shows all steps.
fn tell(told: &mut Told, resource: ResourceId, key: Box<str>, stages: &'static [Stage]) {
    let known = told.entry((resource, key)).or_insert(stages);
    if *known == BORN && stages == RISEN {
        *known = &Stage::SEQUENCE;
    } else if *known == PLAIN {
        *known = stages;
    }
}

/// A Revision's records changed: if its conditions may have, its parents are told.
fn note_revision(core: &mut Core, serial: u32, now_s: u32, told: &mut Told) {
    let Some(mark) = core.index.knative.marks.get(&serial).copied() else { return };
    let record = core.world.revisions.get(&serial);
    let reached = is_reached(Some(&mark), record);
    let facts = if reached { TOLD_REACHED } else { facts(core, serial, mark.deadline_s <= now_s) };
    if facts == mark.told {
        return;
    }
    let troubled = mark.deadline_s <= now_s || record.is_some_and(|r| r.failure.is_some() || is_homeless(core, r));
    if let Some(mark) = core.index.knative.marks.get_mut(&serial) {
        mark.told = facts;
        mark.reached |= reached;
    }
    let Some((resource, key)) = core.index.location(serial) else { return };
    if reached {
        core.index.knative.deadlines.remove(&(mark.deadline_s, serial));
        // A turn of its own notes that it has started, for the next run.
        core.index.knative.unsettle(resource, &key);
    }
    let document = core.world.documents.get(resource, &key).cloned();
    let configuration = document.as_deref().and_then(|d| owners(core, d).find(|(owner, _)| *owner == ids::CONFIGURATIONS));
    let parent = configuration.map(|(_, key)| key);
    let mut fails = mark.failed;
    if let Some(document) = &document {
        if reached {
            story::of_start(core, &key, document, parent);
        } else if !fails && troubled {
            fails = story::of_trouble(core, &key, document, parent);
        }
    }
    let siblings = configuration
        .and_then(|(resource, key)| core.world.documents.get(resource, key))
        .map_or(0, |c| core.world.documents.owned_by(c.uid).len());
    if let Some((resource, key)) = configuration.filter(|_| siblings > 1) {
        // Another one was in use until now; its routing state changes with the traffic.
        core.index.knative.unsettle(resource, key);
    }
    // A watcher of a new ksvc sees the steps that upstream's controllers would have taken.
    let rises = reached && siblings <= 1;
    for (resource, key) in core.index.parents_of(serial) {
        if rises && resource == ids::ROUTES {
            story::of_ingress(core, &key);
        }
        let stages = if rises && resource == ids::KSERVICES { RISEN } else { PLAIN };
        tell(told, resource, key, stages);
    }
    if mark.deadline_s <= now_s && !reached {
        tell(told, resource, key, PLAIN);
    }
    if let Some(mark) = core.index.knative.marks.get_mut(&serial) {
        mark.failed = fails;
    }
}

/// A digest of what parents show of a Revision that has not started; never 0 or [`TOLD_REACHED`].
fn facts(core: &Core, serial: u32, late: bool) -> u32 {
    let Some(record) = core.world.revisions.get(&serial) else { return 2 + u32::from(late) };
    let homeless = is_homeless(core, record);
    let mut parts: Vec<Vec<u8>> = vec![vec![u8::from(late), u8::from(homeless)]];
    if let Some(failure) = &record.failure {
        parts.push(failure.container.name.clone().into_bytes());
        for state in std::iter::once(&failure.container.state).chain(&failure.container.last) {
            match state {
                ContainerState::Waiting { reason, message } => {
                    parts.extend([reason.clone().into_bytes(), message.clone().into_bytes()])
                }
                ContainerState::Running { .. } => parts.push(b"running".to_vec()),
                ContainerState::Terminated { exit_code, message, .. } => {
                    parts.extend([exit_code.to_le_bytes().to_vec(), message.clone().into_bytes()]);
                }
            }
        }
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    #[allow(clippy::cast_possible_truncation)]
    let digest = digest(&parts) as u32;
    digest.max(4)
}
