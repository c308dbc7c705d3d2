//! The validating webhook: every rule on the documents users write, in upstream's words. Fed by `admit` with defaulted
//! documents; must not know other objects of the cluster.

mod annotations;
mod change;
mod container;
mod domain;
mod fault;
mod internal;
mod metadata;
mod pod;
mod probe;
mod revision;
mod traffic;
mod volume;

pub use fault::{Fault, Faults};

use crate::admit::Request;
use crate::config::Config;
use crate::kind::Kind;
use serde_json::Value;

/// Everything that is wrong with a document, warnings included.
#[must_use]
pub fn check(request: &Request<'_>, config: &Config, object: &Value) -> Faults {
    match request.kind {
        Kind::Service => revision::service(request, config, object),
        Kind::Configuration => revision::configuration(request, config, object),
        Kind::Revision => revision::revision(request, config, object),
        Kind::Route => traffic::route(request, object),
        Kind::DomainMapping => domain::mapping(request, config, object),
        Kind::PodAutoscaler => internal::autoscaler(config, object),
        Kind::ServerlessService => internal::serverless_service(object),
        Kind::Ingress => internal::ingress(object),
        Kind::Metric | Kind::ClusterDomainClaim | Kind::Certificate | Kind::Image => Faults::default(),
    }
}
