//! The status of a Configuration: which of its revisions is the latest, and whether that one came up.

use super::condition::{Condition, Conditions, Since, State};
use super::live::{RevisionState, Scene};
use super::revision;
use crate::traffic::Readiness;
use crate::{doc, keys};
use serde_json::{Map, Value};

/// The latest revisions of a Configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    /// The one last made, or gone back to by name.
    pub created: Option<String>,
    /// The last one that is ready.
    pub ready: Option<String>,
    /// The name the template asks for, when a revision with other content or another owner has it.
    pub conflict: Option<String>,
}

/// Whether a revision belongs to a Configuration.
#[must_use]
pub fn owns(configuration: &Value, revision: &Value) -> bool {
    doc::label(revision, keys::CONFIGURATION) == Some(doc::name(configuration))
        && doc::namespace(revision) == doc::namespace(configuration)
        && doc::controlled_by(revision, configuration)
}

/// The generation of the Configuration that a revision was made for.
#[must_use]
pub fn made_for(revision: &Value) -> i64 {
    doc::label(revision, keys::CONFIGURATION_GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Finds the latest revisions. `latest.ready` moves back only when the ready one is deleted.
#[must_use]
pub fn latest(configuration: &Value, scene: &Scene<'_>) -> Latest {
    let mut own: Vec<RevisionState<'_>> = scene.revisions.iter().copied().filter(|r| owns(configuration, r.document)).collect();
    own.sort_by_key(|r| std::cmp::Reverse(made_for(r.document)));
    let wanted = doc::text(configuration, "/spec/template/metadata/name");
    let taken = scene.find_revision(wanted).filter(|_| !wanted.is_empty()).map(|r| r.document);
    let usable = taken.filter(|r| owns(configuration, r) && r.get("spec") == configuration.pointer("/spec/template/spec"));
    let conflict = taken.is_some() && usable.is_none();
    let generation = doc::generation(configuration);
    let created = usable
        .or_else(|| own.iter().map(|r| r.document).find(|r| wanted.is_empty() && made_for(r) == generation))
        .or_else(|| own.iter().map(|r| r.document).find(|r| !conflict || doc::name(r) != wanted));
    let named = |document: &Value| doc::name(document).to_owned();
    let first = |r: &&RevisionState<'_>| created.is_some_and(|c| doc::name(c) == doc::name(r.document));
    let up = |r: &&RevisionState<'_>| revision::readiness(r.live) == Readiness::Ready;
    let ready = own.iter().filter(first).find(up).or_else(|| own.iter().find(up));
    Latest { created: created.map(named), ready: ready.map(|r| named(r.document)), conflict: conflict.then(|| wanted.to_owned()) }
}

/// The `Ready` condition of a Configuration.
pub(super) fn ready(configuration: &Value, latest: &Latest, scene: &Scene<'_>) -> Condition {
    let kind = "Ready";
    if let Some(name) = &latest.conflict {
        let text = format!("Revision creation failed with message: revisions.serving.knative.dev {name:?} already exists.");
        return Condition::no(kind, "RevisionFailed", &text);
    }
    let Some(state) = latest.created.as_deref().and_then(|name| scene.find_revision(name)) else {
        return Condition::unknown(kind, "", "");
    };
    let name = doc::name(state.document);
    if doc::text(configuration, "/spec/template/metadata/name").is_empty()
        && made_for(state.document) != doc::generation(configuration)
    {
        return Condition::no(kind, "RevisionDeleted", &format!("Revision {name:?} was deleted."));
    }
    let found = revision::conditions(state.live).ready();
    match found.state {
        State::True => Condition::yes(kind),
        State::Unknown => Condition::unknown(kind, "", ""),
        State::False => {
            let text = format!("Revision {name:?} failed with message: {}.", found.message);
            Condition::no(kind, "RevisionFailed", &text)
        }
    }
}

/// `status` of a Configuration.
#[must_use]
pub fn configuration_status(configuration: &Value, scene: &Scene<'_>, since: &Since) -> Value {
    let latest = latest(configuration, scene);
    let mut out = Map::new();
    let conditions = Conditions::of(vec![ready(configuration, &latest, scene)]);
    // A Configuration has no conditions but `Ready`.
    let shown = conditions.shown(since).as_array().and_then(|list| list.first().cloned());
    out.insert("conditions".into(), shown.into_iter().collect());
    names(&latest, &mut out);
    out.insert("observedGeneration".into(), doc::generation(configuration).into());
    Value::Object(out)
}

/// The names of the latest revisions, as a Configuration and a ksvc show them.
pub(super) fn names(latest: &Latest, out: &mut Map<String, Value>) {
    for (key, name) in [("latestCreatedRevisionName", &latest.created), ("latestReadyRevisionName", &latest.ready)] {
        if let Some(name) = name {
            out.insert(key.into(), name.clone().into());
        }
    }
}
