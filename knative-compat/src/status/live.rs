//! What the caller knows beyond documents: counters, failures, remembered traffic, times; and the documents of one namespace as
//! a route looks at them.

use super::condition::{Since, State};
use super::{configuration, revision};
use crate::doc;
use crate::traffic::{Lookup, Offer, Readiness};
use serde_json::Value;
use std::collections::BTreeMap;

/// What went wrong with a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its image could not be resolved; the text names the image.
    Image {
        /// `Unable to fetch image "…": …`
        message: String,
    },
    /// A container ended.
    Exit {
        /// Its exit code.
        code: i32,
        /// What it left as its last words, may be empty.
        message: String,
    },
    /// A container waits, for example `ImagePullBackOff`. Counts once the deadline has passed.
    Waiting {
        /// Reason of the waiting state.
        reason: String,
        /// Its message.
        message: String,
    },
    /// There is no room.
    Unschedulable {
        /// Why.
        message: String,
    },
}

/// The images of a revision's containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digests {
    /// Still being asked for.
    Resolving,
    /// Resolved, by container; those of registries that are not asked are missing.
    Resolved(BTreeMap<String, String>),
}

/// The live side of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionLive {
    /// Replicas wanted; `None` until the scaler has decided for the first time.
    pub desired: Option<u32>,
    /// Replicas that are to be kept or made.
    pub wanted: u32,
    /// Replicas there.
    pub actual: u32,
    /// Replicas that take requests.
    pub ready: u32,
    /// Whether the initial scale was reached once. Never goes back; an initial scale of 0 is reached at once.
    pub initial_scale_reached: bool,
    /// Some: getting traffic or not; none: being activated.
    pub active: Option<bool>,
    /// What is wrong, if anything.
    pub failure: Option<Failure>,
    /// Whether the progress deadline passed before the initial scale was reached.
    pub deadline_exceeded: bool,
    /// The images.
    pub digests: Digests,
    /// Times of the conditions.
    pub since: Since,
}

impl RevisionLive {
    /// A revision just made.
    #[must_use]
    pub fn new(at: impl Into<String>) -> Self {
        Self {
            desired: None,
            wanted: 0,
            actual: 0,
            ready: 0,
            initial_scale_reached: false,
            active: None,
            failure: None,
            deadline_exceeded: false,
            digests: Digests::Resolved(BTreeMap::new()),
            since: Since { at: at.into(), by_type: BTreeMap::new() },
        }
    }
}

/// A revision with its live side.
#[derive(Clone, Copy, Debug)]
pub struct RevisionState<'a> {
    /// The document.
    pub document: &'a Value,
    /// The live side.
    pub live: &'a RevisionLive,
}

/// Traffic that was assigned before. A route whose targets went away keeps sending requests there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Generation of the Route that asked for it.
    pub generation: i64,
    /// As it stands in `status.traffic`.
    pub traffic: Value,
}

/// The live side of a Route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLive {
    /// What was assigned last; the caller remembers it.
    pub assigned: Option<Assigned>,
    /// Whether the gateways have the routes.
    pub ingress_ready: bool,
    /// A core Service that has the name of the placeholder and belongs to somebody else.
    pub placeholder_taken: Option<String>,
    /// Times of the conditions.
    pub since: Since,
}

/// The Configurations and Revisions of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Scene<'a> {
    /// Configurations.
    pub configurations: Vec<&'a Value>,
    /// Revisions.
    pub revisions: Vec<RevisionState<'a>>,
}

impl<'a> Scene<'a> {
    /// The Configuration of a name.
    #[must_use]
    pub fn find_configuration(&self, name: &str) -> Option<&'a Value> {
        self.configurations.iter().copied().find(|c| doc::name(c) == name)
    }

    /// The Revision of a name.
    #[must_use]
    pub fn find_revision(&self, name: &str) -> Option<RevisionState<'a>> {
        self.revisions.iter().copied().find(|r| doc::name(r.document) == name)
    }
}

impl Lookup for Scene<'_> {
    fn configuration(&self, name: &str) -> Option<Offer> {
        let document = self.find_configuration(name)?;
        let latest = configuration::latest(document, self);
        let readiness = match configuration::ready(document, &latest, self).state {
            State::True => Readiness::Ready,
            State::False => Readiness::Failed,
            State::Unknown => Readiness::Pending,
        };
        Some(Offer { latest_ready: latest.ready, readiness })
    }

    fn revision(&self, name: &str) -> Option<Readiness> {
        self.find_revision(name).map(|state| revision::readiness(state.live))
    }
}
