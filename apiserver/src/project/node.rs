//! A node's status from its row.

use crate::clock::rfc3339;
use crate::project::pod::ipv4;
use serde_json::{Value, json};
use skiff_engine::record::Node;

/// Conditions that kubelets report besides Ready, with their quiet reasons and messages.
const PRESSURES: [(&str, &str, &str); 3] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
];

/// `status` of a Node.
#[must_use]
pub fn status(node: &Node) -> Value {
    let changed = rfc3339(u64::from(node.changed_s));
    let heard = rfc3339(node.heard_ms / 1000);
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "lastHeartbeatTime": heard, "lastTransitionTime": changed,
            "reason": reason, "message": message})
    };
    let mut conditions: Vec<Value> = PRESSURES
        .iter()
        .map(|(kind, reason, message)| {
            if node.ready {
                condition(kind, "False", reason, message)
            } else {
                condition(kind, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
            }
        })
        .collect();
    conditions.push(if node.ready {
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    } else {
        condition("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    });
    let facts = &node.facts;
    let cpu =
        if facts.cpu_milli.is_multiple_of(1000) { (facts.cpu_milli / 1000).to_string() } else { format!("{}m", facts.cpu_milli) };
    let capacity = json!({"cpu": cpu, "memory": format!("{}Mi", facts.memory_mib), "pods": facts.pods_max.to_string(),
        "ephemeral-storage": "0", "hugepages-2Mi": "0"});
    let mut info = json!({"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "",
        "containerRuntimeVersion": "", "kubeletVersion": "v1.36.3", "kubeProxyVersion": "", "operatingSystem": "linux",
        "architecture": "amd64"});
    for (key, value) in &facts.info {
        info[key.as_str()] = value.clone().into();
    }
    let images: Vec<Value> = facts.images.iter().map(|(name, bytes)| json!({"names": [name], "sizeBytes": bytes})).collect();
    json!({
        "capacity": capacity, "allocatable": capacity, "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": ipv4(facts.address)}, {"type": "Hostname", "address": node.name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}, "nodeInfo": info, "images": images,
        "runtimeHandlers": [{"name": "", "features": {}}]
    })
}
