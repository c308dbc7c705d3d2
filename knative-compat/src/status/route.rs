//! The status of a Route: traffic, addresses, and whether the gateways know.

use super::condition::{Condition, Conditions};
use super::live::{RouteLive, Scene};
use crate::config::Config;
use crate::{doc, hosts, traffic};
use serde_json::{Map, Value, json};

/// A Route as far as it is worked out; a ksvc copies from it.
pub(super) struct Routed {
    pub(super) conditions: Conditions,
    pub(super) url: String,
    pub(super) address: Option<String>,
    pub(super) traffic: Option<Value>,
}

/// `status` of a Route.
#[must_use]
pub fn route_status(route: &Value, scene: &Scene<'_>, live: &RouteLive, config: &Config) -> Value {
    let routed = work_out(route, scene, live, config);
    let mut out = Map::new();
    let conditions = routed.conditions.shown(&live.since);
    addresses(&routed, &mut out);
    out.insert("conditions".into(), conditions);
    out.insert("observedGeneration".into(), doc::generation(route).into());
    out.sort_keys();
    Value::Object(out)
}

/// `url`, `address` and `traffic`, as a Route and a ksvc show them.
pub(super) fn addresses(routed: &Routed, out: &mut Map<String, Value>) {
    if let Some(address) = &routed.address {
        out.insert("address".into(), json!({"url": address}));
    }
    if let Some(traffic) = &routed.traffic {
        out.insert("traffic".into(), traffic.clone());
    }
    out.insert("url".into(), routed.url.clone().into());
}

pub(super) fn work_out(route: &Value, scene: &Scene<'_>, live: &RouteLive, config: &Config) -> Routed {
    let url = hosts::url(route, None, config);
    let address = hosts::address(route, config);
    let unconfigured = || Condition::unknown("IngressReady", "IngressNotConfigured", "Ingress has not yet been reconciled.");
    match traffic::resolve(route, scene) {
        Ok(targets) => {
            let shown = traffic::shown(&targets, |tag| hosts::url(route, Some(tag), config));
            let (certificate, ingress) = match &live.placeholder_taken {
                Some(name) => (Condition::unknown("CertificateProvisioned", "", ""), taken(name)),
                None if live.ingress_ready => (certificate(), Condition::yes("IngressReady")),
                None => (certificate(), unconfigured()),
            };
            let conditions = Conditions::of(vec![certificate, Condition::yes("AllTrafficAssigned"), ingress]);
            Routed { conditions, url, address: Some(address), traffic: Some(shown) }
        }
        Err(problem) => {
            let kind = "AllTrafficAssigned";
            let assigned = if problem.failure {
                Condition::no(kind, problem.reason, &problem.message)
            } else {
                Condition::unknown(kind, problem.reason, &problem.message)
            };
            // What was assigned before stays in force, and so do its addresses.
            let before = live.assigned.as_ref();
            let certificate = match before {
                Some(_) => certificate(),
                None => Condition::unknown("CertificateProvisioned", "", ""),
            };
            let current = before.is_some_and(|a| a.generation == doc::generation(route));
            let ingress = if current && live.ingress_ready { Condition::yes("IngressReady") } else { unconfigured() };
            // Traffic is marked last: it is what `Ready` speaks of while nothing is assigned.
            let conditions = Conditions::of(vec![certificate, ingress, assigned]);
            Routed { conditions, url, address: before.map(|_| address), traffic: before.map(|a| a.traffic.clone()) }
        }
    }
}

fn taken(name: &str) -> Condition {
    let text = format!("There is an existing placeholder Service {name:?} that we do not own.");
    Condition::no("IngressReady", "NotOwned", &text)
}

/// Nothing here has certificates, and says so in upstream's words.
fn certificate() -> Condition {
    Condition {
        message: "external-domain-tls is not enabled".into(),
        reason: "TLSNotEnabled".into(),
        ..Condition::yes("CertificateProvisioned")
    }
}
