//! From the traffic of a Route to revisions: what each target resolves to, or why it cannot. Fed by `status` and by the caller
//! that makes the gateway's routes; must not know hosts.

use crate::doc;
use serde_json::{Map, Value};

/// How ready something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// It will not be.
    Failed,
    /// Not yet known.
    Pending,
}

/// What a Configuration can offer a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The latest revision that is ready.
    pub latest_ready: Option<String>,
    /// Whether the Configuration itself is.
    pub readiness: Readiness,
}

/// Where a route looks up its targets, in its own namespace.
pub trait Lookup {
    /// The Configuration of this name.
    fn configuration(&self, name: &str) -> Option<Offer>;
    /// The Revision of this name.
    fn revision(&self, name: &str) -> Option<Readiness>;
}

/// A resolved target, in the order of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Revision that gets the requests.
    pub revision: String,
    /// Share, 0 to 100.
    pub percent: u8,
    /// Name under which the target has hosts of its own.
    pub tag: Option<String>,
    /// The Configuration whose latest revision this is, if it moves along.
    pub configuration: Option<String>,
}

/// Why traffic cannot be assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `Condition.reason`.
    pub reason: &'static str,
    /// `Condition.message`.
    pub message: String,
    /// Whether waiting is of no use.
    pub failure: bool,
}

/// Resolves all targets of a Route.
///
/// # Errors
/// With the first problem, or the last that waiting will not solve.
pub fn resolve(route: &Value, lookup: &dyn Lookup) -> Result<Vec<Target>, Problem> {
    let mut targets = Vec::new();
    let mut problem: Option<Problem> = None;
    for target in doc::items(route, "/spec/traffic") {
        match one(target, lookup) {
            Ok(resolved) => targets.push(resolved),
            Err(found) if problem.is_none() || found.failure => problem = Some(found),
            Err(_) => {}
        }
    }
    problem.map_or(Ok(targets), Err)
}

fn one(target: &Value, lookup: &dyn Lookup) -> Result<Target, Problem> {
    let percent = doc::int(target, "/percent").and_then(|p| u8::try_from(p).ok()).unwrap_or(0);
    let tag = Some(doc::text(target, "/tag")).filter(|tag| !tag.is_empty()).map(str::to_owned);
    let name = doc::text(target, "/revisionName");
    if !name.is_empty() {
        let revision = name.to_owned();
        return match lookup.revision(name) {
            Some(Readiness::Ready) => Ok(Target { revision, percent, tag, configuration: None }),
            Some(Readiness::Failed) => {
                Err(problem("RevisionMissing", format!("Revision {name:?} failed to become ready."), true))
            }
            Some(Readiness::Pending) => Err(problem("RevisionMissing", format!("Revision {name:?} is not yet ready."), false)),
            None => Err(problem("RevisionMissing", format!("Revision {name:?} referenced in traffic not found."), true)),
        };
    }
    let name = doc::text(target, "/configurationName");
    match lookup.configuration(name) {
        None => Err(problem("ConfigurationMissing", format!("Configuration {name:?} referenced in traffic not found."), true)),
        Some(Offer { latest_ready: Some(revision), .. }) => {
            Ok(Target { revision, percent, tag, configuration: Some(name.to_owned()) })
        }
        Some(Offer { readiness: Readiness::Failed, .. }) => {
            Err(problem("RevisionMissing", format!("Configuration {name:?} does not have any ready Revision."), true))
        }
        Some(_) => {
            Err(problem("RevisionMissing", format!("Configuration {name:?} is waiting for a Revision to become ready."), false))
        }
    }
}

const fn problem(reason: &'static str, message: String, failure: bool) -> Problem {
    Problem { reason, message, failure }
}

/// Resolved targets as `(revision, percent, tag)`.
#[must_use]
pub fn shares(targets: &[Target]) -> Vec<(String, u8, Option<String>)> {
    targets.iter().map(|t| (t.revision.clone(), t.percent, t.tag.clone())).collect()
}

/// Resolved targets as they stand in `status.traffic`; `url` gives the address of a tag.
#[must_use]
pub fn shown(targets: &[Target], url: impl Fn(&str) -> String) -> Value {
    let entry = |target: &Target| {
        let mut map = Map::new();
        map.insert("latestRevision".into(), target.configuration.is_some().into());
        map.insert("percent".into(), target.percent.into());
        map.insert("revisionName".into(), target.revision.clone().into());
        if let Some(tag) = &target.tag {
            map.insert("tag".into(), tag.clone().into());
            map.insert("url".into(), url(tag).into());
        }
        Value::Object(map)
    };
    targets.iter().map(entry).collect()
}
