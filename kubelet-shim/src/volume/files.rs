//! Volumes that are made of files: configMap, secret, projected, downwardAPI. What they hold, and the atomic way they are
//! written (`..data` points to one generation; readers never see a mixture).

use crate::env::{ConfigError, Entries, Facts, config_map, field, resource, secret};
use crate::pod::{Pod, ResourceFieldRef};
use serde_json::Value;
use skiff_engine::wire::Material;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path};

/// Relative path to mode and bytes.
pub type Payload = BTreeMap<String, (u32, Vec<u8>)>;

/// What a volume of this kind holds.
pub fn payload(kind: &str, source: &Value, pod: &Pod, material: &Material, facts: &Facts) -> Result<Payload, ConfigError> {
    let mode = mode_of(&source["defaultMode"]).unwrap_or(0o644);
    let mut files = Payload::new();
    if kind == "projected" {
        for part in source["sources"].as_array().into_iter().flatten() {
            for (kind, source) in part.as_object().into_iter().flatten() {
                one(&mut files, kind, source, mode, pod, material, facts)?;
            }
        }
    } else {
        one(&mut files, kind, source, mode, pod, material, facts)?;
    }
    for path in files.keys() {
        let plain = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
        if !plain || path.starts_with("..") {
            return Err(ConfigError::Other(format!("invalid path: {path}")));
        }
    }
    Ok(files)
}

fn one(
    files: &mut Payload,
    kind: &str,
    source: &Value,
    mode: u32,
    pod: &Pod,
    material: &Material,
    facts: &Facts,
) -> Result<(), ConfigError> {
    let name = source["name"].as_str().or_else(|| source["secretName"].as_str()).unwrap_or_default();
    let optional = source["optional"].as_bool().unwrap_or(false);
    match kind {
        "configMap" => match config_map(material, name) {
            Some(entries) => pick(files, entries, source, mode, optional),
            None if name == "kube-root-ca.crt" && !material.service_account.is_empty() => {
                pick(files, &material.service_account, source, mode, true)
            }
            None if optional => Ok(()),
            None => Err(ConfigError::NoConfigMap(name.to_owned())),
        },
        "secret" => match secret(material, name) {
            Some(entries) => pick(files, entries, source, mode, optional),
            None if optional => Ok(()),
            None => Err(ConfigError::NoSecret(name.to_owned())),
        },
        "serviceAccountToken" => {
            let token = material.service_account.iter().find(|(n, _)| n == "token");
            let token = token.ok_or_else(|| ConfigError::Other("failed to fetch token: none was sent".to_owned()))?;
            let path = source["path"].as_str().unwrap_or("token");
            files.insert(path.to_owned(), (mode, token.1.clone()));
            Ok(())
        }
        "downwardAPI" => downward(files, source, mode, pod, facts),
        other => Err(ConfigError::Other(format!("projection {other:?} is not supported on this node"))),
    }
}

fn pick(files: &mut Payload, entries: &Entries, source: &Value, mode: u32, optional: bool) -> Result<(), ConfigError> {
    let Some(items) = source["items"].as_array().filter(|items| !items.is_empty()) else {
        files.extend(entries.iter().map(|(key, value)| (key.clone(), (mode, value.clone()))));
        return Ok(());
    };
    for item in items {
        let (key, path) = (item["key"].as_str().unwrap_or_default(), item["path"].as_str().unwrap_or_default());
        match entries.iter().find(|(k, _)| k == key) {
            Some((_, value)) => {
                files.insert(path.to_owned(), (mode_of(&item["mode"]).unwrap_or(mode), value.clone()));
            }
            None if optional => {}
            None => return Err(ConfigError::Other(format!("references non-existent config key: {key}"))),
        }
    }
    Ok(())
}

fn downward(files: &mut Payload, source: &Value, mode: u32, pod: &Pod, facts: &Facts) -> Result<(), ConfigError> {
    for item in source["items"].as_array().into_iter().flatten() {
        let value = if let Some(path) = item["fieldRef"]["fieldPath"].as_str() {
            field(pod, facts, path)?
        } else {
            let wanted: ResourceFieldRef =
                serde_json::from_value(item["resourceFieldRef"].clone()).map_err(|e| ConfigError::Other(e.to_string()))?;
            resource(pod, None, facts, &wanted)?
        };
        let path = item["path"].as_str().unwrap_or_default();
        files.insert(path.to_owned(), (mode_of(&item["mode"]).unwrap_or(mode), value.into_bytes()));
    }
    Ok(())
}

fn mode_of(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|m| u32::try_from(m).ok()).map(|m| m & 0o777)
}

/// Makes `dir` show exactly the payload; does nothing if it does already.
pub fn write(dir: &Path, payload: &Payload, group: Option<u32>) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let data = dir.join("..data");
    let old = std::fs::read_link(&data).ok();
    if old.as_ref().is_some_and(|old| holds(&dir.join(old), payload)) {
        return Ok(());
    }
    let generation = format!("..{}", jiff::Timestamp::now().as_nanosecond());
    let new = dir.join(&generation);
    std::fs::create_dir(&new)?;
    for (path, (mode, bytes)) in payload {
        let file = new.join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut open = std::fs::OpenOptions::new();
        io::Write::write_all(&mut open.write(true).create_new(true).mode(0o600).open(&file)?, bytes)?;
        let mut mode = *mode;
        if group.is_some() {
            std::os::unix::fs::chown(&file, None, group)?;
            mode |= 0o440;
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode))?;
    }
    let next = dir.join("..data_tmp");
    std::fs::remove_file(&next).ok();
    symlink(&generation, &next)?;
    std::fs::rename(&next, &data)?;
    show(dir, payload)?;
    match old {
        Some(old) => std::fs::remove_dir_all(dir.join(old)),
        None => Ok(()),
    }
}

// One link per top-level name, leading through `..data`.
fn show(dir: &Path, payload: &Payload) -> io::Result<()> {
    let wanted: std::collections::BTreeSet<&str> = payload.keys().filter_map(|path| path.split('/').next()).collect();
    for entry in std::fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with("..") && !wanted.contains(name.to_string_lossy().as_ref()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    for name in wanted {
        match symlink(Path::new("..data").join(name), dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn holds(dir: &Path, payload: &Payload) -> bool {
    fn count(dir: &Path) -> usize {
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| if e.path().is_dir() { count(&e.path()) } else { 1 }).sum()
    }
    count(dir) == payload.len()
        && payload.iter().all(|(path, (_, bytes))| std::fs::read(dir.join(path)).is_ok_and(|there| there == *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts() -> Facts {
        Facts {
            name: "p".into(),
            uid: "u".into(),
            address: std::net::Ipv4Addr::LOCALHOST,
            node_name: "n".into(),
            node_address: std::net::Ipv4Addr::LOCALHOST,
            node_cpu_milli: 1000,
            node_memory: 1,
        }
    }

    fn material() -> Material {
        Material {
            config_maps: vec![("cm".into(), vec![("a".into(), b"1".to_vec()), ("b".into(), b"2".to_vec())])],
            service_account: vec![("token".into(), b"t".to_vec()), ("ca.crt".into(), b"c".to_vec())],
            ..Material::default()
        }
    }

    #[test]
    fn projected_token_volume() {
        let source = json!({"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "d/name", "fieldRef": {"fieldPath": "metadata.name"}, "mode": 256}]}}]});
        let files = payload("projected", &source, &Pod::default(), &material(), &facts()).expect("payload");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["ca.crt", "d/name", "token"]);
        assert_eq!(files["d/name"], (0o400, b"p".to_vec()));
        assert_eq!(files["token"].0, 0o644);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let get = |source: Value| payload("configMap", &source, &Pod::default(), &material(), &facts());
        assert!(get(json!({"name": "no"})).is_err());
        assert!(get(json!({"name": "no", "optional": true})).expect("empty").is_empty());
        assert!(get(json!({"name": "cm", "items": [{"key": "x", "path": "x"}]})).is_err());
        assert!(get(json!({"name": "cm", "items": [{"key": "a", "path": "../x"}]})).is_err());
    }

    #[test]
    fn a_new_generation_replaces_the_old_one() {
        let dir = tempfile::tempdir().expect("dir");
        let place = dir.path().join("v");
        let of = |pairs: &[(&str, &str)]| -> Payload {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (0o644, v.as_bytes().to_vec()))).collect()
        };
        write(&place, &of(&[("a", "1"), ("d/b", "2")]), None).expect("write");
        assert_eq!(std::fs::read_to_string(place.join("d/b")).expect("read"), "2");
        let first = std::fs::read_link(place.join("..data")).expect("link");
        write(&place, &of(&[("a", "1"), ("d/b", "2")]), None).expect("same");
        assert_eq!(std::fs::read_link(place.join("..data")).expect("link"), first);
        write(&place, &of(&[("a", "3")]), None).expect("next");
        assert_eq!(std::fs::read_to_string(place.join("a")).expect("read"), "3");
        assert!(!place.join("d").exists() && !place.join(first).exists());
    }
}
