//! Volumes of a pod on the node: directories that become bind mounts. Fed by the sandbox room with the pod, its material and
//! its facts; knows no containerd and no wire.

pub mod etc;
mod files;

use crate::env::{ConfigError, Facts};
use crate::pod::{Container, Pod, VolumeMount};
use crate::runtime::oci::Bind;
use files::Payload;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;
use skiff_engine::wire::Material;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

/// A volume that cannot be set up; upstream's wording.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume \"{volume}\" : {why}")]
pub struct VolumeError {
    pub volume: String,
    pub why: String,
}

/// Kinds whose content is made of the material, and changes with it.
const FILE_KINDS: [&str; 4] = ["configMap", "secret", "projected", "downwardAPI"];

/// Sets every volume of the pod up below `dir`; where each lies. Repeating it refreshes the files.
pub fn set_up(pod: &Pod, material: &Material, facts: &Facts, dir: &Path) -> Result<HashMap<String, PathBuf>, VolumeError> {
    let mut places = HashMap::new();
    for volume in &pod.spec.volumes {
        let name = volume["name"].as_str().unwrap_or_default().to_owned();
        let fail = |why: String| VolumeError { volume: name.clone(), why };
        let place = dir.join("volumes").join(&name);
        let at = if let Some(kind) = FILE_KINDS.iter().find(|kind| volume.get(**kind).is_some()) {
            let payload = files::payload(kind, &volume[*kind], pod, material, facts).map_err(|e| fail(e.to_string()))?;
            write(&place, &payload, pod).map_err(|e| fail(e.to_string()))?;
            place
        } else if let Some(source) = volume.get("emptyDir") {
            empty_dir(&place, source, pod).map_err(|e| fail(e.to_string()))?;
            place
        } else if let Some(source) = volume.get("hostPath") {
            host_path(source).map_err(fail)?
        } else {
            let kind = volume.as_object().and_then(|o| o.keys().find(|k| *k != "name").cloned()).unwrap_or_default();
            return Err(fail(format!("volume type {kind:?} is not supported on this node")));
        };
        places.insert(name, at);
    }
    Ok(places)
}

fn write(place: &Path, payload: &Payload, pod: &Pod) -> io::Result<()> {
    files::write(place, payload, pod.spec.security_context.fs_group)
}

fn empty_dir(place: &Path, source: &Value, pod: &Pod) -> io::Result<()> {
    if place.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(place)?;
    if source["medium"] == "Memory" {
        let size = crate::pod::quantity("memory", &source["sizeLimit"]).filter(|s| *s > 0);
        let options = size.map_or_else(|| "mode=0777".to_owned(), |s| format!("mode=0777,size={s}"));
        mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))?;
    }
    let mut mode = 0o777;
    if let Some(group) = pod.spec.security_context.fs_group {
        std::os::unix::fs::chown(place, None, Some(group))?;
        mode = 0o2777;
    }
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode))
}

fn host_path(source: &Value) -> Result<PathBuf, String> {
    let path = PathBuf::from(source["path"].as_str().unwrap_or_default());
    let meta = std::fs::metadata(&path);
    let is = |test: fn(&std::fs::Metadata) -> bool| meta.as_ref().is_ok_and(test);
    let kind = source["type"].as_str().unwrap_or_default();
    let fits = match kind {
        "DirectoryOrCreate" if meta.is_err() => std::fs::create_dir_all(&path).is_ok(),
        "FileOrCreate" if meta.is_err() => std::fs::File::create_new(&path).is_ok(),
        "Directory" | "DirectoryOrCreate" => is(std::fs::Metadata::is_dir),
        "File" | "FileOrCreate" => is(std::fs::Metadata::is_file),
        // Docker's habit, which upstream kept: what is not there is made as a directory.
        "" => meta.is_ok() || std::fs::create_dir_all(&path).is_ok(),
        _ => meta.is_ok(),
    };
    if fits { Ok(path) } else { Err(format!("hostPath type check failed: {} is not a {kind}", path.display())) }
}

/// The bind mounts of one container.
pub fn binds(
    container: &Container,
    places: &HashMap<String, PathBuf>,
    pod: &Pod,
    env: &[(String, String)],
) -> Result<Vec<Bind>, ConfigError> {
    container.volume_mounts.iter().map(|m| bind(m, places, pod, env)).collect()
}

fn bind(
    wanted: &VolumeMount,
    places: &HashMap<String, PathBuf>,
    pod: &Pod,
    env: &[(String, String)],
) -> Result<Bind, ConfigError> {
    let root = places.get(&wanted.name).ok_or_else(|| ConfigError::Other(format!("volume \"{}\" not found", wanted.name)))?;
    let expanded = crate::env::expand(&wanted.sub_path_expr, env);
    let below = if wanted.sub_path.is_empty() { expanded.as_str() } else { wanted.sub_path.as_str() };
    let source = if below.is_empty() { root.clone() } else { sub_path(root, below)? };
    let volume = pod.spec.volumes.iter().find(|v| v["name"] == wanted.name.as_str());
    let from_material = volume.is_some_and(|v| FILE_KINDS.iter().any(|kind| v.get(*kind).is_some()));
    let target = if wanted.mount_path.starts_with('/') { wanted.mount_path.clone() } else { format!("/{}", wanted.mount_path) };
    Ok(Bind {
        source: source.to_string_lossy().into_owned(),
        target: target.trim_end_matches('/').to_owned(),
        read_only: wanted.read_only || from_material,
    })
}

/// A place below a volume that does not lead out of it, neither by `..` nor by a symbolic link.
fn sub_path(root: &Path, below: &str) -> Result<PathBuf, ConfigError> {
    let refuse = || ConfigError::Other(format!("subPath \"{below}\" leads out of the volume"));
    if !Path::new(below).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(refuse());
    }
    let full = root.join(below);
    if !full.exists() {
        std::fs::create_dir_all(&full)
            .map_err(|e| ConfigError::Other(format!("failed to create subPath directory for volumeMount: {e}")))?;
    }
    let (root, full) = (root.canonicalize(), full.canonicalize());
    match (root, full) {
        (Ok(root), Ok(full)) if full.starts_with(&root) => Ok(full),
        _ => Err(refuse()),
    }
}

/// Removes a pod's directory with everything mounted in it.
pub fn tear_down(dir: &Path) {
    if let Ok(entries) = std::fs::read_dir(dir.join("volumes")) {
        for entry in entries.flatten() {
            umount2(&entry.path(), MntFlags::MNT_DETACH).ok();
        }
    }
    if let Err(error) = std::fs::remove_dir_all(dir)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, dir = %dir.display(), "pod directory stays behind");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_paths_stay_inside() {
        let dir = tempfile::tempdir().expect("dir");
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).expect("link");
        assert!(sub_path(dir.path(), "a/b").is_ok());
        assert!(sub_path(dir.path(), "../x").is_err());
        assert!(sub_path(dir.path(), "out").is_err());
        assert!(sub_path(dir.path(), "/etc").is_err());
    }
}
