//! A folder or one executable becomes an OCI archive: one layer, owner root, no times, so that equal input gives equal digests.

use super::ImageError;
use super::document::{Config, Descriptor, ImageConfig, Index, Manifest, Platform, RootFs, architecture, digest};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// File in a folder that holds the image's OCI `config` object; not part of the layer.
const CONFIG_FILE: &str = ".skiff.json";
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A file that is removed with the value.
pub struct Temporary(PathBuf);

impl Temporary {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

pub fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// Packs `source` as an archive of one image called `name`.
pub fn pack(source: &Path, name: &str) -> Result<Temporary, ImageError> {
    let file_error = |source: &Path| {
        let path = source.to_owned();
        move |source| ImageError::File { path, source }
    };
    let config = process_of(source).map_err(file_error(source))?;
    let layer = layer(source).map_err(file_error(source))?;
    let config = Config {
        architecture: architecture().to_owned(),
        os: "linux".to_owned(),
        config,
        rootfs: RootFs { r#type: "layers".to_owned(), diff_ids: vec![digest(&layer)] },
    };
    let json = |e: serde_json::Error| ImageError::Unusable(e.to_string());
    let config = serde_json::to_vec(&config).map_err(json)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: super::document::MANIFEST_TYPES[0].to_owned(),
        config: described("application/vnd.oci.image.config.v1+json", &config),
        layers: vec![described("application/vnd.oci.image.layer.v1.tar", &layer)],
    };
    let manifest = serde_json::to_vec(&manifest).map_err(json)?;
    let mut entry = described(super::document::MANIFEST_TYPES[0], &manifest);
    entry.platform = Some(Platform { architecture: architecture().to_owned(), os: "linux".to_owned() });
    entry.annotations.insert("io.containerd.image.name".to_owned(), super::import::full_name(name));
    let index = Index { schema_version: 2, media_type: super::document::INDEX_TYPES[0].to_owned(), manifests: vec![entry] };
    let index = serde_json::to_vec(&index).map_err(json)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("skiff-image-{}-{number}.tar", std::process::id()));
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(file_error(&path))?;
    let temporary = Temporary(path.clone());
    write_archive(file, &index, [&manifest, &config, &layer]).map_err(file_error(&path))?;
    Ok(temporary)
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest(bytes),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        ..Descriptor::default()
    }
}

fn write_archive(file: std::fs::File, index: &[u8], blobs: [&Vec<u8>; 3]) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(file);
    let mut put = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes)
    };
    put("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    put("index.json", index)?;
    for blob in blobs {
        put(&format!("blobs/sha256/{}", &digest(blob)["sha256:".len()..]), blob)?;
    }
    tar.into_inner()?.flush()
}

fn process_of(source: &Path) -> std::io::Result<ImageConfig> {
    let mut config = ImageConfig { working_dir: "/".to_owned(), ..ImageConfig::default() };
    config.env = Some(vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()]);
    if source.is_file() {
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        config.entrypoint = Some(vec![format!("/{name}")]);
        return Ok(config);
    }
    if let Ok(text) = std::fs::read(source.join(CONFIG_FILE)) {
        return Ok(serde_json::from_slice(&text)?);
    }
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_file() && meta.permissions().mode() & 0o111 != 0 {
            programs.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    if let [only] = programs.as_slice() {
        config.entrypoint = Some(vec![format!("/{only}")]);
    }
    Ok(config)
}

fn layer(source: &Path) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    if source.is_file() {
        let mut header = header_of(&std::fs::metadata(source)?);
        header.set_mode(0o755);
        tar.append_data(&mut header, source.file_name().unwrap_or_default(), std::fs::File::open(source)?)?;
    } else {
        append_folder(&mut tar, source, Path::new(""))?;
    }
    tar.into_inner()
}

fn header_of(meta: &std::fs::Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_metadata_in_mode(meta, tar::HeaderMode::Deterministic);
    // The deterministic mode keeps only "executable or not"; setuid, sticky and private modes matter in an image.
    header.set_mode(meta.permissions().mode() & 0o7777);
    header.set_mtime(0);
    header
}

fn append_folder(tar: &mut tar::Builder<Vec<u8>>, root: &Path, below: &Path) -> std::io::Result<()> {
    let mut names: Vec<_> = std::fs::read_dir(root.join(below))?.map(|e| e.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    names.sort();
    for name in names {
        if below.as_os_str().is_empty() && name == CONFIG_FILE {
            continue;
        }
        let inside = below.join(&name);
        let full = root.join(&inside);
        let meta = std::fs::symlink_metadata(&full)?;
        let mut header = header_of(&meta);
        if meta.is_symlink() {
            header.set_size(0);
            tar.append_link(&mut header, &inside, std::fs::read_link(&full)?)?;
        } else if meta.is_dir() {
            header.set_size(0);
            tar.append_data(&mut header, &inside, std::io::empty())?;
            append_folder(tar, root, &inside)?;
        } else if meta.is_file() {
            tar.append_data(&mut header, &inside, std::fs::File::open(&full)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_input_gives_equal_layers() {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::write(dir.path().join("run"), "x").expect("file");
        std::fs::set_permissions(dir.path().join("run"), PermissionsExt::from_mode(0o755)).expect("mode");
        std::os::unix::fs::symlink("run", dir.path().join("link")).expect("link");
        let first = layer(dir.path()).expect("layer");
        assert_eq!(first, layer(dir.path()).expect("layer"));
        assert_eq!(process_of(dir.path()).expect("config").entrypoint, Some(vec!["/run".to_owned()]));
    }
}
