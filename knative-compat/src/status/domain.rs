//! The status of a `DomainMapping`.

use super::condition::{Condition, Conditions, Since};
use crate::doc;
use serde_json::{Value, json};

/// Whose the domain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A claim gives it to this namespace, or claims are made on their own.
    Ours,
    /// A claim gives it to another namespace, or nobody claimed it and claims are not made on their own.
    Taken,
}

/// What the caller found out about a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingLive {
    /// Whose the domain is.
    pub claim: Claim,
    /// Why the reference cannot be followed, if it cannot: `failed to get object NS/NAME: … not found`.
    pub unresolved: Option<String>,
    /// Whether the gateways have the host.
    pub ingress_ready: bool,
    /// Times of the conditions.
    pub since: Since,
}

impl MappingLive {
    /// The message of a reference to something missing.
    #[must_use]
    pub fn missing(mapping: &Value) -> String {
        let (namespace, name) = (doc::namespace(mapping), doc::text(mapping, "/spec/ref/name"));
        let plural = format!("{}s", doc::text(mapping, "/spec/ref/kind").to_lowercase());
        let version = doc::text(mapping, "/spec/ref/apiVersion");
        let resource = version.split_once('/').map_or(plural.clone(), |(group, _)| format!("{plural}.{group}"));
        format!("failed to get object {namespace}/{name}: {resource} {name:?} not found")
    }
}

/// `status` of a `DomainMapping`.
#[must_use]
pub fn domain_mapping_status(mapping: &Value, live: &MappingLive) -> Value {
    let url = format!("http://{}", doc::name(mapping));
    let unconfigured = || Condition::unknown("IngressReady", "IngressNotConfigured", "Ingress has not yet been reconciled.");
    let tls = || Condition {
        message: "external-domain-tls is not enabled".into(),
        reason: "TLSNotEnabled".into(),
        ..Condition::yes("CertificateProvisioned")
    };
    let list = match (&live.claim, &live.unresolved) {
        (Claim::Taken, _) => vec![
            Condition::unknown("CertificateProvisioned", "", ""),
            unconfigured(),
            Condition::unknown("ReferenceResolved", "", ""),
            Condition::no("DomainClaimed", "DomainAlreadyClaimed", "The domain name is already in use by another DomainMapping"),
        ],
        (Claim::Ours, Some(why)) => {
            vec![tls(), unconfigured(), Condition::yes("DomainClaimed"), Condition::no("ReferenceResolved", "ResolveFailed", why)]
        }
        (Claim::Ours, None) => vec![
            tls(),
            Condition::yes("DomainClaimed"),
            Condition::yes("ReferenceResolved"),
            if live.ingress_ready { Condition::yes("IngressReady") } else { unconfigured() },
        ],
    };
    json!({
        "address": {"url": url},
        "conditions": Conditions::of(list).shown(&live.since),
        "observedGeneration": doc::generation(mapping),
        "url": url,
    })
}
