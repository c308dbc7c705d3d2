//! `config-network`: hosts, schemes and ingress.

use super::reader::{Reader, demand};
use super::template::Template;
use super::{ConfigError, Data};
use crate::duration::SECOND;

/// `config-network`.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Ingress implementation shown in the annotation of an Ingress.
    pub ingress_class: String,
    /// Host of a route.
    pub domain_template: Template,
    /// Name of a tagged target.
    pub tag_template: Template,
    /// Whether hosts outside the cluster get certificates.
    pub external_domain_tls: bool,
    /// Whether hosts inside the cluster get certificates.
    pub cluster_local_tls: bool,
    /// `Enabled` or `Redirected`.
    pub http_protocol: String,
    /// Scheme of URLs outside the cluster.
    pub scheme: String,
    /// How long a route shifts to the latest revision, in nanoseconds.
    pub rollout_duration: i64,
    /// Whether a `DomainMapping` makes its own claim.
    pub autocreate_claims: bool,
    /// Suffix of names inside the cluster.
    pub cluster_domain: String,
}

const DOMAIN_FIELDS: [&str; 5] = ["Name", "Namespace", "Domain", "Annotations", "Labels"];

impl Default for Network {
    fn default() -> Self {
        let domain = Template::parse("domain-template", "{{.Name}}.{{.Namespace}}.{{.Domain}}", &DOMAIN_FIELDS, "");
        let tag = Template::parse("tag-template", "{{.Tag}}-{{.Name}}", &["Tag", "Name"], "");
        Self {
            ingress_class: "istio.ingress.networking.knative.dev".into(),
            // Both texts are constants that parse.
            domain_template: domain.unwrap_or_else(|_| Template::literal("")),
            tag_template: tag.unwrap_or_else(|_| Template::literal("")),
            external_domain_tls: false,
            cluster_local_tls: false,
            http_protocol: "Enabled".into(),
            scheme: "http".into(),
            rollout_duration: 0,
            autocreate_claims: false,
            cluster_domain: "cluster.local".into(),
        }
    }
}

impl Network {
    /// Reads and checks the map.
    pub(super) fn read(data: &Data) -> Result<Self, ConfigError> {
        let r = Reader::new(data, "");
        let base = Self::default();
        let first = |keys: &[&str]| keys.iter().find_map(|key| r.text(key));
        let enabled = |keys: &[&str]| first(keys).is_some_and(|word| word.eq_ignore_ascii_case("enabled"));
        let rollout = r.int("rollout-duration", 0)?;
        demand(rollout >= 0, || format!("rollout-duration must be a positive integer, but was {rollout}"))?;
        let domain_template = r.text("domain-template").map_or(Ok(base.domain_template), |text| {
            Template::parse("domain-template", text, &DOMAIN_FIELDS, "config.DomainTemplateValues")
        })?;
        let tag_template = r.text("tag-template").map_or(Ok(base.tag_template), |text| {
            Template::parse("tag-template", text, &["Tag", "Name"], "config.TagTemplateValues")
        })?;
        let word = first(&["http-protocol", "httpProtocol"]).unwrap_or("Enabled");
        let http_protocol = match word.to_ascii_lowercase().as_str() {
            "" | "enabled" => "Enabled",
            "redirected" => "Redirected",
            _ => return Err(ConfigError(format!("httpProtocol {word} in config-network ConfigMap is not supported"))),
        };
        let internal = r.text("system-internal-tls").unwrap_or("");
        demand(internal.is_empty() || ["enabled", "disabled"].contains(&internal.to_ascii_lowercase().as_str()), || {
            format!("system-internal-tls with value: {internal:?} in config-network ConfigMap is not supported")
        })?;
        Ok(Self {
            ingress_class: first(&["ingress-class", "ingress.class"]).map_or(base.ingress_class, str::to_owned),
            domain_template,
            tag_template,
            external_domain_tls: enabled(&["external-domain-tls", "auto-tls", "autoTLS"]),
            cluster_local_tls: enabled(&["cluster-local-domain-tls"]),
            http_protocol: http_protocol.into(),
            scheme: r.text("default-external-scheme").unwrap_or("http").into(),
            rollout_duration: rollout.saturating_mul(SECOND),
            autocreate_claims: r.bool("autocreate-cluster-domain-claims", false)?,
            cluster_domain: base.cluster_domain,
        })
    }
}
