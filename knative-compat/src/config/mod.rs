//! The config maps of `knative-serving` as one typed value with upstream's defaults, and the check that upstream's config
//! webhook makes before such a map is written. Fed by the API server whenever one of the maps changes.

mod autoscaler;
mod defaults;
mod domain;
mod example;
mod features;
mod gc;
mod network;
mod observe;
mod reader;
pub mod template;

pub use autoscaler::Autoscaler;
pub use defaults::{Defaults, Resource};
pub use domain::Domains;
pub use features::{Features, Flag};
pub use gc::{Deployment, Gc};
pub use network::Network;

use std::collections::BTreeMap;
use thiserror::Error;

/// The `data` of one config map.
pub type Data = BTreeMap<String, String>;

/// The namespace of the config maps.
pub const NAMESPACE: &str = "knative-serving";

/// Why a config map was refused; the text is upstream's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    /// The whole message of the refusal, a 400 `BadRequest`.
    #[must_use]
    pub fn message(&self) -> String {
        format!("admission webhook \"config.webhook.serving.knative.dev\" denied the request: validation failed: {}", self.0)
    }
}

/// Everything that the config maps decide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `config-autoscaler`
    pub autoscaler: Autoscaler,
    /// `config-defaults`
    pub defaults: Defaults,
    /// `config-domain`
    pub domains: Domains,
    /// `config-features`
    pub features: Features,
    /// `config-gc`
    pub gc: Gc,
    /// `config-network`
    pub network: Network,
    /// `config-deployment`
    pub deployment: Deployment,
}

impl Config {
    /// Reads the maps by their names. A map that is missing or broken counts as its defaults: the check before a write keeps
    /// broken ones out, so a broken one is a map from before Knative's rules were in force.
    #[must_use]
    pub fn from_config_maps(maps: &BTreeMap<String, Data>) -> Self {
        let empty = Data::new();
        let data = |name: &str| maps.get(name).unwrap_or(&empty);
        Self {
            autoscaler: Autoscaler::read(data("config-autoscaler")).unwrap_or_default(),
            defaults: Defaults::read(data("config-defaults")).unwrap_or_default(),
            domains: Domains::read(data("config-domain")).unwrap_or_default(),
            features: Features::read(data("config-features")),
            gc: Gc::read(data("config-gc")).unwrap_or_default(),
            network: Network::read(data("config-network")).unwrap_or_default(),
            deployment: Deployment::read(data("config-deployment")).unwrap_or_default(),
        }
    }
}

/// What the config webhook says of a config map about to be written; `checksum` is its annotation
/// `knative.dev/example-checksum`.
///
/// # Errors
/// With upstream's words where a value is out of range or unreadable.
pub fn check(name: &str, data: &Data, checksum: Option<&str>) -> Result<(), ConfigError> {
    example::check(data, checksum)?;
    match name {
        "config-autoscaler" => Autoscaler::read(data).map(drop),
        "config-defaults" => Defaults::read(data).map(drop),
        "config-domain" => Domains::read(data).map(drop),
        "config-gc" => Gc::read(data).map(drop),
        "config-network" => Network::read(data).map(drop),
        "config-deployment" => Deployment::check(data),
        "config-logging" => observe::logging(data),
        "config-observability" => observe::observability(data),
        "config-tracing" => observe::tracing(data),
        "config-leader-election" => observe::leader_election(data),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
