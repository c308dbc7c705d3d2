//! What a write to the status of a pod may say.
//!
//! Fed by `workload::validate_status_update`. Must not judge whether the status is true.

use super::pod_notes;
use super::read::{Faults, IMMUTABLE, Read, each};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

const OWN_CONDITIONS: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];

/// Every fault of a new status of a pod.
pub(crate) fn validate(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let (now, was) = (new.at("status").unwrap_or(&nothing), old.at("status").unwrap_or(&nothing));
    let spec = old.at("spec").unwrap_or(&nothing);
    pod_notes::check_update(&mut out, new, old);
    for (i, condition) in now.list("conditions").iter().enumerate() {
        let kind = condition.text("type");
        if !OWN_CONDITIONS.contains(&kind) {
            // Upstream's path: conditions are looked for in the metadata.
            each(&mut out, &format!("metadata.conditions[{i}].Type"), kind, syntax::qualified_name(kind));
        }
    }
    let node = now.text("nominatedNodeName");
    if !node.is_empty() && node != was.text("nominatedNodeName") {
        each(&mut out, "status.nominatedNodeName", node, syntax::dns1123_subdomain_faults(node));
    }
    let class = now.text("qosClass");
    if class != was.text("qosClass") {
        out.push(FieldError::invalid("status.qosClass", class, IMMUTABLE));
    }
    let policy = spec.text("restartPolicy");
    transitions(&mut out, now, was, "containerStatuses", policy, &[]);
    let sidecars: Vec<&str> =
        spec.list("initContainers").iter().filter(|c| c.text("restartPolicy") == "Always").map(|c| c.text("name")).collect();
    transitions(&mut out, now, was, "initContainerStatuses", policy, &sidecars);
    // Ephemeral containers are never started again, whatever the pod's policy.
    transitions(&mut out, now, was, "ephemeralContainerStatuses", "Never", &[]);
    addresses(&mut out, now, "podIPs");
    if let Some(first) = now.list("hostIPs").first() {
        let ip = first.text("ip");
        if ip != now.text("hostIP") {
            out.push(FieldError::invalid("status.hostIPs[0].ip", ip, "must be equal to `hostIP`"));
        }
    }
    addresses(&mut out, now, "hostIPs");
    out
}

/// A container that has ended for good may not run again.
fn transitions(out: &mut Faults, now: &Value, was: &Value, key: &str, policy: &str, restartable: &[&str]) {
    if policy == "Always" {
        return;
    }
    let ended = |status: &Value| status.pointer("/state/terminated").filter(|t| !t.is_null()).cloned();
    for (i, before) in was.list(key).iter().enumerate() {
        let Some(end) = ended(before) else { continue };
        let name = before.text("name");
        if end.number("exitCode") != 0 && policy == "OnFailure" || restartable.contains(&name) {
            continue;
        }
        if now.list(key).iter().any(|after| after.text("name") == name && ended(after).is_none()) {
            let detail = "may not be transitioned to non-terminated state";
            out.push(FieldError::forbidden(format!("status.{key}[{i}].state"), detail));
        }
    }
}

/// Well formed addresses, one of each family, none twice.
fn addresses(out: &mut Faults, status: &Value, key: &str) {
    let list = status.list(key);
    let path = format!("status.{key}");
    for (i, item) in list.iter().enumerate() {
        let ip = item.text("ip");
        each(out, &format!("{path}[{i}]"), ip, syntax::ip(ip));
    }
    if list.len() < 2 {
        return;
    }
    let parsed: Vec<_> = list.iter().filter_map(|item| syntax::parse_ip(item.text("ip"))).collect();
    let both = parsed.iter().any(std::net::IpAddr::is_ipv4) && parsed.iter().any(std::net::IpAddr::is_ipv6);
    if !both || list.len() > 2 {
        let shown = status.get(key).cloned().unwrap_or_default();
        out.push(FieldError::invalid(path.clone(), shown, "may specify no more than one IP for each IP family"));
    }
    for (i, item) in list.iter().enumerate() {
        if list[..i].iter().any(|o| o.text("ip") == item.text("ip")) {
            out.push(FieldError::duplicate(format!("{path}[{i}]"), item.clone()));
        }
    }
}
