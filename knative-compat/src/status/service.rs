//! The status of a ksvc: its Configuration's and its Route's, put together, in the stages in which a watch sees them.

use super::condition::{Condition, Conditions, Since};
use super::live::{RouteLive, Scene};
use super::route::Routed;
use super::{configuration, route};
use crate::config::Config;
use crate::doc;
use serde_json::{Map, Value};

/// How far a change of a ksvc has come, in the order in which a watch must see it. A read shows [`Stage::Settled`]; whoever
/// emits events after a write of the spec goes through the stages from the first to where the facts allow, and emits the last
/// ones again as revision and gateway get ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Stored; nothing has followed it yet: `OutOfDate`.
    Accepted,
    /// The children have followed; the route does not look at revisions yet: `RevisionMissing`.
    Reconciled,
    /// The route has its revisions; the gateways are not told yet: `IngressNotConfigured`.
    Routed,
    /// Whatever the facts are.
    Settled,
}

impl Stage {
    /// All stages in order.
    pub const SEQUENCE: [Self; 4] = [Self::Accepted, Self::Reconciled, Self::Routed, Self::Settled];
}

/// What belongs to a ksvc, as far as it exists; also what has its name and belongs to somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Children<'a> {
    /// The Configuration of that name.
    pub configuration: Option<&'a Value>,
    /// The Route of that name.
    pub route: Option<&'a Value>,
}

/// `status` of a ksvc at a stage.
#[must_use]
pub fn service_status(
    ksvc: &Value,
    children: Children<'_>,
    scene: &Scene<'_>,
    live: &RouteLive,
    since: &Since,
    stage: Stage,
    config: &Config,
) -> Value {
    let mut out = Map::new();
    let own = |child: Option<&Value>| child.map(|c| doc::controlled_by(c, ksvc));
    let owned_route = children.route.filter(|r| doc::controlled_by(r, ksvc));
    let settled = owned_route.map(|r| route::work_out(r, scene, live, config));
    // A route whose traffic stays as it was has nothing to go through.
    let unchanged =
        settled.as_ref().is_some_and(|r| r.traffic.is_some() && r.traffic.as_ref() == live.assigned.as_ref().map(|a| &a.traffic));
    let stage = if unchanged && stage > Stage::Accepted { Stage::Settled } else { stage };
    let routed = match stage {
        Stage::Settled => settled,
        _ => owned_route.map(|r| route::work_out(r, scene, &RouteLive { ingress_ready: false, ..live.clone() }, config)),
    };
    let configurations = match (own(children.configuration), children.configuration) {
        (Some(false), _) => not_owned("ConfigurationsReady", "Configuration", doc::name(ksvc)),
        (Some(true), Some(found)) if stage > Stage::Accepted => {
            let latest = configuration::latest(found, scene);
            configuration::names(&latest, &mut out);
            let ready = configuration::ready(found, &latest, scene).renamed("ConfigurationsReady");
            (ready, latest.conflict)
        }
        _ => (out_of_date("ConfigurationsReady", "Configuration"), None),
    };
    let (configurations, conflict) = configurations;
    let facts = Facts {
        route_owned: own(children.route),
        configuration_owned: own(children.configuration),
        routed: routed.as_ref(),
        assigned_before: live.assigned.is_some(),
        conflict,
    };
    let routes = routes_ready(doc::name(ksvc), &facts, stage);
    if let Some(routed) = routed.filter(|_| stage > Stage::Accepted && own(children.configuration) != Some(false)) {
        route::addresses(&if stage == Stage::Reconciled { unassigned(routed, live) } else { routed }, &mut out);
    }
    out.insert("conditions".into(), Conditions::of(vec![configurations, routes]).shown(since));
    out.insert("observedGeneration".into(), doc::generation(ksvc).into());
    out.sort_keys();
    Value::Object(out)
}

/// A route that has not looked at revisions yet shows what it assigned before, or nothing.
fn unassigned(routed: Routed, live: &RouteLive) -> Routed {
    let before = live.assigned.as_ref();
    Routed { address: routed.address.filter(|_| before.is_some()), traffic: before.map(|a| a.traffic.clone()), ..routed }
}

/// What `RoutesReady` follows from.
struct Facts<'a> {
    route_owned: Option<bool>,
    configuration_owned: Option<bool>,
    routed: Option<&'a Routed>,
    assigned_before: bool,
    conflict: Option<String>,
}

fn routes_ready(name: &str, facts: &Facts<'_>, stage: Stage) -> Condition {
    let kind = "RoutesReady";
    if facts.configuration_owned == Some(false) {
        // Upstream gives up at the Configuration and never comes to the Route.
        return Condition::unknown(kind, "", "");
    }
    if facts.route_owned == Some(false) {
        return not_owned(kind, "Route", name).0;
    }
    if let Some(taken) = &facts.conflict {
        let text = format!("The revision name {taken:?} is taken by a conflicting Revision, so traffic will not be migrated");
        return Condition::no(kind, "RevisionNameTaken", &text);
    }
    match (facts.routed, stage) {
        (None, _) | (_, Stage::Accepted) => out_of_date(kind, "Route"),
        (Some(routed), Stage::Reconciled) if routed.address.is_some() => {
            if facts.assigned_before {
                return Condition::unknown(kind, "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.");
            }
            let text = format!("Configuration {name:?} is waiting for a Revision to become ready.");
            Condition::unknown(kind, "RevisionMissing", &text)
        }
        (Some(routed), _) => routed.conditions.ready().renamed(kind),
    }
}

fn not_owned(kind: &'static str, child: &str, name: &str) -> (Condition, Option<String>) {
    let text = format!("There is an existing {child} {name:?} that we do not own.");
    (Condition::no(kind, "NotOwned", &text), None)
}

fn out_of_date(kind: &'static str, child: &str) -> Condition {
    let text = format!("The {child} is still working to reflect the latest desired specification.");
    Condition::unknown(kind, "OutOfDate", &text)
}
