//! Node and RuntimeClass.
//!
//! Fed through the strategy table. Whether a node is alive is told by its kubelet and judged by a controller.

use super::amount;
use super::at::{At, Faults, same};
use super::fill::{made, unset};
use super::lifecycle::hold_status;
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const NODE: Strategy = Strategy {
    default,
    validate,
    validate_update,
    // A kubelet registers with its status: a new node keeps it.
    prepare_create: |_| {},
    prepare_update: hold_status,
};
pub(super) const RUNTIME_CLASS: Strategy = Strategy {
    validate: validate_runtime,
    validate_update: |new, old| {
        let mut out = Faults::new();
        rule::immutable_fields(&mut out, &At::root(new), &At::root(old), &["handler"]);
        out.extend(validate_runtime(new));
        out
    },
    ..PLAIN
};

const EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "PreferNoSchedule"];
const NODE_INFO: &[&str] = &[
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
];

fn default(object: &mut Value) {
    if let Some(spec) = made(object, "spec")
        && spec.get("podCIDRs").is_none_or(super::at::is_zero)
        && let Some(cidr) = spec.get("podCIDR").and_then(Value::as_str).filter(|c| !c.is_empty())
    {
        let list = json!([cidr]);
        spec.insert("podCIDRs".into(), list);
    }
    let Some(status) = made(object, "status") else { return };
    if status.get("allocatable").is_none_or(super::at::is_zero)
        && let Some(capacity) = status.get("capacity").cloned()
    {
        status.insert("allocatable".into(), capacity);
    }
    unset(status, "daemonEndpoints", json!({"kubeletEndpoint": {"Port": 0}}));
    unset(status, "nodeInfo", json!({}));
    if let Some(info) = status.get_mut("nodeInfo").and_then(Value::as_object_mut) {
        NODE_INFO.iter().for_each(|field| unset(info, field, ""));
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    taints(&mut out, &spec.get("taints"));
    let (single, list) = (spec.get("podCIDR"), spec.get("podCIDRs"));
    if list.len() > 2 {
        out.push(list.invalid("may specify no more than one CIDR for each IP family"));
    }
    let first = list.items().next();
    if let Some(first) = first.filter(|f| !single.text().is_empty() && f.text() != single.text()) {
        out.push(first.invalid("first value must match `podCIDR`"));
    }
    for cidr in list.items() {
        rule::each(&mut out, &cidr, syntax::cidr(cidr.text()));
    }
    for list in ["capacity", "allocatable"] {
        for (_, amount) in root.get("status").get(list).entries() {
            amount::not_negative(&mut out, &amount);
        }
    }
    out
}

fn taints(out: &mut Faults, at: &At) {
    let mut seen = Vec::new();
    for taint in at.items() {
        let (key, value, effect) = (taint.get("key"), taint.get("value"), taint.get("effect"));
        rule::qualified(out, &key);
        if !value.text().is_empty() {
            rule::each(out, &value, syntax::label_value(value.text()));
        }
        rule::choice(out, &effect, EFFECTS);
        let pair = (key.text(), effect.text());
        if seen.contains(&pair) {
            let mut fault = taint.duplicate();
            fault.detail = "taints must be unique by key and effect pair".to_owned();
            out.push(fault);
        }
        seen.push(pair);
    }
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate(new);
    let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
    for (field, why) in [
        ("podCIDRs", "node updates may not change podCIDR except from \"\" to valid"),
        ("providerID", "node updates may not change providerID except from \"\" to valid"),
    ] {
        let was = before.get(field);
        if !was.is_empty() && !same(now.get(field).raw(), was.raw()) {
            out.push(now.get(field).forbidden(why));
        }
    }
    out
}

fn validate_runtime(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let handler = root.get("handler");
    rule::each(&mut out, &handler, syntax::dns1123_label_faults(handler.text()));
    for (_, amount) in root.get("overhead").get("podFixed").entries() {
        amount::not_negative(&mut out, &amount);
    }
    let scheduling = root.get("scheduling");
    rule::labels(&mut out, &scheduling.get("nodeSelector"));
    for toleration in scheduling.get("tolerations").items() {
        rule::optional_choice(&mut out, &toleration.get("operator"), &["Equal", "Exists"]);
        if !toleration.get("effect").is_empty() {
            rule::optional_choice(&mut out, &toleration.get("effect"), EFFECTS);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocatable_is_capacity_at_first() {
        let mut node = json!({"status": {"capacity": {"cpu": "2"}}, "spec": {"podCIDR": "10.0.0.0/24"}});
        default(&mut node);
        assert_eq!(node["status"]["allocatable"], json!({"cpu": "2"}));
        assert_eq!(node["spec"]["podCIDRs"], json!(["10.0.0.0/24"]));
    }

    #[test]
    fn taints_are_unique() {
        let taint = json!({"key": "a", "effect": "NoSchedule"});
        let faults = validate(&json!({"spec": {"taints": [taint, taint, {"key": "b", "effect": "Never"}]}}));
        let fields: Vec<&str> = faults.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["spec.taints[1]", "spec.taints[2].effect"]);
    }
}
