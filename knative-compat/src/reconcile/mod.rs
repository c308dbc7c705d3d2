//! What a write leads to: the Configuration and the Route of a ksvc, the Revision of a Configuration, the routing state of
//! revisions, and which revisions are collected. Fed in the same transaction as the write; time is an argument, uids and
//! resource versions of new documents are given by the caller.

mod children;
mod gc;
mod revision;
mod routing;
mod turn;

pub use children::reconcile_service;
pub use gc::collect;
pub use revision::reconcile_configuration;
pub use routing::routing_updates;
pub use turn::{Mint, service_turn};

use crate::config::Config;
use crate::kind::Kind;
use serde_json::Value;

/// What the reconcilers are told besides documents.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The config maps.
    pub config: &'a Config,
    /// Now, RFC 3339 in whole seconds.
    pub now: &'a str,
}

/// The children of a ksvc, as far as they exist; also what has its name and belongs to somebody else, which is left alone.
#[derive(Clone, Debug, Default)]
pub struct Children {
    /// The Configuration of that name.
    pub configuration: Option<Value>,
    /// The Route of that name.
    pub route: Option<Value>,
}

/// A write that follows from another one.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildWrite {
    /// A new document, with `generation: 1` but without uid, resource version and creation time.
    Create(Kind, Value),
    /// A stored document replaced; its generation is already raised if its spec changed.
    Update(Kind, Value),
    /// A document that goes.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl ChildWrite {
    /// The document that is written, if one is.
    #[must_use]
    pub const fn document(&self) -> Option<&Value> {
        match self {
            Self::Create(_, document) | Self::Update(_, document) => Some(document),
            Self::Delete { .. } => None,
        }
    }
}

/// The finalizer that upstream's controllers keep on a stored document of this kind. It is shown on reads, and makes a DELETE
/// answer with the object; nothing here waits for it.
#[must_use]
pub const fn finalizer(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Route => Some("routes.serving.knative.dev"),
        Kind::DomainMapping => Some("domainmappings.serving.knative.dev"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
