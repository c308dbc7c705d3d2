//! Rules on volumes and their mounts: which sources, each mounted, each mount with a volume.

use super::Faults;
use crate::config::Features;
use crate::{doc, names};
use serde_json::Value;

const RESERVED_PATHS: [&str; 3] = ["/", "/dev", "/dev/log"];

/// The volumes of a pod.
pub(super) fn list(features: &Features, spec: &Value) -> Faults {
    let mounted: Vec<&str> = ["/initContainers", "/containers"]
        .into_iter()
        .flat_map(|list| doc::items(spec, list))
        .flat_map(|container| doc::items(container, "/volumeMounts"))
        .map(|mount| doc::text(mount, "/name"))
        .collect();
    let mut seen: Vec<&str> = Vec::new();
    let mut out = Faults::none();
    for (i, volume) in doc::items(spec, "/volumes").enumerate() {
        let name = doc::text(volume, "/name");
        let mut found = Faults::none();
        if seen.contains(&name) {
            found.also(Faults::generic(format!("duplicate volume name {name:?}"), &["name"]));
        }
        if !mounted.contains(&name) {
            found.also(Faults::generic(format!("volume with name {name:?} not mounted"), &["name"]));
        }
        found.also(one(features, volume));
        out.also(found.via(&format!("[{i}]")));
        seen.push(name);
    }
    out
}

fn one(features: &Features, volume: &Value) -> Faults {
    let name = doc::text(volume, "/name");
    let mut out = claim(features, volume);
    if volume.get("emptyDir").is_some() && !features.empty_dir.on() {
        out.also(Faults::generic(format!("EmptyDir volume support is disabled, but found EmptyDir volume {name}"), &[]));
        if !features.empty_dir.taken() {
            out.also(Faults::disallowed(&["emptyDir"]));
        }
    }
    if name.is_empty() {
        out.also(Faults::missing(&["name"]));
    } else if !names::is_label_1123(name) {
        out.also(Faults::invalid(name, "name"));
    }
    out.also(items(volume, "/secret/items"));
    out.also(items(volume, "/configMap/items"));
    for (i, source) in doc::items(volume, "/projected/sources").enumerate() {
        out.also(projection(source).via_index("projected", i));
    }
    let medium = doc::text(volume, "/emptyDir/medium");
    if !["", "Memory"].contains(&medium) {
        out.also(Faults::invalid(medium, "emptyDir.medium"));
    }
    let given: Vec<&str> = ["secret", "configMap", "projected", "emptyDir", "persistentVolumeClaim"]
        .into_iter()
        .filter(|key| volume.get(key).is_some())
        .collect();
    match given.len() {
        0 => {
            let mut wanted = vec!["secret", "configMap", "projected"];
            wanted.extend(features.empty_dir.on().then_some("emptyDir"));
            wanted.extend(features.claim.on().then_some("persistentVolumeClaim"));
            out.also(Faults::neither(&wanted));
        }
        1 => {}
        _ => out.also(Faults::both(&given)),
    }
    out
}

fn claim(features: &Features, volume: &Value) -> Faults {
    let Some(claim) = volume.get("persistentVolumeClaim") else { return Faults::none() };
    let name = doc::text(claim, "/claimName");
    let mut out = Faults::none();
    if !features.claim.on() {
        let text = format!("Persistent volume claim support is disabled, but found persistent volume claim {name}");
        out.also(Faults::generic(text, &[]));
    }
    let read_only = claim.get("readOnly") == Some(&Value::Bool(true));
    if !read_only && !features.claim_write.on() {
        let text = format!(
            "Persistent volume write support is disabled, but found persistent volume claim {name} that is not read-only"
        );
        out.also(Faults::generic(text, &[]));
    }
    if !features.claim.taken() {
        out.also(Faults::disallowed(&["persistentVolumeClaim"]));
    }
    out
}

fn items(holder: &Value, pointer: &str) -> Faults {
    let mut out = Faults::none();
    for (i, item) in doc::items(holder, pointer).enumerate() {
        for key in ["key", "path"] {
            if doc::text(item, &format!("/{key}")).is_empty() {
                out.also(Faults::missing(&[key]).via_index("items", i));
            }
        }
    }
    out
}

fn projection(source: &Value) -> Faults {
    let kinds = ["secret", "configMap", "serviceAccountToken", "downwardAPI"];
    let given: Vec<&str> = kinds.into_iter().filter(|key| source.get(key).is_some()).collect();
    let mut out = Faults::none();
    for key in &given {
        let Some(inner) = source.get(key) else { continue };
        let needed = match *key {
            "serviceAccountToken" => Some("path"),
            "downwardAPI" => None,
            _ => Some("name"),
        };
        if let Some(field) = needed
            && doc::text(inner, &format!("/{field}")).is_empty()
        {
            out.also(Faults::missing(&[field]).via(key));
        }
        if *key == "downwardAPI" {
            out.also(downward(inner).via(key));
        } else {
            out.also(items(inner, "/items").via(key));
        }
    }
    match given.len() {
        0 => out.also(Faults::neither(&kinds)),
        1 => {}
        _ => out.also(Faults::both(&given)),
    }
    out
}

fn downward(source: &Value) -> Faults {
    let mut out = Faults::none();
    for (i, file) in doc::items(source, "/items").enumerate() {
        let mut found = match (file.get("fieldRef").is_some(), file.get("resourceFieldRef").is_some()) {
            (false, false) => Faults::neither(&["fieldRef", "resourceFieldRef"]),
            (true, true) => Faults::generic("Within a single item, cannot set both", &["resourceFieldRef", "fieldRef"]),
            _ => Faults::none(),
        };
        if doc::text(file, "/path").is_empty() {
            found.also(Faults::missing(&["path"]));
        }
        out.also(found.via_index("items", i));
    }
    out
}

/// The mounts of one container.
pub(super) fn mounts(spec: &Value, container: &Value) -> Faults {
    let mut paths: Vec<String> = Vec::new();
    let mut out = Faults::none();
    for (i, mount) in doc::items(container, "/volumeMounts").enumerate() {
        let volume = doc::items(spec, "/volumes").find(|v| doc::text(v, "/name") == doc::text(mount, "/name"));
        let path = doc::text(mount, "/mountPath");
        let clean = clean(path);
        let mut found = Faults::none();
        for key in ["subPathExpr", "mountPropagation", "recursiveReadOnly"] {
            if mount.get(key).is_some() {
                found.also(Faults::disallowed(&[key]));
            }
        }
        if volume.is_none() {
            found.also(Faults::generic("volumeMount has no matching volume", &["name"]));
        }
        if path.is_empty() {
            found.also(Faults::missing(&["mountPath"]));
        } else if RESERVED_PATHS.contains(&clean.as_str()) {
            found.also(Faults::generic(format!("mountPath {clean:?} is a reserved path"), &["mountPath"]));
        } else if !path.starts_with('/') {
            found.also(Faults::invalid(path, "mountPath"));
        } else if paths.contains(&clean) {
            found.also(Faults::invalid(format!("{path:?} must be unique"), "mountPath"));
        }
        paths.push(clean);
        found.also(writable(volume, mount));
        out.also(found.via_index("volumeMounts", i));
    }
    out
}

fn writable(volume: Option<&Value>, mount: &Value) -> Faults {
    let has = |key: &str| volume.is_some_and(|v| v.get(key).is_some());
    if mount.get("readOnly") == Some(&Value::Bool(true)) {
        return Faults::none();
    }
    let read_only = volume.and_then(|v| v.pointer("/persistentVolumeClaim/readOnly")) == Some(&Value::Bool(true));
    if read_only {
        return Faults::generic("volume is readOnly but volume mount is not", &["readOnly"]);
    }
    if has("emptyDir") || has("persistentVolumeClaim") || has("ephemeral") {
        return Faults::none();
    }
    Faults::generic("volume mount should be readOnly for this type of volume", &["readOnly"])
}

/// Go's `path.Clean` for what a mount path can be.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    if path.starts_with('/') { format!("/{}", parts.join("/")) } else { parts.join("/") }
}
