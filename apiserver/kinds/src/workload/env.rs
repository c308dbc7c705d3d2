//! Environment variables of containers and the fields they may be drawn from.
//!
//! Fed by the container checks; the field references also by the volume checks. Must not know whole containers.

use super::read::{Faults, Read, each, needs};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;
use skiff_schema::Quantity;

/// Fields that a variable may show.
const VARIABLE_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields that a file may show.
const FILE_FIELDS: [&str; 5] = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
/// Fields that upstream can find in a pod at all.
const KNOWN_FIELDS: [&str; 15] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
    "spec.host",
];
const RESOURCES: [&str; 6] =
    ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];
const BYTE_STEPS: [&str; 13] = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// Where a reference stands; it decides which fields are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a variable.
    Variable,
    /// In a file of a volume.
    File,
}

/// `metadata.labels['x']` as its field and subscript.
fn subscript(field: &str) -> Option<(&str, &str)> {
    let inner = field.strip_suffix("']")?;
    inner.split_once("['")
}

/// Every fault of an `ObjectFieldSelector`.
pub(crate) fn field_ref(out: &mut Faults, reference: &Value, path: &str, place: Place) {
    for key in ["apiVersion", "fieldPath"] {
        if reference.text(key).is_empty() {
            out.push(FieldError::required(format!("{path}.{key}"), ""));
            return;
        }
    }
    let (version, field) = (reference.text("apiVersion"), reference.text("fieldPath"));
    let conversion = |problem: String| {
        FieldError::invalid(format!("{path}.fieldPath"), field, format!("error converting fieldPath: {problem}"))
    };
    if version != "v1" {
        out.push(conversion(format!("unsupported pod version: {version}")));
        return;
    }
    if let Some((root, key)) = subscript(field) {
        match root {
            "metadata.annotations" => {
                let key = key.to_lowercase();
                each(out, path, &key, syntax::qualified_name(&key));
            }
            "metadata.labels" => each(out, path, key, syntax::qualified_name(key)),
            _ => out.push(conversion(format!("field label does not support subscript: {field}"))),
        }
        return;
    }
    if !KNOWN_FIELDS.contains(&field) {
        out.push(conversion(format!("field label not supported: {field}")));
        return;
    }
    let allowed: &[&str] = if place == Place::Variable { &VARIABLE_FIELDS } else { &FILE_FIELDS };
    let field = if field == "spec.host" { "spec.nodeName" } else { field };
    if !allowed.contains(&field) {
        out.push(FieldError::not_supported(format!("{path}.fieldPath"), field, allowed));
    }
}

/// Every fault of a `ResourceFieldSelector`.
pub(crate) fn resource_ref(out: &mut Faults, reference: &Value, path: &str, place: Place) {
    let name = reference.text("resource");
    let huge = name.starts_with("requests.hugepages-") || name.starts_with("limits.hugepages-");
    if place == Place::File && reference.text("containerName").is_empty() {
        out.push(FieldError::required(format!("{path}.containerName"), ""));
    } else if name.is_empty() {
        out.push(FieldError::required(format!("{path}.resource"), ""));
    } else if !RESOURCES.contains(&name) && !huge {
        out.push(FieldError::not_supported(format!("{path}.resource"), name, &RESOURCES));
    }
    let divisor = reference.text("divisor");
    if divisor.parse::<Quantity>().ok().is_none_or(|q| q.is_zero()) {
        return;
    }
    let cpu = name.ends_with(".cpu");
    let good = if cpu { matches!(divisor, "1m" | "1") } else { BYTE_STEPS.contains(&divisor) };
    let what = match name.split_once('.').map(|(_, r)| r) {
        Some("cpu") => "cpu",
        Some("memory") => "memory",
        Some("ephemeral-storage") => "local ephemeral storage",
        _ if huge => "hugepages",
        _ => return,
    };
    if !good {
        let steps = if cpu { "1m and 1".to_owned() } else { BYTE_STEPS.join(", ") };
        let detail = format!("only divisor's values {steps} are supported with the {what} resource");
        out.push(FieldError::invalid(format!("{path}.divisor"), name, detail));
    }
}

fn key_ref(out: &mut Faults, reference: &Value, path: &str) {
    let (name, key) = (reference.text("name"), reference.text("key"));
    each(out, &format!("{path}.name"), name, syntax::dns1123_subdomain_faults(name));
    if key.is_empty() {
        out.push(FieldError::required(format!("{path}.key"), ""));
    } else {
        each(out, &format!("{path}.key"), key, syntax::config_map_key(key));
    }
}

fn file_ref(out: &mut Faults, reference: &Value, path: &str) {
    for key in ["volumeName", "path", "key"] {
        needs(out, reference, path, key);
    }
    let file = reference.text("path");
    if !file.is_empty() {
        super::mount::local_path(out, file, &format!("{path}.path"), true);
    }
    let key = reference.text("key");
    if !key.is_empty() {
        each(out, &format!("{path}.key"), key, syntax::env_name(key));
    }
}

fn value_from(out: &mut Faults, var: &Value, path: &str) {
    let Some(source) = var.at("valueFrom") else { return };
    let mut sources = 0;
    for kind in ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"] {
        let Some(reference) = source.at(kind) else { continue };
        sources += 1;
        let field = format!("{path}.{kind}");
        match kind {
            "fieldRef" => field_ref(out, reference, &field, Place::Variable),
            "resourceFieldRef" => resource_ref(out, reference, &field, Place::Variable),
            "fileKeyRef" => file_ref(out, reference, &field),
            _ => key_ref(out, reference, &field),
        }
    }
    let detail = if sources == 0 {
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
    } else if !var.text("value").is_empty() {
        "may not be specified when `value` is not empty"
    } else if sources > 1 {
        "may not have more than one field specified at a time"
    } else {
        return;
    };
    out.push(FieldError::invalid(path, "", detail));
}

/// Every fault of `env`.
pub(crate) fn variables(out: &mut Faults, vars: &[Value], path: &str) {
    for (i, var) in vars.iter().enumerate() {
        let name = var.text("name");
        let field = format!("{path}[{i}].name");
        if name.is_empty() {
            out.push(FieldError::required(field, ""));
        } else {
            each(out, &field, name, syntax::env_name(name));
        }
        value_from(out, var, &format!("{path}[{i}].valueFrom"));
    }
}

/// Every fault of `envFrom`.
pub(crate) fn sources(out: &mut Faults, list: &[Value], path: &str) {
    for (i, source) in list.iter().enumerate() {
        let prefix = source.text("prefix");
        if !prefix.is_empty() {
            each(out, &format!("{path}[{i}].prefix"), prefix, syntax::env_name(prefix));
        }
        let mut found = 0;
        for kind in ["configMapRef", "secretRef"] {
            let Some(reference) = source.at(kind) else { continue };
            found += 1;
            let (field, name) = (format!("{path}[{i}].{kind}.name"), reference.text("name"));
            if name.is_empty() {
                out.push(FieldError::required(field, ""));
            } else {
                each(out, &field, name, syntax::dns1123_subdomain_faults(name));
            }
        }
        // Upstream reports these two on the list, not on its item.
        match found {
            0 => out.push(FieldError::invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")),
            1 => {}
            _ => out.push(FieldError::invalid(path, "", "may not have more than one field specified at a time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_and_their_sources() {
        let rows = [
            (json!({"name": ""}), "env[0].name: Required value"),
            (
                json!({"name": "A", "valueFrom": {}}),
                "env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            ),
            (
                json!({"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.nope"}}}),
                "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.nope\": error converting fieldPath: field label not supported: metadata.nope",
            ),
            (
                json!({"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}),
                "env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource",
            ),
        ];
        for (var, want) in rows {
            let mut out = Faults::new();
            variables(&mut out, &[var], "env");
            assert_eq!(out.iter().map(ToString::to_string).collect::<Vec<_>>(), [want]);
        }
        let mut out = Faults::new();
        variables(
            &mut out,
            &[json!({"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels['a']"}}})],
            "env",
        );
        assert!(out.is_empty());
    }
}
