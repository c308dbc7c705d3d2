//! Volumes on network disks of old: the fields each kind cannot do without.
//!
//! Fed by `volume`. Table driven: most kinds only have required fields. Must not know pods.

use super::read::{Faults, Read, each, needs};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

/// Kinds with nothing but required texts.
const REQUIRED: [(&str, &[&str]); 11] = [
    ("glusterfs", &["endpoints", "path"]),
    ("nfs", &["server", "path"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("gcePersistentDisk", &["pdName"]),
    ("cinder", &["volumeID"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("azureDisk", &["diskName", "diskURI"]),
];

/// Every fault of a disk of `kind`; `volume_path` is the path of the whole volume.
pub(crate) fn check(out: &mut Faults, kind: &str, body: &Value, name: &str, volume_path: &str) {
    // Upstream misspells one kind in its paths, and clients see it.
    let shown = if kind == "gcePersistentDisk" { "persistentDisk" } else { kind };
    let path = format!("{volume_path}.{shown}");
    for (_, keys) in REQUIRED.iter().filter(|(k, _)| *k == kind) {
        for key in *keys {
            needs(out, body, &path, key);
        }
    }
    match kind {
        "nfs" if !body.text("path").starts_with('/') => {
            let target = body.text("path");
            out.push(FieldError::invalid(format!("{path}.path"), target, "must be an absolute path"));
        }
        "awsElasticBlockStore" | "gcePersistentDisk" => partition(out, body, &path),
        "cinder" | "storageos" => {
            if kind == "storageos" {
                storage_os(out, body, &path);
            }
            if let Some(secret) = body.at("secretRef") {
                needs(out, secret, &format!("{path}.secretRef"), "name");
            }
        }
        "rbd" | "cephfs" => {
            if body.list("monitors").is_empty() {
                out.push(FieldError::required(format!("{path}.monitors"), ""));
            }
            if kind == "rbd" {
                needs(out, body, &path, "image");
            }
        }
        "iscsi" => iscsi(out, body, &path, name, volume_path),
        "flocker" => flocker(out, body, &path),
        "quobyte" => quobyte(out, body, &path),
        "fc" => fibre(out, body, &path),
        "flexVolume" => flex(out, body, &path),
        "azureDisk" => azure_disk(out, body, &path),
        _ => {}
    }
}

fn partition(out: &mut Faults, body: &Value, path: &str) {
    let number = body.number("partition");
    if !(0..=255).contains(&number) {
        out.push(FieldError::invalid(format!("{path}.partition"), number, syntax::range(1, 255)));
    }
}

fn storage_os(out: &mut Faults, body: &Value, path: &str) {
    needs(out, body, path, "volumeName");
    for key in ["volumeName", "volumeNamespace"] {
        let text = body.text(key);
        if !text.is_empty() {
            each(out, &format!("{path}.{key}"), text, syntax::dns1123_label_faults(text));
        }
    }
}

/// What is wrong with the name of an iSCSI end, `iqn.2001-04.com.example:x`, `eui.…` or `naa.…`.
fn iscsi_name(name: &str) -> Option<&'static str> {
    let hex = |rest: &str, length: usize| rest.len() == length && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    let good = if let Some(rest) = name.strip_prefix("iqn") {
        let date = rest.strip_prefix('.').and_then(|r| r.split_once('.'));
        date.is_some_and(|(date, tail)| {
            let dated = date.len() == 7 && date.char_indices().all(|(i, c)| if i == 4 { c == '-' } else { c.is_ascii_digit() });
            let ended = tail
                .split_once(':')
                .is_none_or(|(_, id)| !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || ",;*&$|".contains(c)));
            dated && tail.contains(':') && ended
        })
    } else if let Some(rest) = name.strip_prefix("eui") {
        hex(rest.get(1..).unwrap_or(""), 16)
    } else if let Some(rest) = name.strip_prefix("naa") {
        hex(rest.get(1..).unwrap_or(""), 32)
    } else {
        return Some("must be valid format starting with iqn, eui, or naa");
    };
    (!good).then_some("must be valid format")
}

fn iscsi(out: &mut Faults, body: &Value, path: &str, name: &str, volume_path: &str) {
    needs(out, body, path, "targetPortal");
    needs(out, body, path, "iqn");
    for (key, shown) in [("iqn", "iqn"), ("initiatorName", "initiatorname")] {
        let text = body.text(key);
        if let Some(fault) = iscsi_name(text).filter(|_| !text.is_empty()) {
            out.push(FieldError::invalid(format!("{path}.{shown}"), text, fault));
        }
    }
    let lun = body.number("lun");
    if !(0..=255).contains(&lun) {
        out.push(FieldError::invalid(format!("{path}.lun"), lun, syntax::range(0, 255)));
    }
    if (body.flag("chapAuthDiscovery") || body.flag("chapAuthSession")) && !body.has("secretRef") {
        out.push(FieldError::required(format!("{path}.secretRef"), ""));
    }
    if body.has("initiatorName") && name.len() + 1 + body.text("targetPortal").len() > 64 {
        let detail =
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        out.push(FieldError::invalid(format!("{volume_path}.name"), name, detail));
    }
}

fn flocker(out: &mut Faults, body: &Value, path: &str) {
    let (name, id) = (body.text("datasetName"), body.text("datasetUUID"));
    if name.is_empty() && id.is_empty() {
        out.push(FieldError::required(path, "one of datasetName and datasetUUID is required"));
    }
    if !name.is_empty() && !id.is_empty() {
        let detail = "datasetName and datasetUUID can not be specified simultaneously";
        out.push(FieldError::invalid(path, "resource", detail));
    }
    if name.contains('/') {
        out.push(FieldError::invalid(format!("{path}.datasetName"), name, "must not contain '/'"));
    }
}

fn quobyte(out: &mut Faults, body: &Value, path: &str) {
    let registry = body.text("registry");
    let pairs = "must be a host:port pair or multiple pairs separated by commas";
    if registry.is_empty() {
        out.push(FieldError::required(format!("{path}.registry"), pairs));
    } else if body.text("tenant").len() >= 65 {
        let detail = "must be a UUID and may not exceed a length of 64 characters";
        out.push(FieldError::required(format!("{path}.tenant"), detail));
    } else {
        for _ in registry.split(',').filter(|pair| !pair.contains(':')) {
            out.push(FieldError::invalid(format!("{path}.registry"), registry, pairs));
        }
    }
    needs(out, body, path, "volume");
}

fn fibre(out: &mut Faults, body: &Value, path: &str) {
    let (targets, wide) = (body.list("targetWWNs"), body.list("wwids"));
    if targets.is_empty() && wide.is_empty() {
        let detail = "must specify either targetWWNs or wwids, but not both";
        out.push(FieldError::required(format!("{path}.targetWWNs"), detail));
    }
    if !targets.is_empty() && !wide.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        out.push(FieldError::invalid(format!("{path}.targetWWNs"), targets.to_vec(), detail));
    }
    if targets.is_empty() {
        return;
    }
    match body.int("lun") {
        None => out.push(FieldError::required(format!("{path}.lun"), "lun is required if targetWWNs is specified")),
        Some(lun) if !(0..=255).contains(&lun) => {
            out.push(FieldError::invalid(format!("{path}.lun"), lun, syntax::range(0, 255)));
        }
        Some(_) => {}
    }
}

fn flex(out: &mut Faults, body: &Value, path: &str) {
    needs(out, body, path, "driver");
    for (key, _) in body.pairs("options") {
        let space = key.split('/').next().unwrap_or(key).to_lowercase();
        if [".kubernetes.io", ".k8s.io"].iter().any(|end| format!(".{space}").ends_with(end)) {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            out.push(FieldError::invalid(format!("{path}.options[{key}]"), key, detail));
        }
    }
}

fn azure_disk(out: &mut Faults, body: &Value, path: &str) {
    let (caching, kind, uri) = (body.text("cachingMode"), body.text("kind"), body.text("diskURI"));
    let modes = ["None", "ReadOnly", "ReadWrite"];
    if !modes.contains(&caching) {
        out.push(FieldError::not_supported(format!("{path}.cachingMode"), caching, &modes));
    }
    let kinds = ["Dedicated", "Managed", "Shared"];
    if !kinds.contains(&kind) {
        out.push(FieldError::not_supported(format!("{path}.kind"), kind, &kinds));
    }
    let managed = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    let blob = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    if kind == "Managed" && !uri.starts_with("/subscriptions/") {
        out.push(FieldError::not_supported(format!("{path}.diskURI"), uri, &[managed]));
    } else if kind != "Managed" && !uri.starts_with("https://") {
        out.push(FieldError::not_supported(format!("{path}.diskURI"), uri, &[blob]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn disks() {
        let rows = [
            ("nfs", json!({"server": "s", "path": "x"}), "v.nfs.path: Invalid value: \"x\": must be an absolute path"),
            ("gcePersistentDisk", json!({}), "v.persistentDisk.pdName: Required value"),
            (
                "iscsi",
                json!({"targetPortal": "p", "iqn": "x"}),
                "v.iscsi.iqn: Invalid value: \"x\": must be valid format starting with iqn, eui, or naa",
            ),
            ("rbd", json!({"image": "i"}), "v.rbd.monitors: Required value"),
        ];
        for (kind, body, want) in rows {
            let mut out = Faults::new();
            check(&mut out, kind, &body, "n", "v");
            assert_eq!(out.iter().map(ToString::to_string).collect::<Vec<_>>(), [want]);
        }
        assert_eq!(iscsi_name("iqn.2001-04.com.example:storage.kube.sys1.xyz"), None);
    }
}
