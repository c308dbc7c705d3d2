//! Field selectors: which labels a kind takes, what an object's value is, and what is said of an unknown label.
//!
//! Fed by list, watch and deletecollection after the selector's grammar has been parsed. Compares nothing itself.

use super::jsonpath::Path;
use super::read::{flag, int, scalar, text as read};
use crate::table;
use skiff_schema::Tree;

const META: [&str; 2] = ["metadata.name", "metadata.namespace"];

const POD: [&str; 12] = [
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
    // Old clients say spec.host for spec.nodeName.
    "spec.host",
];

const CORE_EVENT: [&str; 13] = [
    "metadata.name",
    "metadata.namespace",
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

const EVENT: [&str; 12] = [
    "metadata.name",
    "metadata.namespace",
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reason",
    "reportingController",
    "type",
];

/// The labels of kinds that take more than (or not all of) `metadata.name` and `metadata.namespace`.
fn special(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    Some(match (group, kind) {
        ("", "Pod") => &POD,
        ("", "Event") => &CORE_EVENT,
        ("events.k8s.io", "Event") => &EVENT,
        ("", "Node") => &["metadata.name", "spec.unschedulable"],
        ("", "Namespace") => &["metadata.name", "status.phase"],
        ("", "Secret") => &["metadata.name", "metadata.namespace", "type"],
        ("", "Service") => &["metadata.name", "metadata.namespace", "spec.clusterIP", "spec.type"],
        ("", "ReplicationController") | ("apps", "ReplicaSet") => &["metadata.name", "metadata.namespace", "status.replicas"],
        ("", "PersistentVolume" | "PersistentVolumeClaim") => &["metadata.name", "metadata.namespace", "name"],
        ("batch", "Job") => &["metadata.name", "metadata.namespace", "status.successful"],
        ("certificates.k8s.io", "CertificateSigningRequest") => &["metadata.name", "spec.signerName"],
        _ => return None,
    })
}

/// The labels that a field selector on the kind may name.
#[must_use]
pub fn field_labels(group: &str, kind: &str) -> &'static [&'static str] {
    if let Some(labels) = special(group, kind) {
        return labels;
    }
    match table::by_kind(group, kind) {
        Some(row) if row.custom && !row.namespaced => &META[..1],
        _ => &META,
    }
}

/// The value of a selectable field of an object, empty where the object has none; `None` for a label that the kind does not
/// take.
#[must_use]
pub fn field_value(group: &str, kind: &str, object: &Tree<'_>, label: &str) -> Option<String> {
    if !field_labels(group, kind).contains(&label) {
        return None;
    }
    let value = match (kind, label) {
        ("Pod", "spec.host") => text(object, "/spec/nodeName"),
        ("Pod", "status.podIP") => match text(object, "/status/podIPs/0/ip") {
            ip if ip.is_empty() => text(object, "/status/podIP"),
            ip => ip,
        },
        // Upstream takes the label and never sets the field.
        ("Pod", "status.podIPs") => String::new(),
        ("Pod", "spec.hostNetwork") | ("Node", "spec.unschedulable") => flag(object, &pointer(label)).to_string(),
        ("ReplicationController" | "ReplicaSet", "status.replicas") => int(object, "/status/replicas").to_string(),
        ("Job", "status.successful") => int(object, "/status/succeeded").to_string(),
        ("PersistentVolume" | "PersistentVolumeClaim", "name") => text(object, "/metadata/name"),
        ("Event", label) => event_value(object, label),
        _ => text(object, &pointer(label)),
    };
    Some(value)
}

/// Both APIs show the same events, so each of their labels is looked for in both shapes.
fn event_value(object: &Tree<'_>, label: &str) -> String {
    let first = |pointers: &[&str]| pointers.iter().map(|p| text(object, p)).find(|t| !t.is_empty()).unwrap_or_default();
    let reporter = ["/reportingComponent", "/reportingController"];
    match (label, label.split_once('.')) {
        ("source", _) => first(&["/source/component", "/deprecatedSource/component", reporter[0], reporter[1]]),
        ("reportingComponent" | "reportingController", _) => first(&reporter),
        (_, Some(("involvedObject" | "regarding", field))) => {
            first(&[&format!("/involvedObject/{field}"), &format!("/regarding/{field}")])
        }
        _ => text(object, &pointer(label)),
    }
}

fn text(object: &Tree<'_>, pointer: &str) -> String {
    read(object, pointer).to_owned()
}

fn pointer(label: &str) -> String {
    format!("/{}", label.replace('.', "/"))
}

/// What is said of a label that the kind does not take, upstream's words.
#[must_use]
pub fn unknown_field_label(group: &str, kind: &str, label: &str) -> String {
    if (group, kind) == ("batch", "Job") {
        return format!("field label {label:?} not supported for Job");
    }
    let row = table::by_kind(group, kind);
    let legacy_volume = group.is_empty() && kind.starts_with("PersistentVolume");
    if row.is_none_or(|r| r.custom) || (special(group, kind).is_some() && !legacy_volume) {
        return unknown_custom_field_label(label);
    }
    format!("{label:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
}

/// The same for custom resources and for kinds with selectable fields of their own.
#[must_use]
pub fn unknown_custom_field_label(label: &str) -> String {
    format!("field label not supported: {label}")
}

/// The value of a selectable field of a custom resource, whose definition lists the paths of its `selectableFields` (with
/// their leading dot); `None` for a label that is none of them.
#[must_use]
pub fn custom_field_value(object: &Tree<'_>, namespaced: bool, selectable: &[&str], label: &str) -> Option<String> {
    if label == META[0] || (namespaced && label == META[1]) {
        return Some(text(object, &pointer(label)));
    }
    let path = selectable.iter().find(|p| p.strip_prefix('.').unwrap_or(p) == label)?;
    let found = Path::parse(path).and_then(|p| p.first(object).and_then(|v| scalar(v, "")));
    Some(found.unwrap_or_default())
}
