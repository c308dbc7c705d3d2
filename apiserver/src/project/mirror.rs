//! Slices that mirror Endpoints which somebody keeps by hand for a Service without a selector, as upstream's
//! endpointslicemirroring controller makes them. Nothing of them is stored.

use super::endpoints;
use super::name;
use super::read::Item;
use crate::registry::ids;
use crate::store::body::{pack, unpack};
use crate::store::{Core, View};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use skiff_engine::record::Document;
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses of one subset that are mirrored (upstream's `--mirroring-max-endpoints-per-subset`).
const ADDRESSES_MAX: usize = 1000;
const SKIP_LABEL: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER_ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";
/// Annotations that are not copied.
const OWN_ANNOTATIONS: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"];

/// What is remembered of a mirror between turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Identity of the Endpoints: names of slices are derived from it.
    uid: u128,
    /// Slices that exist now.
    slices: u32,
    /// `resourceVersion` of the slices.
    version: u64,
}

/// One slice: addresses of one family with the same ports.
#[derive(Debug, PartialEq)]
struct Part {
    family: &'static str,
    ports: Vec<Value>,
    endpoints: Vec<Value>,
}

/// Whether an Endpoints object is to be mirrored, and for that Service.
fn is_mirrored(endpoints: &Value, service: &Value) -> bool {
    let skipped = endpoints.pointer("/metadata/labels").and_then(|l| l.get(SKIP_LABEL)).is_some_and(|v| v == "true");
    let elects = endpoints.pointer("/metadata/annotations").is_some_and(|a| a.get(LEADER_ANNOTATION).is_some());
    let selects = service.pointer("/spec/selector").and_then(Value::as_object).is_some_and(|s| !s.is_empty());
    !skipped && !elects && !selects
}

/// The slices of an Endpoints object: one for each family and set of ports.
fn parts(endpoints: &Value) -> Vec<Part> {
    let list = |value: &Value, field: &str| value.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut parts: Vec<Part> = Vec::new();
    for subset in list(endpoints, "subsets") {
        let ports: Vec<Value> = list(&subset, "ports").iter().map(port).collect();
        let ready = list(&subset, "addresses").into_iter().map(|a| (a, true));
        let unready = list(&subset, "notReadyAddresses").into_iter().map(|a| (a, false));
        for (address, ready) in ready.chain(unready).take(ADDRESSES_MAX) {
            let Some((family, endpoint)) = endpoint(&address, ready) else { continue };
            match parts.iter_mut().find(|p| p.family == family && p.ports == ports) {
                Some(part) => part.endpoints.push(endpoint),
                None => parts.push(Part { family, ports: ports.clone(), endpoints: vec![endpoint] }),
            }
        }
    }
    parts
}

fn port(port: &Value) -> Value {
    let mut out = json!({"name": port.get("name").cloned().unwrap_or_else(|| "".into()),
        "protocol": port.get("protocol").cloned().unwrap_or_else(|| "TCP".into()), "port": port["port"]});
    if let Some(app) = port.get("appProtocol") {
        out["appProtocol"] = app.clone();
    }
    out
}

fn endpoint(address: &Value, ready: bool) -> Option<(&'static str, Value)> {
    let ip: IpAddr = address.get("ip").and_then(Value::as_str)?.parse().ok()?;
    let mut out = json!({"addresses": [ip.to_string()], "conditions": {"ready": ready}});
    for field in ["hostname", "targetRef", "nodeName"] {
        if let Some(value) = address.get(field) {
            out[field] = value.clone();
        }
    }
    Some((if ip.is_ipv4() { "IPv4" } else { "IPv6" }, out))
}

/// The canonical body of the n-th slice.
fn slice(document: &Document, key: &str, n: u32) -> Vec<u8> {
    let object = unpack(&document.body);
    let (namespace, endpoints_name) = key.split_once('/').unwrap_or(("", key));
    let copy = |field: &str| object.pointer(field).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut labels = copy("/metadata/labels");
    labels.insert("kubernetes.io/service-name".into(), endpoints_name.into());
    labels.insert("endpointslice.kubernetes.io/managed-by".into(), "endpointslicemirroring-controller.k8s.io".into());
    let mut annotations: Map<String, Value> = copy("/metadata/annotations");
    annotations.retain(|name, _| !OWN_ANNOTATIONS.contains(&name.as_str()));
    let uid = name::derived_uid(document.uid, format!("mirror {n}").as_bytes());
    let mut meta = json!({"name": endpoints::slice_key(endpoints_name, document.uid, n), "generateName": format!("{endpoints_name}-"),
        "namespace": namespace, "uid": name::uid_text(uid), "generation": 1,
        "creationTimestamp": object.pointer("/metadata/creationTimestamp").cloned().unwrap_or_default(), "labels": labels,
        "ownerReferences": [{"apiVersion": "v1", "kind": "Endpoints", "name": endpoints_name,
            "uid": name::uid_text(document.uid), "controller": true, "blockOwnerDeletion": true}]});
    if !annotations.is_empty() {
        meta["annotations"] = annotations.into();
    }
    let part = parts(&object).into_iter().nth(n as usize);
    let Part { family, ports, endpoints } = part.unwrap_or(Part { family: "IPv4", ports: Vec::new(), endpoints: Vec::new() });
    pack(&json!({"metadata": meta, "addressType": family, "endpoints": endpoints, "ports": ports}), true)
}

/// Why a mirror is looked at.
pub enum Cause<'a> {
    /// The Endpoints changed; this is what was there before.
    Endpoints(Option<&'a Document>),
    /// The Service came, changed or went.
    Service,
}

/// A slice of a mirror that came, changed or went.
pub struct Changed {
    /// `namespace/name` of the slice.
    pub key: String,
    /// It was there; what it looked like is known if it went.
    pub before: Option<View>,
    /// It is there.
    pub after: Option<View>,
}

impl Core {
    /// The Endpoints that are mirrored under a key, and in how many slices.
    fn mirrored(&self, key: &str) -> Option<(Arc<Document>, u32)> {
        let endpoints = self.world.documents.get(ids::ENDPOINTS, key)?;
        let service = self.world.documents.get(ids::SERVICES, key)?;
        let object = unpack(&endpoints.body);
        let count = u32::try_from(parts(&object).len()).unwrap_or(u32::MAX);
        (count > 0 && is_mirrored(&object, &unpack(&service.body))).then(|| (endpoints.clone(), count))
    }

    /// Brings the mirror of a key up to date, after its Endpoints changed (`old` is what was there before) or its Service did.
    pub(crate) fn mirror(&mut self, key: &str, version: u64, cause: Cause<'_>) -> Vec<Changed> {
        let before = self.index.mirrors.get(key).cloned().unwrap_or_default();
        let found = self.mirrored(key);
        let now = found.as_ref().map_or_else(Mirror::default, |(d, slices)| Mirror { uid: d.uid, slices: *slices, version });
        let old = match cause {
            Cause::Endpoints(old) => old,
            Cause::Service if before.uid == now.uid => return Vec::new(),
            Cause::Service => None,
        };
        let kept = if before.uid == now.uid { before.slices } else { 0 };
        let last = self.world.documents.get(ids::ENDPOINTS, key).map(|d| &**d).filter(|d| d.uid == before.uid);
        let last = last.or(old.filter(|d| d.uid == before.uid));
        let gone = |n| last.map_or(View::Derived, |document| View::Frozen(slice(document, key, n).into()));
        let from = if before.uid == now.uid { now.slices } else { 0 };
        let mut changed: Vec<Changed> = (from..before.slices)
            .map(|n| Changed { key: endpoints::slice_key(key, before.uid, n), before: Some(gone(n)), after: None })
            .collect();
        changed.extend((0..now.slices).map(|n| Changed {
            key: endpoints::slice_key(key, now.uid, n),
            before: (n < kept).then_some(View::Derived),
            after: Some(View::Derived),
        }));
        if now.slices > 0 {
            self.index.mirrors.insert(key.into(), now);
        } else {
            self.index.mirrors.remove(key);
        }
        changed
    }

    /// The mirrors of all Endpoints, at the start: nobody watches yet.
    pub(crate) fn mirror_all(&mut self) {
        let keys: Vec<Box<str>> = self.world.documents.table(ids::ENDPOINTS).keys().cloned().collect();
        let version = self.world.version;
        for key in keys {
            self.mirror(&key, version, Cause::Endpoints(None));
        }
    }

    /// The Endpoints (key, number of the slice, version) behind a slice of a mirror.
    fn mirror_of(&self, slice_key: &str) -> Option<(&str, u32, u64)> {
        let (endpoints, _) = slice_key.rsplit_once('-')?;
        let (key, mirror) = self.index.mirrors.get_key_value(endpoints)?;
        let n = (0..mirror.slices).find(|n| endpoints::slice_key(key, mirror.uid, *n) == slice_key)?;
        Some((key, n, mirror.version))
    }

    /// Version of a slice of a mirror.
    pub(super) fn mirror_version(&self, slice_key: &str) -> Option<u64> {
        self.mirror_of(slice_key).map(|(_, _, version)| version)
    }

    /// The slices of all mirrors below a prefix.
    pub(super) fn mirror_items(&self, prefix: &str, found: &mut Vec<Item>) {
        let from = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
        for (key, mirror) in self.index.mirrors.range::<str, _>(from).take_while(|(k, _)| k.starts_with(prefix)) {
            let item =
                |n| Item { key: endpoints::slice_key(key, mirror.uid, n).into(), version: mirror.version, view: View::Derived };
            found.extend((0..mirror.slices).map(item));
        }
    }

    /// The canonical body of a slice of a mirror.
    pub(super) fn render_mirror(&self, slice_key: &str) -> Option<Bytes> {
        let (key, n, _) = self.mirror_of(slice_key)?;
        let document = self.world.documents.get(ids::ENDPOINTS, key)?;
        Some(slice(document, key, n).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_for_each_family_and_set_of_ports() {
        let endpoints = json!({"subsets": [
            {"addresses": [{"ip": "10.1.2.3", "nodeName": "n"}, {"ip": "fd00::1"}], "ports": [{"port": 80}]},
            {"notReadyAddresses": [{"ip": "10.1.2.4"}], "ports": [{"port": 80}]},
            {"addresses": [{"ip": "10.1.2.5"}], "ports": [{"name": "b", "port": 81, "protocol": "UDP"}]},
            {"addresses": [{"ip": "no address"}]},
        ]});
        let found = parts(&endpoints);
        let families: Vec<&str> = found.iter().map(|p| p.family).collect();
        assert_eq!(families, ["IPv4", "IPv6", "IPv4"]);
        assert_eq!(found[0].ports, [json!({"name": "", "protocol": "TCP", "port": 80})]);
        let both = json!([{"addresses": ["10.1.2.3"], "conditions": {"ready": true}, "nodeName": "n"},
            {"addresses": ["10.1.2.4"], "conditions": {"ready": false}}]);
        assert_eq!(Value::Array(found[0].endpoints.clone()), both);
        assert_eq!(found[2].ports[0]["protocol"], "UDP");
    }

    #[test]
    fn what_is_not_mirrored() {
        let plain = json!({"metadata": {}});
        assert!(is_mirrored(&plain, &json!({"spec": {}})));
        assert!(!is_mirrored(&plain, &json!({"spec": {"selector": {"a": "b"}}})));
        assert!(!is_mirrored(&json!({"metadata": {"labels": {SKIP_LABEL: "true"}}}), &plain));
        assert!(!is_mirrored(&json!({"metadata": {"annotations": {LEADER_ANNOTATION: "{}"}}}), &plain));
    }
}
