//! Small kinds: configuration, accounts, quotas, leases, classes and the metrics API's two.

use super::Printer;
use super::column::{AGE, Column, NAME, flag, int, text};
use super::read::{age, cell, count, flag as is, int as number, list, name, scalar, text as read};
use serde_json::Value;
use skiff_schema::Tree;

static SECRET: [Column; 4] = [
    NAME,
    text(
        "Type",
        "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
    ),
    text(
        "Data",
        "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4",
    ),
    AGE,
];

static CONFIG_MAP: [Column; 3] = [
    NAME,
    text(
        "Data",
        "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
    ),
    AGE,
];

static SERVICE_ACCOUNT: [Column; 2] = [NAME, AGE];

static QUOTA: [Column; 4] = [
    NAME,
    text("Request", "Request represents a minimum amount of cpu/memory that a container may consume."),
    text(
        "Limit",
        "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
    ),
    AGE,
];

static LEASE: [Column; 3] = [
    NAME,
    text(
        "Holder",
        "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
    ),
    AGE,
];

// Upstream looks the description up in the wrong type and finds none.
static RUNTIME_CLASS: [Column; 3] = [NAME, text("Handler", ""), AGE];

static PRIORITY_CLASS: [Column; 5] = [
    NAME,
    int(
        "Value",
        "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
    ),
    flag(
        "Global-Default",
        "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
    ),
    AGE,
    text(
        "PreemptionPolicy",
        "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
    ),
];

static METRICS: [Column; 4] = [
    NAME,
    text("Cpu", "CPU in use, in cores"),
    text("Memory", "Memory in use, in bytes"),
    text("Window", "Time over which usage was measured"),
];

pub(super) fn core_printer(kind: &str) -> Option<Printer> {
    match kind {
        "Secret" => Some((&SECRET, secret)),
        "ConfigMap" => Some((&CONFIG_MAP, config_map)),
        "ServiceAccount" => Some((&SERVICE_ACCOUNT, service_account)),
        "ResourceQuota" => Some((&QUOTA, quota)),
        _ => None,
    }
}

pub(super) fn printer(kind: &str) -> Option<Printer> {
    match kind {
        "Lease" => Some((&LEASE, lease)),
        "RuntimeClass" => Some((&RUNTIME_CLASS, runtime_class)),
        "PriorityClass" => Some((&PRIORITY_CLASS, priority_class)),
        "NodeMetrics" => Some((&METRICS, node_metrics)),
        "PodMetrics" => Some((&METRICS, pod_metrics)),
        _ => None,
    }
}

fn secret(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), cell(object, "/type"), count(object, "/data").into(), age(object, now)]
}

fn config_map(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), (count(object, "/data") + count(object, "/binaryData")).into(), age(object, now)]
}

fn service_account(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), age(object, now)]
}

fn quota(object: &Tree, now: i64) -> Vec<Value> {
    let hard = object.pointer("/status/hard").and_then(Tree::as_object).into_iter().flatten();
    let mut resources: Vec<&str> = hard.map(|(resource, _)| &**resource).collect();
    resources.sort();
    let amount = |list: &str, resource: &str| {
        let found = object.pointer(list).and_then(|l| l.get(resource));
        found.and_then(Tree::as_str).unwrap_or("0").to_owned()
    };
    let line = |resource: &str| format!("{resource}: {}/{}", amount("/status/used", resource), amount("/status/hard", resource));
    let (limits, requests): (Vec<&str>, Vec<&str>) = resources.into_iter().partition(|r| r.starts_with("limits."));
    let shown = |part: Vec<&str>| Value::from(part.into_iter().map(line).collect::<Vec<_>>().join(", "));
    vec![name(object), shown(requests), shown(limits), age(object, now)]
}

fn lease(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), cell(object, "/spec/holderIdentity"), age(object, now)]
}

fn runtime_class(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), cell(object, "/handler"), age(object, now)]
}

fn priority_class(object: &Tree, now: i64) -> Vec<Value> {
    vec![
        name(object),
        number(object, "/value").into(),
        is(object, "/globalDefault").into(),
        age(object, now),
        cell(object, "/preemptionPolicy"),
    ]
}

fn node_metrics(object: &Tree, _now: i64) -> Vec<Value> {
    let usage = |resource: &str| Value::from(scalar(object, &format!("/usage/{resource}")).unwrap_or_default());
    vec![name(object), usage("cpu"), usage("memory"), cell(object, "/window")]
}

/// The usage of a pod is the sum over its containers.
fn pod_metrics(object: &Tree, _now: i64) -> Vec<Value> {
    let total = |resource: &str| {
        let amounts = list(object, "/containers").iter().map(|c| read(c, &format!("/usage/{resource}")));
        Value::from(sum(amounts))
    };
    vec![name(object), total("cpu"), total("memory"), cell(object, "/window")]
}

/// Adds quantities of one suffix; the metrics API writes all amounts of a resource with the same one. Others are left out.
fn sum<'a>(amounts: impl Iterator<Item = &'a str>) -> String {
    let (mut total, mut unit) = (0_u64, "");
    for amount in amounts {
        let digits = amount.find(|c: char| !c.is_ascii_digit()).unwrap_or(amount.len());
        let (number, suffix) = amount.split_at(digits);
        let number = number.parse::<u64>().unwrap_or(0);
        if number != 0 && (total == 0 || suffix == unit) {
            total = total.saturating_add(number);
            unit = suffix;
        }
    }
    format!("{total}{unit}")
}
