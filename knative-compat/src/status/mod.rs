//! The status of every kind, and the read-only views of what upstream's controllers would have made: functions of the documents
//! of one namespace and of live counters. Fed at each read; must not change anything.

mod condition;
mod configuration;
mod domain;
mod live;
mod network;
mod revision;
mod route;
mod scaling;
mod service;
mod workload;

pub use condition::{Condition, Conditions, Since, State};
pub use configuration::{Latest, configuration_status, latest};
pub use domain::{Claim, MappingLive, domain_mapping_status};
pub use live::{Assigned, Digests, Failure, RevisionLive, RevisionState, RouteLive, Scene};
pub use network::{Gateways, ingress, mapping_ingress, placeholder_service, private_service, public_service};
pub use revision::{readiness, revision_status};
pub use route::route_status;
pub use scaling::{metric, pod_autoscaler, serverless_service};
pub use service::{Children, Stage, service_status};
pub use workload::{deployment, image, replica_set};

/// Gives the uid of something that is only shown, by kind and name, the same at every read.
pub type Uids<'a> = &'a dyn Fn(&str, &str) -> String;

#[cfg(test)]
mod tests;
