//! Endpoints and EndpointSlices of a Service, from the sandboxes that it selects. Nothing of them is stored.

use super::name;
use super::pod::ipv4;
use super::template::Template;
use crate::store::Core;
use crate::store::body;
use serde_json::{Map, Value, json};
use skiff_engine::record::Phase;
use std::sync::Arc;

/// Endpoints in one slice (upstream's default of `--max-endpoints-per-slice`).
pub const SLICE_MAX: usize = 100;

/// `namespace/name` of a Service's n-th slice.
#[must_use]
pub fn slice_key(service: &str, uid: u128, n: u32) -> String {
    let digest = name::digest(&[&uid.to_be_bytes(), b"slice", &n.to_be_bytes()]);
    format!("{service}-{}", name::letters(digest, 5))
}

/// One sandbox behind a Service.
pub struct Member {
    /// What its Pod looks like.
    pub template: Arc<Template>,
    /// Its number.
    pub seq: u32,
    /// Its address, host order.
    pub address: u32,
    /// Its node.
    pub node: String,
    /// Serves.
    pub ready: bool,
    /// Still serves while it is being stopped.
    pub serving: bool,
    /// Is being stopped.
    pub terminating: bool,
    /// Name of the Pod.
    pub pod_name: String,
    /// Identity of the Pod.
    pub pod_uid: u128,
}

/// The Service that Endpoints and slices are made for: a document or a view.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// `namespace/name`.
    pub key: &'a str,
    /// The Service.
    pub object: &'a Value,
    /// Its identity.
    pub uid: u128,
    /// Revisions behind it, oldest first.
    pub revisions: &'a [u32],
}

/// Slices that a number of sandboxes needs; an empty Service has one.
#[must_use]
pub fn slice_count(sandboxes: usize) -> u32 {
    u32::try_from(sandboxes.div_ceil(SLICE_MAX)).unwrap_or(u32::MAX).max(1)
}

/// All sandboxes of some revisions that have an address, oldest first.
#[must_use]
pub fn members(core: &Core, revisions: &[u32]) -> Vec<Member> {
    let mut found = Vec::new();
    for serial in revisions {
        let (Some(template), Some(revision)) = (core.index.template(*serial), core.world.revisions.get(serial)) else { continue };
        let own = core.is_own_pod(*serial);
        for row in &revision.members {
            let sandbox = core.world.sandboxes.get(*row);
            let phase = sandbox.phase();
            if !matches!(phase, Phase::Running | Phase::Ready | Phase::Stopping | Phase::Lost) {
                continue;
            }
            let Some(host) = core.host_of(sandbox) else { continue };
            let was_ready = core.world.sandboxes.overlay(*row).is_some_and(|o| o.was_ready);
            let terminating = phase == Phase::Stopping;
            let (pod_name, pod_uid) = if own {
                (template.prefix.clone(), template.owner_uid)
            } else {
                (template.pod_name(sandbox.seq()), template.pod_uid(sandbox.seq()))
            };
            found.push(Member {
                seq: sandbox.seq(),
                address: if template.host_network { host.address } else { host.pod_address },
                node: host.name,
                ready: phase == Phase::Ready,
                serving: phase == Phase::Ready || terminating && was_ready,
                terminating,
                pod_name,
                pod_uid,
                template: template.clone(),
            });
        }
    }
    found
}

/// Port number that a Service's target means for a Pod.
#[must_use]
pub fn target_port(port: &Value, template: &Template) -> Option<u16> {
    match port.get("targetPort") {
        Some(Value::String(text)) => match text.parse() {
            Ok(number) => Some(number),
            Err(_) => template.ports.iter().find(|p| p.name == *text).map(|p| p.number),
        },
        Some(Value::Number(number)) if number.as_u64() != Some(0) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
        _ => port.get("port").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()),
    }
}

fn ports(service: &Value, template: &Template) -> Vec<Value> {
    let list = service.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter()
        .filter_map(|port| {
            let number = target_port(port, template)?;
            let mut out = json!({"name": port.get("name").cloned().unwrap_or_else(|| "".into()), "port": number,
                "protocol": port.get("protocol").cloned().unwrap_or_else(|| "TCP".into())});
            if let Some(app) = port.get("appProtocol") {
                out["appProtocol"] = app.clone();
            }
            Some(out)
        })
        .collect()
}

fn target(member: &Member) -> Value {
    json!({"kind": "Pod", "namespace": member.template.namespace, "name": member.pod_name, "uid": name::uid_text(member.pod_uid)})
}

/// Addresses are shown as ready whether they are or not.
fn publishes(service: &Value) -> bool {
    service.pointer("/spec/publishNotReadyAddresses").and_then(Value::as_bool).unwrap_or(false)
}

fn labels_of(service: &Value) -> Map<String, Value> {
    service.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The canonical body of a Service's n-th slice.
#[must_use]
pub fn slice(core: &Core, service: &Subject<'_>, n: u32) -> Vec<u8> {
    let Subject { key, object, .. } = *service;
    let all = members(core, service.revisions);
    let part = all.chunks(SLICE_MAX).nth(n as usize).unwrap_or(&[]);
    let (namespace, service_name) = key.split_once('/').unwrap_or(("", key));
    let publish = publishes(object);
    let endpoints: Vec<Value> = part
        .iter()
        .map(|m| {
            json!({"addresses": [ipv4(m.address)],
                "conditions": {"ready": publish || m.ready && !m.terminating, "serving": m.serving, "terminating": m.terminating},
                "targetRef": target(m), "nodeName": m.node})
        })
        .collect();
    let mut labels = labels_of(object);
    labels.insert("endpointslice.kubernetes.io/managed-by".into(), "endpointslice-controller.k8s.io".into());
    labels.insert("kubernetes.io/service-name".into(), service_name.into());
    if object.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None") {
        labels.insert("service.kubernetes.io/headless".into(), "".into());
    }
    let slice_name = slice_key(service_name, service.uid, n);
    let uid = name::derived_uid(service.uid, format!("slice {n}").as_bytes());
    let created = object.pointer("/metadata/creationTimestamp").cloned().unwrap_or_default();
    let value = json!({
        "metadata": {"name": slice_name, "generateName": format!("{service_name}-"), "namespace": namespace, "uid": name::uid_text(uid),
            "generation": 1, "creationTimestamp": created, "labels": labels,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": service_name, "uid": name::uid_text(service.uid),
                "controller": true, "blockOwnerDeletion": true}]},
        "addressType": "IPv4", "endpoints": if endpoints.is_empty() { Value::Null } else { Value::Array(endpoints) },
        "ports": part.first().map(|m| ports(object, &m.template)),
    });
    body::pack(&value, true)
}

/// The canonical body of a Service's Endpoints.
#[must_use]
pub fn endpoints(core: &Core, service: &Subject<'_>) -> Vec<u8> {
    let Subject { key, object, .. } = *service;
    let all = members(core, service.revisions);
    let (namespace, service_name) = key.split_once('/').unwrap_or(("", key));
    let mut labels = labels_of(object);
    labels.insert("endpoints.kubernetes.io/managed-by".into(), "endpoint-controller".into());
    if object.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None") {
        labels.insert("service.kubernetes.io/headless".into(), "".into());
    }
    let mut value = json!({
        "metadata": {"name": service_name, "namespace": namespace,
            "uid": name::uid_text(name::derived_uid(service.uid, b"endpoints")),
            "creationTimestamp": object.pointer("/metadata/creationTimestamp").cloned().unwrap_or_default(), "labels": labels},
    });
    let publish = publishes(object);
    let subsets = subsets(&all, publish, |template| ports(object, template));
    if !subsets.is_empty() {
        value["subsets"] = subsets.into();
    }
    body::pack(&value, true)
}

/// One subset for each set of ports that members have: a named port may be another number in each Pod.
fn subsets(all: &[Member], publish: bool, ports: impl Fn(&Template) -> Vec<Value>) -> Vec<Value> {
    let mut found: Vec<(Vec<Value>, Map<String, Value>)> = Vec::new();
    let mut last: Option<(u32, usize)> = None;
    for member in all.iter().filter(|m| publish || m.ready || !m.terminating) {
        // Members come revision by revision, and those of one have the same ports.
        let at = match last {
            Some((serial, at)) if serial == member.template.serial => at,
            _ => {
                let list = ports(&member.template);
                found.iter().position(|(ports, _)| *ports == list).unwrap_or_else(|| {
                    found.push((list, Map::new()));
                    found.len() - 1
                })
            }
        };
        last = Some((member.template.serial, at));
        let field = if publish || member.ready { "addresses" } else { "notReadyAddresses" };
        let address = json!({"ip": ipv4(member.address), "nodeName": member.node, "targetRef": target(member)});
        let Some((_, subset)) = found.get_mut(at) else { continue };
        if let Value::Array(list) = subset.entry(field).or_insert_with(|| json!([])) {
            list.push(address);
        }
    }
    let with_ports = |(ports, mut subset): (Vec<Value>, Map<String, Value>)| {
        subset.insert("ports".into(), ports.into());
        Value::Object(subset)
    };
    found.into_iter().map(with_ports).collect()
}
