//! What a node needs beside an order: the template with the contents of what it refers to, Service rules, its Node object.

use crate::clock;
use crate::project::endpoints::{members, target_port};
use crate::project::name;
use crate::project::template::Template;
use crate::registry::ids;
use crate::status::Outcome;
use crate::store::Core;
use crate::store::body::unpack;
use crate::verbs::house::House;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use skiff_engine::wire::{self, Material, NodeFacts, SandboxKey, ServicePort, ServiceRule};
use std::collections::BTreeSet;

/// Life of a token in a Pod, seconds: a year, as upstream's extended tokens of Pods.
const TOKEN_SECONDS: u64 = 365 * 24 * 3600;

/// A create order in the wire's terms, with the template if the session does not know it. `None` if the sandbox is gone.
pub(super) fn create(
    house: &House,
    key: SandboxKey,
    generation: u32,
    slot: u16,
    decided_ms: u64,
    known: bool,
) -> Option<(wire::Create, Option<wire::Template>)> {
    let core = house.store.read();
    core.world.sandboxes.find(key)?;
    let template = core.index.template(key.revision)?;
    let own = core.is_own_pod(key.revision);
    let (pod_name, uid) =
        if own { (template.prefix.clone(), template.owner_uid) } else { (template.pod_name(key.seq), template.pod_uid(key.seq)) };
    let create = wire::Create { key, generation, slot, name: pod_name, uid: name::uid_text(uid), decided_ms };
    let sent = (!known).then(|| wire::Template {
        revision: key.revision,
        pod: serde_json::to_vec(&template.pod).unwrap_or_default(),
        material: material(house, &core, &template),
    });
    Some((create, sent))
}

/// Contents of what a template refers to.
fn material(house: &House, core: &Core, template: &Template) -> Material {
    let (config_maps, secrets) = references(&template.pod);
    let namespace = &template.namespace;
    let table =
        |resource, name: &str| core.world.documents.get(resource, &format!("{namespace}/{name}")).map(|d| unpack(&d.body));
    let entries = |object: &Value, field: &str, encoded: bool| -> Vec<(String, Vec<u8>)> {
        let map = object.get(field).and_then(Value::as_object);
        map.into_iter()
            .flatten()
            .map(|(k, v)| {
                let text = v.as_str().unwrap_or_default();
                (k.clone(), if encoded { STANDARD.decode(text).unwrap_or_default() } else { text.as_bytes().to_vec() })
            })
            .collect()
    };
    let config_maps = config_maps.into_iter().filter_map(|name| {
        let object = table(ids::CONFIG_MAPS, &name)?;
        let mut all = entries(&object, "data", false);
        all.extend(entries(&object, "binaryData", true));
        Some((name, all))
    });
    let secrets =
        secrets.into_iter().filter_map(|name| Some((name.clone(), entries(&table(ids::SECRETS, &name)?, "data", true))));
    Material {
        config_maps: config_maps.collect(),
        secrets: secrets.collect(),
        service_account: service_account(house, core, template),
        service_env: service_env(core, template),
    }
}

/// Names of ConfigMaps and Secrets that a Pod refers to.
fn references(pod: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut found = (BTreeSet::new(), BTreeSet::new());
    fn walk(value: &Value, found: &mut (BTreeSet<String>, BTreeSet<String>)) {
        match value {
            Value::Object(map) => {
                for (key, child) in map {
                    let name = child.get("name").and_then(Value::as_str);
                    match (key.as_str(), name) {
                        ("configMapKeyRef" | "configMapRef" | "configMap", Some(name)) => drop(found.0.insert(name.to_owned())),
                        ("secretKeyRef" | "secretRef", Some(name)) => drop(found.1.insert(name.to_owned())),
                        _ => {}
                    }
                    if key == "secret" {
                        let name = child.get("secretName").or_else(|| child.get("name")).and_then(Value::as_str);
                        found.1.extend(name.map(str::to_owned));
                    }
                    walk(child, found);
                }
            }
            Value::Array(list) => list.iter().for_each(|child| walk(child, found)),
            _ => {}
        }
    }
    walk(&pod["spec"], &mut found);
    found
}

fn service_account(house: &House, core: &Core, template: &Template) -> Vec<(String, Vec<u8>)> {
    let account = template.pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("default");
    let Some(document) = core.world.documents.get(ids::SERVICE_ACCOUNTS, &format!("{}/{account}", template.namespace)) else {
        return Vec::new();
    };
    let now_s = clock::now_ms() / 1000;
    let token = crate::verbs::token::issue(house, &template.namespace, account, document.uid, &[], now_s, TOKEN_SECONDS);
    vec![
        ("token".into(), token.into_bytes()),
        ("ca.crt".into(), house.ca_pem.clone().into_bytes()),
        ("namespace".into(), template.namespace.clone().into_bytes()),
    ]
}

fn service_env(core: &Core, template: &Template) -> Vec<(String, String)> {
    let links = template.pod.pointer("/spec/enableServiceLinks").and_then(Value::as_bool).unwrap_or(true);
    let addresses = &core.index.addresses;
    let own = links.then(|| addresses.in_namespace(&template.namespace)).into_iter().flatten();
    let master = addresses.of("default/kubernetes").map(|held| ("kubernetes", held));
    let mut env = Vec::new();
    for (service, held) in own.chain(master.filter(|_| !links || template.namespace != "default")) {
        let Some(address) = held.address.map(crate::project::pod::ipv4) else { continue };
        let (name, port) = (service.to_uppercase().replace('-', "_"), held.port);
        env.push((format!("{name}_SERVICE_HOST"), address.clone()));
        env.push((format!("{name}_SERVICE_PORT"), port.to_string()));
        env.push((format!("{name}_PORT"), format!("tcp://{address}:{port}")));
    }
    env
}

/// Where a Service leads; empty `ports` if it is gone or has no address of its own.
pub(super) fn service_rule(core: &Core, key: &str) -> Option<ServiceRule> {
    let document = core.world.documents.get(ids::SERVICES, key)?;
    let service = unpack(&document.body);
    let address: std::net::Ipv4Addr = service.pointer("/spec/clusterIP").and_then(Value::as_str)?.parse().ok()?;
    let all = members(core, core.index.selected_by(key));
    let list = service.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let number =
        |port: &Value, field: &str| port.get(field).and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
    let ports = list.iter().map(|port| ServicePort {
        port: number(port, "port"),
        node_port: number(port, "nodePort"),
        udp: port.get("protocol").and_then(Value::as_str) == Some("UDP"),
        endpoints: all.iter().filter(|m| m.ready).filter_map(|m| Some((m.address, target_port(port, &m.template)?))).collect(),
    });
    Some(ServiceRule { cluster_ip: address.into(), ports: ports.collect() })
}

/// The Node object of a node that joins, made if it is new, with its number and its pods' network kept.
pub(super) async fn ensure_node(house: &House, facts: &NodeFacts) -> Outcome<()> {
    let Some(number) = house.store.turn(|world, turn| world.node_number(&facts.name, turn.now_ms)) else { return Ok(()) };
    let (mut writes, found, range) = {
        let core = house.store.read();
        let range = format!("{}/{}", crate::project::pod::ipv4(core.pod_network(number)), super::POD_PREFIX);
        (core.note_node_number(&facts.name, number), core.world.documents.get(ids::NODES, &facts.name).cloned(), range)
    };
    match found {
        None => {
            let node = json!({"metadata": {"name": facts.name, "uid": name::uid_text(name::new_uid()),
                    "creationTimestamp": clock::now_rfc3339(),
                    "labels": {"kubernetes.io/hostname": facts.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                        "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64"}},
                "spec": {"podCIDR": range, "podCIDRs": [range]}});
            writes.push(crate::verbs::companion::write_new(ids::NODES, &node));
        }
        Some(document) => {
            let mut node = unpack(&document.body);
            if node.pointer("/spec/podCIDR").is_none() {
                // Made by hand before its node came.
                node["spec"]["podCIDR"] = range.clone().into();
                node["spec"]["podCIDRs"] = json!([range]);
                let expect = skiff_engine::record::Expect::Version(document.version);
                writes.push(skiff_engine::record::Write { expect, ..crate::verbs::companion::write_new(ids::NODES, &node) });
            }
        }
    }
    let Some(kind) = house.registry.kinds().of_id(ids::NODES).cloned().filter(|_| !writes.is_empty()) else { return Ok(()) };
    crate::verbs::write::commit(house, &kind, skiff_engine::command::Transaction { writes }).await.map(drop)
}

/// The node's heart-beat as clients know it: its Lease, memory only.
pub(super) fn renew_lease(house: &House, node: &str) {
    let key = format!("kube-node-lease/{node}");
    let now = clock::micro_time(clock::now_ms() * 1000);
    let (before, owner) = {
        let core = house.store.read();
        let before = core.world.documents.get(ids::LEASES, &key).map(|d| unpack(&d.body));
        (before, core.world.documents.get(ids::NODES, node).map(|d| d.uid))
    };
    let mut lease = before.unwrap_or_else(|| {
        json!({"metadata": {"name": node, "namespace": "kube-node-lease", "uid": name::uid_text(name::new_uid()),
            "creationTimestamp": clock::now_rfc3339()}})
    });
    if let Some(uid) = owner {
        lease["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "Node", "name": node, "uid": name::uid_text(uid)}]);
    }
    lease["spec"] = json!({"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": now});
    let write = crate::verbs::companion::write_new(ids::LEASES, &lease);
    // A Lease expects nothing, so nothing can clash.
    let _ = house.store.commit_ephemeral(&skiff_engine::command::Transaction { writes: vec![write] });
}
