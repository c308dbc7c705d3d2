//! Nodes, namespaces and component statuses: the cluster's own furniture in the core group.

use super::Printer;
use super::column::{AGE, Column, NAME, text, wide};
use super::read::{age, cell, cell_or, flag, list, name, text as read, text_or};
use serde_json::Value;
use skiff_schema::Tree;
use std::borrow::Cow;
use std::collections::BTreeSet;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

static NODE: [Column; 10] = [
    NAME,
    text("Status", "The status of the node"),
    text("Roles", "The roles of the node"),
    AGE,
    text("Version", "Kubelet Version reported by the node."),
    wide(
        "Internal-IP",
        "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).",
    ),
    wide(
        "External-IP",
        "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).",
    ),
    wide("OS-Image", "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy))."),
    wide("Kernel-Version", "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64)."),
    wide(
        "Container-Runtime",
        "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).",
    ),
];

static NAMESPACE: [Column; 3] = [NAME, text("Status", "The status of the namespace"), AGE];

static COMPONENT: [Column; 4] = [
    NAME,
    text("Status", "Status of the component conditions"),
    text("Message", "Message of the component conditions"),
    text("Error", "Error of the component conditions"),
];

pub(super) fn printer(kind: &str) -> Option<Printer> {
    match kind {
        "Node" => Some((&NODE, node)),
        "Namespace" => Some((&NAMESPACE, namespace)),
        "ComponentStatus" => Some((&COMPONENT, component)),
        _ => None,
    }
}

fn node(object: &Tree, now: i64) -> Vec<Value> {
    let ready = match super::read::condition(object, "Ready") {
        "" => "Unknown",
        "True" => "Ready",
        _ => "NotReady",
    };
    let status = if flag(object, "/spec/unschedulable") { format!("{ready},SchedulingDisabled") } else { ready.to_owned() };
    let address = |kind| {
        let found = list(object, "/status/addresses").iter().find(|a| read(a, "/type") == kind);
        Value::from(found.map_or("<none>", |a| read(a, "/address")))
    };
    vec![
        name(object),
        status.into(),
        roles(object).into(),
        age(object, now),
        cell(object, "/status/nodeInfo/kubeletVersion"),
        address("InternalIP"),
        address("ExternalIP"),
        cell_or(object, "/status/nodeInfo/osImage", "<unknown>"),
        kernel(object).into(),
        cell_or(object, "/status/nodeInfo/containerRuntimeVersion", "<unknown>"),
    ]
}

/// `6.1.0 (amd64)`: the kernel's version and the machine it was built for.
fn kernel(object: &Tree) -> String {
    let version = text_or(object, "/status/nodeInfo/kernelVersion", "<unknown>");
    match read(object, "/status/nodeInfo/architecture") {
        "" => version.to_owned(),
        architecture => format!("{version} ({architecture})"),
    }
}

fn roles(object: &Tree) -> String {
    let labels = object.pointer("/metadata/labels").and_then(Tree::as_object).into_iter().flatten();
    let role = |(key, value): &(Cow<'_, str>, Tree<'_>)| match key.strip_prefix(ROLE_PREFIX) {
        Some(role) => Some(role.to_owned()),
        None if key == ROLE_LABEL => value.as_str().map(str::to_owned),
        None => None,
    };
    let roles: BTreeSet<String> = labels.filter_map(role).filter(|r| !r.is_empty()).collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

fn namespace(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), cell(object, "/status/phase"), age(object, now)]
}

fn component(object: &Tree, _now: i64) -> Vec<Value> {
    let Some(healthy) = list(object, "/conditions").iter().find(|c| read(c, "/type") == "Healthy") else {
        return vec![name(object), "Unknown".into(), "".into(), "".into()];
    };
    let status = if read(healthy, "/status") == "True" { "Healthy" } else { "Unhealthy" };
    vec![name(object), status.into(), cell(healthy, "/message"), cell(healthy, "/error")]
}
