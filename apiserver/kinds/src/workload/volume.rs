//! Volumes of a pod: one source each, and what every kind of source demands.
//!
//! Fed by the pod checks. Sources of network disks are next door in `disk`; mounts are in `mount`.

use super::disk;
use super::env::{self, Place};
use super::meta;
use super::mount::{local_path, no_backsteps};
use super::read::{Faults, Read, choice, each, needs};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;
use skiff_schema::Quantity;

/// Kinds of sources in the order in which upstream looks at them: the first one found is the volume's.
const KINDS: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];
const MODE_RANGE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Every fault of `volumes`, and the sound ones among them; `pod_name` is empty in templates.
pub(crate) fn check<'a>(out: &mut Faults, volumes: &'a [Value], path: &str, pod_name: &str, is_pod: bool) -> Vec<&'a Value> {
    let mut sound: Vec<&Value> = Vec::new();
    for (i, volume) in volumes.iter().enumerate() {
        let item = format!("{path}[{i}]");
        let mut faults = Faults::new();
        source(&mut faults, volume, &item, pod_name, is_pod);
        let (name, field) = (volume.text("name"), format!("{item}.name"));
        if name.is_empty() {
            faults.push(FieldError::required(field, ""));
        } else {
            each(&mut faults, &field, name, syntax::dns1123_label_faults(name));
        }
        if sound.iter().any(|v| v.text("name") == name) {
            faults.push(FieldError::duplicate(format!("{item}.name"), name));
        }
        if faults.is_empty() {
            sound.push(volume);
        }
        out.append(&mut faults);
    }
    sound
}

fn source(out: &mut Faults, volume: &Value, path: &str, pod_name: &str, is_pod: bool) {
    let mut found = false;
    for kind in KINDS {
        let Some(body) = volume.at(kind) else { continue };
        let field = format!("{path}.{kind}");
        if found {
            out.push(FieldError::forbidden(field, "may not specify more than 1 volume type"));
            continue;
        }
        found = true;
        match kind {
            "emptyDir" => {
                if body.text("sizeLimit").parse::<Quantity>().is_ok_and(|q| q.is_negative()) {
                    let detail = "SizeLimit field must be a valid resource quantity";
                    out.push(FieldError::forbidden(format!("{field}.sizeLimit"), detail));
                }
            }
            "hostPath" => host_path(out, body, &field),
            "gitRepo" => {
                needs(out, body, &field, "repository");
                local_path(out, body.text("directory"), &format!("{field}.directory"), false);
            }
            "secret" | "configMap" => {
                needs(out, body, &field, if kind == "secret" { "secretName" } else { "name" });
                mode(out, body, &field, "defaultMode");
                keys(out, body, &field);
            }
            "persistentVolumeClaim" => needs(out, body, &field, "claimName"),
            "downwardAPI" => {
                mode(out, body, &field, "defaultMode");
                for file in body.list("items") {
                    downward_file(out, file, &field);
                }
            }
            "projected" => projected(out, body, &field),
            "csi" => csi(out, body, &field),
            "ephemeral" => ephemeral(out, body, volume.text("name"), path, pod_name),
            "image" => {
                if is_pod {
                    needs(out, body, &field, "reference");
                }
                choice(out, &format!("{field}.pullPolicy"), body.text("pullPolicy"), &PULL_POLICIES);
            }
            _ => disk::check(out, kind, body, volume.text("name"), path),
        }
    }
    if !found {
        out.push(FieldError::required(path, "must specify a volume type"));
    }
}

fn host_path(out: &mut Faults, body: &Value, path: &str) {
    if body.text("path").is_empty() {
        out.push(FieldError::required(format!("{path}.path"), ""));
        return;
    }
    no_backsteps(out, body.text("path"), &format!("{path}.path"));
    let kind = body.text("type");
    if !HOST_PATH_TYPES.contains(&kind) {
        out.push(FieldError::not_supported(format!("{path}.type"), kind, &HOST_PATH_TYPES));
    }
}

fn mode(out: &mut Faults, body: &Value, path: &str, key: &str) {
    if let Some(bits) = body.int(key)
        && !(0..=0o777).contains(&bits)
    {
        out.push(FieldError::invalid(format!("{path}.{key}"), bits, MODE_RANGE));
    }
}

fn keys(out: &mut Faults, body: &Value, path: &str) {
    for (i, item) in body.list("items").iter().enumerate() {
        let field = format!("{path}.items[{i}]");
        needs(out, item, &field, "key");
        needs(out, item, &field, "path");
        local_path(out, item.text("path"), &format!("{field}.path"), true);
        mode(out, item, &field, "mode");
    }
}

/// Upstream reports a file on the list that holds it.
fn downward_file(out: &mut Faults, file: &Value, path: &str) {
    needs(out, file, path, "path");
    local_path(out, file.text("path"), &format!("{path}.path"), true);
    match (file.at("fieldRef"), file.at("resourceFieldRef")) {
        (Some(field), resource) => {
            env::field_ref(out, field, &format!("{path}.fieldRef"), Place::File);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                out.push(FieldError::invalid(path, "resource", detail));
            }
        }
        (None, Some(resource)) => {
            env::resource_ref(out, resource, &format!("{path}.resourceFieldRef"), Place::File);
        }
        (None, None) => out.push(FieldError::required(path, "one of fieldRef and resourceFieldRef is required")),
    }
    mode(out, file, path, "mode");
}

/// Remembers a path of a projected volume and reports the second user of it.
fn claim_path<'a>(out: &mut Faults, paths: &mut Vec<&'a str>, target: &'a str, shown: &str, field: &str) {
    if target.is_empty() {
        return;
    }
    if paths.contains(&target) {
        out.push(FieldError::invalid(field, shown, "conflicting duplicate paths"));
    } else {
        paths.push(target);
    }
}

fn projected(out: &mut Faults, body: &Value, path: &str) {
    mode(out, body, path, "defaultMode");
    let mut paths: Vec<&str> = Vec::new();
    for (i, source) in body.list("sources").iter().enumerate() {
        let item = format!("{path}.sources[{i}]");
        let mut found = 0;
        for kind in ["secret", "configMap"] {
            let Some(part) = source.at(kind) else { continue };
            found += 1;
            let field = format!("{item}.{kind}");
            needs(out, part, &field, "name");
            keys(out, part, &field);
            for entry in part.list("items") {
                claim_path(out, &mut paths, entry.text("path"), part.text("name"), path);
            }
        }
        if let Some(part) = source.at("downwardAPI") {
            found += 1;
            for file in part.list("items") {
                downward_file(out, file, &format!("{item}.downwardAPI"));
                claim_path(out, &mut paths, file.text("path"), file.text("path"), path);
            }
        }
        if let Some(part) = source.at("serviceAccountToken") {
            found += 1;
            token(out, part, &item, path);
        }
        for kind in ["clusterTrustBundle", "podCertificate"] {
            let Some(part) = source.at(kind) else { continue };
            found += 1;
            let field = format!("{item}.{kind}");
            if kind == "clusterTrustBundle" {
                trust_bundle(out, part, &field);
                claim_path(out, &mut paths, part.text("path"), part.text("path"), path);
            } else {
                pod_certificate(out, part, &field);
            }
        }
        if found > 1 {
            out.push(FieldError::forbidden(item, "may not specify more than 1 volume type per source"));
        }
    }
}

fn token(out: &mut Faults, part: &Value, item: &str, path: &str) {
    let field = format!("{item}.serviceAccountToken.expirationSeconds");
    let seconds = part.number("expirationSeconds");
    if seconds < 600 {
        out.push(FieldError::invalid(field, seconds, "may not specify a duration less than 10 minutes"));
    } else if seconds > 1 << 32 {
        out.push(FieldError::invalid(field, seconds, "may not specify a duration larger than 2^32 seconds"));
    }
    // Upstream reports the path of a token on the volume.
    needs(out, part, path, "path");
    local_path(out, part.text("path"), &format!("{path}.path"), true);
}

fn trust_bundle(out: &mut Faults, part: &Value, path: &str) {
    match (part.has("name"), part.has("signerName")) {
        (true, true) => {
            out.push(FieldError::invalid(path, part.clone(), "only one of name and signerName may be used"));
        }
        (true, false) => {
            if part.text("name").is_empty() {
                out.push(FieldError::required(format!("{path}.name"), "must be a valid object name"));
            }
            if let Some(selector) = part.at("labelSelector") {
                let detail = "labelSelector must be unset if name is specified";
                out.push(FieldError::invalid(format!("{path}.labelSelector"), selector.clone(), detail));
            }
        }
        (false, true) => {
            if part.text("signerName").is_empty() {
                out.push(FieldError::required(format!("{path}.signerName"), "must be a valid signer name"));
            }
            if let Some(selector) = part.at("labelSelector") {
                out.extend(meta::label_selector(selector, &format!("{path}.labelSelector")));
            }
        }
        (false, false) => out.push(FieldError::required(path, "either name or signerName must be specified")),
    }
    needs(out, part, path, "path");
    local_path(out, part.text("path"), &format!("{path}.path"), true);
}

fn pod_certificate(out: &mut Faults, part: &Value, path: &str) {
    needs(out, part, path, "signerName");
    let known = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
    let kind = part.text("keyType");
    if !known.contains(&kind) {
        out.push(FieldError::not_supported(format!("{path}.keyType"), kind, &known));
    }
    for key in ["credentialBundlePath", "keyPath", "certificateChainPath"] {
        local_path(out, part.text(key), &format!("{path}.{key}"), true);
    }
}

fn csi(out: &mut Faults, body: &Value, path: &str) {
    let (driver, field) = (body.text("driver"), format!("{path}.driver"));
    if driver.is_empty() {
        out.push(FieldError::required(field.clone(), ""));
    }
    if driver.len() > 63 {
        out.push(FieldError::too_long(field.clone(), 63));
    }
    each(out, &field, driver, syntax::dns1123_subdomain_faults(&driver.to_lowercase()));
    if let Some(secret) = body.at("nodePublishSecretRef") {
        let name = secret.text("name");
        if name.is_empty() {
            out.push(FieldError::required(format!("{path}.nodePublishSecretRef.name"), ""));
        } else {
            each(out, &format!("{path}.name"), name, syntax::dns1123_subdomain_faults(name));
        }
    }
}

fn ephemeral(out: &mut Faults, body: &Value, volume: &str, path: &str, pod_name: &str) {
    let field = format!("{path}.ephemeral.volumeClaimTemplate");
    match body.at("volumeClaimTemplate") {
        None => out.push(FieldError::required(field, "")),
        Some(template) => {
            if let Some(meta) = template.at("metadata") {
                out.extend(meta::annotations(meta.at("annotations"), &format!("{field}.metadata.annotations")));
                out.extend(meta::labels(meta.at("labels"), &format!("{field}.metadata.labels")));
                for (key, _) in object_pairs(meta) {
                    if !matches!(key, "annotations" | "labels" | "creationTimestamp") {
                        out.push(FieldError::forbidden(format!("{field}.metadata.{key}"), "cannot be set"));
                    }
                }
            }
            claim_spec(out, template.at("spec").unwrap_or(&Value::Null), &format!("{field}.spec"));
        }
    }
    if !pod_name.is_empty() && !volume.is_empty() {
        let claim = format!("{pod_name}-{volume}");
        for fault in syntax::dns1123_subdomain_faults(&claim) {
            out.push(FieldError::invalid(format!("{path}.name"), volume, format!("PVC name {claim:?}: {fault}")));
        }
    }
}

fn object_pairs(value: &Value) -> Vec<(&str, &Value)> {
    value.as_object().map(|m| m.iter().map(|(k, v)| (k.as_str(), v)).collect()).unwrap_or_default()
}

/// Every fault of the spec of a claim inside a volume or a StatefulSet.
pub(crate) fn claim_spec(out: &mut Faults, spec: &Value, path: &str) {
    let modes = spec.list("accessModes");
    let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    if modes.is_empty() {
        out.push(FieldError::required(format!("{path}.accessModes"), "at least 1 access mode is required"));
    }
    if let Some(selector) = spec.at("selector") {
        out.extend(meta::label_selector(selector, &format!("{path}.selector")));
    }
    for mode in modes.iter().filter_map(Value::as_str).filter(|m| !known.contains(m)) {
        out.push(FieldError::not_supported(format!("{path}.accessModes"), mode, &known));
    }
    let alone = modes.iter().any(|m| m == "ReadWriteOncePod");
    if alone && modes.iter().any(|m| m != "ReadWriteOncePod") {
        let detail = "may not use ReadWriteOncePod with other access modes";
        out.push(FieldError::forbidden(format!("{path}.accessModes"), detail));
    }
    let field = format!("{path}.resources[storage]");
    match spec.pointer("/resources/requests/storage").and_then(Value::as_str) {
        None => out.push(FieldError::required(field, "")),
        Some(size) => {
            if size.parse::<Quantity>().is_ok_and(|q| q.is_negative() || q.is_zero()) {
                out.push(FieldError::invalid(field, size, super::read::NOT_POSITIVE));
            }
        }
    }
    let class = spec.text("storageClassName");
    if !class.is_empty() {
        each(out, &format!("{path}.storageClassName"), class, syntax::dns1123_subdomain_faults(class));
    }
    let mode = spec.text("volumeMode");
    if !matches!(mode, "" | "Block" | "Filesystem") {
        out.push(FieldError::not_supported(format!("{path}.volumeMode"), mode, &["Block", "Filesystem"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sources_and_names() {
        let rows = [
            (
                json!([{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]),
                vec!["volumes[1].name: Duplicate value: \"a\""],
            ),
            (json!([{"name": "a"}]), vec!["volumes[0]: Required value: must specify a volume type"]),
            (
                json!([{"name": "a", "secret": {"secretName": "x"}, "configMap": {"name": "y"}}]),
                vec!["volumes[0].configMap: Forbidden: may not specify more than 1 volume type"],
            ),
            (
                json!([{"name": "a", "configMap": {"name": "y", "defaultMode": 1000, "items": [{"key": "k", "path": "../x"}]}}]),
                vec![
                    "volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
                    "volumes[0].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'",
                ],
            ),
            (
                json!([{"name": "A", "hostPath": {"path": "/x", "type": ""}}]),
                vec![
                    "volumes[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                ],
            ),
        ];
        for (volumes, want) in rows {
            let mut out = Faults::new();
            check(&mut out, volumes.as_array().map_or(&[], Vec::as_slice), "volumes", "", true);
            assert_eq!(out.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
        }
    }
}
