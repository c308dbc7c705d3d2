//! Archive to containerd: blobs into the content store with the references that keep them, names, snapshots.

use super::document::{Descriptor, INDEX_TYPES, Index, Manifest};
use super::{ImageError, content, pack, unpack};
use crate::runtime::Containerd;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Entries of an archive that are looked at; a larger one is refused.
const ENTRIES_MAX: usize = 10_000;

/// Digest to offset and length in bytes.
type Blobs = HashMap<String, (u64, u64)>;

/// An archive on disk: where each blob lies.
struct Archive {
    path: PathBuf,
    blobs: Blobs,
    index: Index,
    // A packed folder's archive is removed with this value.
    _temporary: Option<pack::Temporary>,
}

pub async fn import(runtime: &Containerd, path: &Path, name: Option<&str>) -> Result<Vec<String>, ImageError> {
    let (from, wanted) = (path.to_owned(), name.map(str::to_owned));
    let archive = tokio::task::spawn_blocking(move || open(&from, wanted.as_deref()))
        .await
        .map_err(|e| ImageError::Unusable(e.to_string()))??;
    let lease = unpack::lease(runtime).await?;
    let done = entries(runtime, &lease, &archive, name).await;
    unpack::release(runtime, &lease).await;
    done
}

fn open(path: &Path, name: Option<&str>) -> Result<Archive, ImageError> {
    let file_error = |source| ImageError::File { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(file_error)?;
    let temporary = if meta.is_dir() || pack::is_elf(path) {
        let name = name.ok_or_else(|| ImageError::Unusable(format!("{} needs a name for its image", path.display())))?;
        Some(pack::pack(path, name)?)
    } else {
        None
    };
    let at = temporary.as_ref().map_or(path, |t| t.path());
    let (blobs, index) = scan(at)?;
    Ok(Archive { path: at.to_owned(), blobs, index, _temporary: temporary })
}

fn scan(path: &Path) -> Result<(Blobs, Index), ImageError> {
    let file_error = |source| ImageError::File { path: path.to_owned(), source };
    let mut tar = tar::Archive::new(File::open(path).map_err(file_error)?);
    let (mut blobs, mut index) = (Blobs::new(), None);
    for (number, entry) in tar.entries_with_seek().map_err(file_error)?.enumerate() {
        let mut entry = entry.map_err(file_error)?;
        if number >= ENTRIES_MAX {
            return Err(ImageError::Unusable(format!("{} has more than {ENTRIES_MAX} entries", path.display())));
        }
        let name = entry.path().map_err(file_error)?.to_string_lossy().trim_start_matches("./").to_owned();
        if name == "index.json" {
            let mut bytes = Vec::new();
            entry.by_ref().take(1 << 20).read_to_end(&mut bytes).map_err(file_error)?;
            index = Some(content::parse::<Index>(&bytes, "index.json")?);
        } else if let Some(digest) = name.strip_prefix("blobs/sha256/") {
            blobs.insert(format!("sha256:{digest}"), (entry.raw_file_position(), entry.size()));
        }
    }
    let index = index.ok_or_else(|| {
        ImageError::Unusable(format!("{} is no OCI archive (no index.json); docker-archives are not supported", path.display()))
    })?;
    Ok((blobs, index))
}

async fn entries(runtime: &Containerd, lease: &str, archive: &Archive, name: Option<&str>) -> Result<Vec<String>, ImageError> {
    let mut names = Vec::new();
    for entry in &archive.index.manifests {
        let own = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
            .iter()
            .find_map(|key| entry.annotations.get(*key).cloned());
        let name = match (name, own) {
            (Some(name), _) if archive.index.manifests.len() == 1 => full_name(name),
            (_, Some(own)) => full_name(&own),
            _ => return Err(ImageError::Unusable("an image in the archive has no name".to_owned())),
        };
        store_tree(runtime, lease, archive, entry).await?;
        let manifest = content::manifest(runtime, entry).await?;
        unpack::unpack(runtime, &manifest).await?;
        content::name(runtime, &name, &Descriptor { annotations: Default::default(), ..entry.clone() }).await?;
        names.push(name);
    }
    Ok(names)
}

// Children first: containerd's references lead downwards, and a parent names what it needs.
async fn store_tree(runtime: &Containerd, lease: &str, archive: &Archive, top: &Descriptor) -> Result<(), ImageError> {
    let mut order = vec![(top.clone(), Vec::new())];
    let mut next = 0;
    while next < order.len() {
        let at = order[next].0.clone();
        let children = children(archive, &at)?;
        order[next].1 = children.iter().map(|c| c.digest.clone()).collect();
        order.extend(children.into_iter().map(|c| (c, Vec::new())));
        next += 1;
        if order.len() > ENTRIES_MAX {
            return Err(ImageError::Unusable("image has too many parts".to_owned()));
        }
    }
    for (part, children) in order.iter().rev() {
        let Some((offset, length)) = archive.blobs.get(&part.digest).copied() else {
            return Err(ImageError::Unusable(format!("archive lacks blob {}", part.digest)));
        };
        let labels = children
            .iter()
            .enumerate()
            .map(|(n, digest)| (format!("containerd.io/gc.ref.content.{n}"), digest.clone()))
            .collect();
        let file_error = |source| ImageError::File { path: archive.path.clone(), source };
        let mut file = File::open(&archive.path).map_err(file_error)?;
        file.seek(SeekFrom::Start(offset)).map_err(file_error)?;
        let sized = Descriptor { size: i64::try_from(length).unwrap_or(0), ..part.clone() };
        content::write(runtime, lease, &sized, labels, file.take(length)).await?;
    }
    Ok(())
}

/// What a part refers to and the archive holds (an index may name platforms that are not in it).
fn children(archive: &Archive, part: &Descriptor) -> Result<Vec<Descriptor>, ImageError> {
    if INDEX_TYPES.contains(&part.media_type.as_str()) {
        let index: Index = content::parse(&blob(archive, &part.digest)?, "index")?;
        return Ok(index.manifests.into_iter().filter(|m| archive.blobs.contains_key(&m.digest)).collect());
    }
    if super::document::MANIFEST_TYPES.contains(&part.media_type.as_str()) {
        let manifest: Manifest = content::parse(&blob(archive, &part.digest)?, "manifest")?;
        let mut parts = vec![manifest.config];
        parts.extend(manifest.layers);
        return Ok(parts);
    }
    Ok(Vec::new())
}

fn blob(archive: &Archive, digest: &str) -> Result<Vec<u8>, ImageError> {
    let Some((offset, length)) = archive.blobs.get(digest).copied() else {
        return Err(ImageError::Unusable(format!("archive lacks blob {digest}")));
    };
    let read = || {
        let mut file = File::open(&archive.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length.min(8 << 20)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| ImageError::File { path: archive.path.clone(), source })
}

/// `busybox` → `docker.io/library/busybox:latest`, as upstream completes names.
pub fn full_name(name: &str) -> String {
    let (path, digest) = name.split_once('@').map_or((name, None), |(p, d)| (p, Some(d)));
    let first = path.split('/').next().unwrap_or_default();
    let has_host = path.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let mut full = match (has_host, path.contains('/')) {
        (true, _) => path.to_owned(),
        (false, true) => format!("docker.io/{path}"),
        (false, false) => format!("docker.io/library/{path}"),
    };
    let tagged = full.rsplit('/').next().is_some_and(|last| last.contains(':'));
    match digest {
        Some(digest) => full = format!("{full}@{digest}"),
        None if !tagged => full.push_str(":latest"),
        None => {}
    }
    full
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn names_are_completed_as_upstream_does() {
        for (given, full) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1", "docker.io/library/busybox:1"),
            ("me/app", "docker.io/me/app:latest"),
            ("localhost/hello:1", "localhost/hello:1"),
            ("dev.local/app", "dev.local/app:latest"),
            ("host:5000/app:2", "host:5000/app:2"),
            ("ghcr.io/a/b@sha256:00", "ghcr.io/a/b@sha256:00"),
        ] {
            assert_eq!(full_name(given), full);
        }
    }
}
