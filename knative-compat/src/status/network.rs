//! The views of Ingress and of the core Services: the placeholder of a route, and the two of a revision.

use super::Uids;
use super::condition::{Condition, Conditions, Since};
use super::scaling::{annotations, metadata};
use crate::config::Config;
use crate::hosts::{self, HostGroup, Visibility};
use crate::kind::Kind;
use crate::scale::ScaleSettings;
use crate::traffic::Target;
use crate::{doc, keys};
use serde_json::{Map, Value, json};

/// The names inside the cluster that lead to the gateways.
#[derive(Clone, Copy, Debug)]
pub struct Gateways<'a> {
    /// For requests from outside.
    pub external: &'a str,
    /// For requests from inside.
    pub local: &'a str,
}

/// What of a route's own annotations reaches what is made for it.
fn handed_on(owner: &Value) -> impl Iterator<Item = (String, String)> + use<'_> {
    doc::entries(owner, "/metadata/annotations").filter(|(key, _)| key != keys::LAST_APPLIED)
}

fn visible(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::External => "ExternalIP",
        Visibility::ClusterLocal => "ClusterLocal",
    }
}

fn status(generation: i64, gateways: Gateways<'_>, ready: bool, since: &Since) -> Value {
    let list = if ready {
        vec![Condition::yes("NetworkConfigured"), Condition::yes("LoadBalancerReady")]
    } else {
        vec![
            Condition::yes("NetworkConfigured"),
            Condition::unknown("LoadBalancerReady", "Uninitialized", "Waiting for load balancer to be ready"),
        ]
    };
    let balancer = |gateway: &str| json!({"ingress": [{"domainInternal": gateway}]});
    json!({
        "conditions": Conditions::of(list).shown(since),
        "observedGeneration": generation,
        "privateLoadBalancer": balancer(gateways.local),
        "publicLoadBalancer": balancer(gateways.external),
    })
}

fn rule(group: &HostGroup, namespace: &str) -> Value {
    let split = |split: &hosts::Split| {
        json!({
            "appendHeaders": {"Knative-Serving-Namespace": namespace, "Knative-Serving-Revision": split.revision},
            "percent": split.percent, "serviceName": split.revision, "serviceNamespace": namespace, "servicePort": 80,
        })
    };
    let splits: Vec<Value> = group.splits.iter().map(split).collect();
    json!({"hosts": group.hosts, "http": {"paths": [{"splits": splits}]}, "visibility": visible(group.visibility)})
}

/// The record of a gradual rollout: all at once, because nothing here shifts by and by.
fn rollout(targets: &[Target]) -> String {
    let mut keyed: Vec<(&str, Option<&str>, u8, &str)> = targets
        .iter()
        .filter_map(|t| t.configuration.as_deref().map(|c| (c, t.tag.as_deref(), t.percent, t.revision.as_str())))
        .collect();
    keyed.sort_by_key(|(configuration, tag, _, _)| (*configuration, *tag));
    let entries = keyed.into_iter().map(|(configuration, tag, percent, revision)| {
        let percent = if tag.is_some() { 100 } else { percent };
        let mut map = Map::new();
        map.insert("configurationName".into(), configuration.into());
        if let Some(tag) = tag {
            map.insert("tag".into(), tag.into());
        }
        map.insert("percent".into(), percent.into());
        map.insert("revisions".into(), json!([{"revisionName": revision, "percent": percent}]));
        map.insert("stepParams".into(), json!({}));
        Value::Object(map)
    });
    let list: Vec<Value> = entries.collect();
    if list.is_empty() { "{}".into() } else { json!({"configurations": list}).to_string() }
}

/// The Ingress of a Route.
#[must_use]
pub fn ingress(
    route: &Value,
    targets: &[Target],
    gateways: Gateways<'_>,
    ready: bool,
    since: &Since,
    config: &Config,
    uids: Uids<'_>,
) -> Value {
    let (name, namespace) = (doc::name(route), doc::namespace(route));
    let class = keys::INGRESS_CLASS.of(route).unwrap_or(&config.network.ingress_class);
    let made = [
        ("networking.internal.knative.dev/rollout".to_owned(), rollout(targets)),
        ("networking.knative.dev/ingress.class".to_owned(), class.to_owned()),
    ];
    let labels = doc::entries(route, "/metadata/labels")
        .chain([(keys::ROUTE.to_owned(), name.to_owned()), (keys::ROUTE_NAMESPACE.to_owned(), namespace.to_owned())]);
    let rules: Vec<Value> = hosts::groups(route, targets, config).iter().map(|group| rule(group, namespace)).collect();
    let generation = doc::generation(route);
    json!({
        "apiVersion": Kind::Ingress.api_version(),
        "kind": "Ingress",
        "metadata": {
            "annotations": doc::strings(handed_on(route).chain(made)),
            "creationTimestamp": doc::text(route, "/metadata/creationTimestamp"),
            "generation": generation,
            "labels": doc::strings(labels),
            "name": name,
            "namespace": namespace,
            "ownerReferences": [doc::owner_reference(Kind::Route, route)],
            "uid": uids("Ingress", name),
        },
        "spec": {"httpOption": keys::HTTP_PROTOCOL.of(route).unwrap_or(&config.network.http_protocol), "rules": rules},
        "status": status(generation, gateways, ready, since),
    })
}

/// The Ingress of a `DomainMapping` that is claimed and resolved.
#[must_use]
pub fn mapping_ingress(
    mapping: &Value,
    gateways: Gateways<'_>,
    ready: bool,
    since: &Since,
    config: &Config,
    uids: Uids<'_>,
) -> Value {
    let mapped = hosts::mapped(mapping, config);
    let class = ("networking.knative.dev/ingress.class".to_owned(), config.network.ingress_class.clone());
    let labels = [(keys::MAPPING_NAMESPACE, doc::namespace(mapping)), (keys::MAPPING_UID, doc::uid(mapping))];
    let split = json!({
        "appendHeaders": {"K-Original-Host": mapped.host}, "percent": 100,
        "serviceName": mapped.service, "serviceNamespace": mapped.namespace, "servicePort": 80,
    });
    json!({
        "apiVersion": Kind::Ingress.api_version(),
        "kind": "Ingress",
        "metadata": {
            "annotations": doc::strings(handed_on(mapping).chain([class])),
            "creationTimestamp": doc::text(mapping, "/metadata/creationTimestamp"),
            "generation": 1,
            "labels": doc::strings(labels),
            "name": mapped.host,
            "namespace": mapped.namespace,
            "ownerReferences": [doc::owner_reference(Kind::DomainMapping, mapping)],
            "uid": uids("Ingress", &mapped.host),
        },
        "spec": {
            "httpOption": config.network.http_protocol,
            "rules": [{
                "hosts": [mapped.host],
                "http": {"paths": [{"rewriteHost": mapped.rewrite, "splits": [split]}]},
                "visibility": "ExternalIP",
            }],
        },
        "status": status(1, gateways, ready, since),
    })
}

/// The core Service with the name of a route or of one of its tags: it leads to `gateway`, the local one.
#[must_use]
pub fn placeholder_service(route: &Value, tag: Option<&str>, gateway: &str, config: &Config, uids: Uids<'_>) -> Value {
    let name = hosts::name(route, tag, config);
    let labels = doc::entries(route, "/metadata/labels").chain([(keys::ROUTE.to_owned(), doc::name(route).to_owned())]);
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "annotations": doc::strings(handed_on(route)),
            "creationTimestamp": doc::text(route, "/metadata/creationTimestamp"),
            "labels": doc::strings(labels),
            "name": name,
            "namespace": doc::namespace(route),
            "ownerReferences": [doc::owner_reference(Kind::Route, route)],
            "uid": uids("v1/Service", &name),
        },
        "spec": {
            "externalName": gateway,
            "ports": [{"appProtocol": "kubernetes.io/h2c", "name": "http2", "port": 80, "protocol": "TCP", "targetPort": 80}],
            "sessionAffinity": "None",
            "type": "ExternalName",
        },
        "status": {"loadBalancer": {}},
    })
}

fn port(name: &str, port: u16, target: impl Into<Value>) -> Value {
    json!({"name": name, "port": port, "protocol": "TCP", "targetPort": target.into()})
}

fn revision_service(revision: &Value, settings: &ScaleSettings, public: bool, uids: Uids<'_>, spec: Value) -> Value {
    let own = doc::name(revision);
    let name = if public { own.to_owned() } else { format!("{own}-private") };
    let owner = json!({
        "apiVersion": Kind::ServerlessService.api_version(), "blockOwnerDeletion": true, "controller": true,
        "kind": "ServerlessService", "name": own, "uid": uids("ServerlessService", own),
    });
    let mut meta = metadata(revision, &name, uids("v1/Service", &name), annotations(revision, settings, false), owner);
    if let Some(map) = meta.as_object_mut() {
        map.shift_remove("generation");
    }
    let kind = if public { "Public" } else { "Private" };
    for (key, value) in
        [("networking.internal.knative.dev/serverlessservice", own), ("networking.internal.knative.dev/serviceType", kind)]
    {
        let mut document = json!({"metadata": meta});
        doc::set_meta(&mut document, "labels", key, Some(value));
        meta = document["metadata"].take();
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": {"loadBalancer": {}}})
}

fn cluster_ip(address: &str) -> Map<String, Value> {
    let mut spec = Map::new();
    spec.insert("clusterIP".into(), address.into());
    spec.insert("clusterIPs".into(), json!([address]));
    spec.insert("internalTrafficPolicy".into(), "Cluster".into());
    spec.insert("ipFamilies".into(), json!(["IPv4"]));
    spec.insert("ipFamilyPolicy".into(), "SingleStack".into());
    spec.insert("sessionAffinity".into(), "None".into());
    spec.insert("type".into(), "ClusterIP".into());
    spec
}

/// The core Service with the name of a revision; `address` is its cluster IP.
#[must_use]
pub fn public_service(revision: &Value, settings: &ScaleSettings, address: &str, uids: Uids<'_>) -> Value {
    let mut spec = cluster_ip(address);
    let ports = if crate::pod::serving_port(revision).1 {
        json!([port("http2", 80, 8013), port("https", 443, 8112)])
    } else {
        json!([port("http", 80, 8012), port("https", 443, 8112)])
    };
    spec.insert("ports".into(), ports);
    spec.sort_keys();
    revision_service(revision, settings, true, uids, Value::Object(spec))
}

/// The core Service that selects a revision's pods; `address` is its cluster IP.
#[must_use]
pub fn private_service(revision: &Value, settings: &ScaleSettings, address: &str, uids: Uids<'_>) -> Value {
    let mut spec = cluster_ip(address);
    let (name, target) = if crate::pod::serving_port(revision).1 { ("http2", 8013) } else { ("http", 8012) };
    let istio = if name == "http2" { "http2-istio" } else { "http-istio" };
    spec.insert(
        "ports".into(),
        json!([
            port(name, 80, target),
            port("https", 443, 8112),
            port("http-autometric", 9090, "http-autometric"),
            port("http-usermetric", 9091, "http-usermetric"),
            port("http-queueadm", 8022, 8022),
            port(istio, target, target),
        ]),
    );
    spec.insert("selector".into(), json!({keys::REVISION_UID: doc::uid(revision)}));
    spec.sort_keys();
    revision_service(revision, settings, false, uids, Value::Object(spec))
}
