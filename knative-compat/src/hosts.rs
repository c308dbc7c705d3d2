//! Hosts and URLs of routes and mappings: which names lead to which revisions, inside and outside the cluster. Fed by `status`
//! and by the caller that makes the gateway's routes; must not know whether anything runs.

use crate::config::Config;
use crate::traffic::Target;
use crate::{doc, keys};
use serde_json::Value;

/// From where a host can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// From anywhere.
    External,
    /// From inside the cluster only.
    ClusterLocal,
}

/// Which share of requests goes to which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The revision.
    pub revision: String,
    /// Its share; the shares of a host add up to 100.
    pub percent: u8,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// The host, without port.
    pub host: String,
    /// Reachability.
    pub visibility: Visibility,
    /// Where its requests go.
    pub splits: Vec<Split>,
    /// The tag whose host this is; none for the hosts of the route itself.
    pub tag: Option<String>,
}

/// Hosts that share their splits: a rule of an Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostGroup {
    /// The hosts.
    pub hosts: Vec<String>,
    /// Reachability.
    pub visibility: Visibility,
    /// Where requests go.
    pub splits: Vec<Split>,
    /// The tag whose hosts these are.
    pub tag: Option<String>,
}

/// The host of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedHost {
    /// The mapped domain.
    pub host: String,
    /// The host that its requests are sent on as; the original goes into `K-Original-Host`.
    pub rewrite: String,
    /// The route or ksvc behind it.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
}

/// Whether a route or ksvc is to be reached from inside only.
#[must_use]
pub fn is_local(route: &Value) -> bool {
    doc::label(route, keys::VISIBILITY) == Some(keys::CLUSTER_LOCAL)
}

/// The name inside the cluster, of the route or of one of its tags.
#[must_use]
pub fn local_domain(route: &Value, tag: Option<&str>, config: &Config) -> String {
    format!("{}.{}.svc.{}", name(route, tag, config), doc::namespace(route), config.network.cluster_domain)
}

/// The host of the route or of one of its tags, by its visibility.
#[must_use]
pub fn domain(route: &Value, tag: Option<&str>, config: &Config) -> String {
    if is_local(route) { local_domain(route, tag, config) } else { external_domain(route, tag, config) }
}

fn external_domain(route: &Value, tag: Option<&str>, config: &Config) -> String {
    let base = config.domains.of(|key| doc::label(route, key)).to_owned();
    let own = name(route, tag, config);
    config.network.domain_template.fill(route, |field| match field {
        "Name" => own.clone(),
        "Namespace" => doc::namespace(route).to_owned(),
        "Domain" => base.clone(),
        _ => String::new(),
    })
}

/// The name of the placeholder of the route or of one of its tags.
#[must_use]
pub fn name(route: &Value, tag: Option<&str>, config: &Config) -> String {
    let own = doc::name(route);
    tag.map_or_else(
        || own.to_owned(),
        |tag| {
            config.network.tag_template.fill(route, |field| match field {
                "Tag" => tag.to_owned(),
                _ => own.to_owned(),
            })
        },
    )
}

/// The URL of the route or of one of its tags.
#[must_use]
pub fn url(route: &Value, tag: Option<&str>, config: &Config) -> String {
    let scheme = if is_local(route) { "http" } else { &config.network.scheme };
    format!("{scheme}://{}", domain(route, tag, config))
}

/// The URL inside the cluster, `status.address.url`.
#[must_use]
pub fn address(route: &Value, config: &Config) -> String {
    format!("http://{}", local_domain(route, None, config))
}

/// All rules of a route: its own first, then those of its tags by name; inside before outside.
#[must_use]
pub fn groups(route: &Value, targets: &[Target], config: &Config) -> Vec<HostGroup> {
    let mut tags: Vec<&str> = targets.iter().filter_map(|t| t.tag.as_deref()).collect();
    tags.sort_unstable();
    tags.dedup();
    let mut out = Vec::new();
    for tag in std::iter::once(None).chain(tags.into_iter().map(Some)) {
        let splits = splits(targets, tag);
        let group = |hosts, visibility| HostGroup { hosts, visibility, splits: splits.clone(), tag: tag.map(str::to_owned) };
        let (own, namespace) = (name(route, tag, config), doc::namespace(route));
        let local = vec![format!("{own}.{namespace}"), format!("{own}.{namespace}.svc"), local_domain(route, tag, config)];
        out.push(group(local, Visibility::ClusterLocal));
        if !is_local(route) {
            out.push(group(vec![external_domain(route, tag, config)], Visibility::External));
        }
    }
    out
}

/// All hosts of a route.
#[must_use]
pub fn hosts(route: &Value, targets: &[Target], config: &Config) -> Vec<HostRule> {
    let flat = |group: HostGroup| {
        let HostGroup { hosts, visibility, splits, tag } = group;
        hosts.into_iter().map(move |host| HostRule { host, visibility, splits: splits.clone(), tag: tag.clone() })
    };
    groups(route, targets, config).into_iter().flat_map(flat).collect()
}

/// The shares of the route itself, targets of one revision taken together; a tag goes to its one revision.
fn splits(targets: &[Target], tag: Option<&str>) -> Vec<Split> {
    let mut out: Vec<Split> = Vec::new();
    for target in targets {
        let percent = match tag {
            None => target.percent,
            Some(_) if target.tag.as_deref() == tag => 100,
            Some(_) => 0,
        };
        match out.iter_mut().find(|split| split.revision == target.revision) {
            _ if percent == 0 => {}
            Some(known) => known.percent = known.percent.saturating_add(percent).min(100),
            None => out.push(Split { revision: target.revision.clone(), percent }),
        }
    }
    out
}

/// The host of a mapping, whatever it refers to.
#[must_use]
pub fn mapped(mapping: &Value, config: &Config) -> MappedHost {
    let service = doc::text(mapping, "/spec/ref/name").to_owned();
    let namespace = doc::namespace(mapping).to_owned();
    let rewrite = format!("{service}.{namespace}.svc.{}", config.network.cluster_domain);
    MappedHost { host: doc::name(mapping).to_owned(), rewrite, service, namespace }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target(revision: &str, percent: u8, tag: Option<&str>) -> Target {
        Target { revision: revision.into(), percent, tag: tag.map(str::to_owned), configuration: None }
    }

    #[test]
    fn kn_traffic_ingress_tags() {
        let mut config = Config::default();
        config.domains.fallback = "example.com".into();
        let route = json!({"metadata": {"name": "t", "namespace": "ns"}});
        let targets =
            [target("t-00001", 80, Some("stable")), target("t-00002", 20, Some("canary")), target("t-00002", 0, Some("latest"))];
        let groups = groups(&route, &targets, &config);
        let hosts: Vec<String> = groups.iter().map(|g| g.hosts.join(" ")).collect();
        assert_eq!(hosts[0], "t.ns t.ns.svc t.ns.svc.cluster.local");
        assert_eq!(hosts[1], "t.ns.example.com");
        assert_eq!(hosts[3], "canary-t.ns.example.com");
        assert_eq!(hosts[5], "latest-t.ns.example.com");
        assert_eq!(hosts[7], "stable-t.ns.example.com");
        assert_eq!(groups[0].splits.len(), 2);
        assert_eq!(groups[5].splits, [Split { revision: "t-00002".into(), percent: 100 }]);
    }

    #[test]
    fn kn_traffic_ingress_same_revision_twice() {
        let targets = [target("t-00001", 50, None), target("t-00001", 50, Some("half"))];
        assert_eq!(splits(&targets, None), [Split { revision: "t-00001".into(), percent: 100 }]);
    }

    #[test]
    fn kn_configuration_route_get_route_local() {
        let route = json!({"metadata": {"name": "rl", "namespace": "ns", "labels": {"networking.knative.dev/visibility": "cluster-local"}}});
        assert_eq!(url(&route, None, &Config::default()), "http://rl.ns.svc.cluster.local");
        assert_eq!(hosts(&route, &[target("c-00001", 100, None)], &Config::default()).len(), 3);
    }
}
