//! `skiff image`: images without a registry.

use crate::args::{Image, ImageAsk, ImagePlace};
use crate::layout::Layout;
use anyhow::{Context, bail};
use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Does what is asked and ends.
pub async fn run(args: Image) -> anyhow::Result<()> {
    match args.ask {
        ImageAsk::Import { path, name, place } => import(&path, name, &place).await,
        ImageAsk::List { place } => {
            let socket = socket(&place)?;
            for (name, bytes) in skiff_kubelet::image::list(&socket, &place.namespace).await? {
                println!("{bytes:>12}  {name}");
            }
            Ok(())
        }
    }
}

async fn import(path: &Path, name: Option<String>, place: &ImagePlace) -> anyhow::Result<()> {
    let path = path.canonicalize().with_context(|| format!("{}", path.display()))?;
    let socket = socket(place)?;
    let name = name.or_else(|| default_name(&path));
    for name in skiff_kubelet::image::import(&socket, &place.namespace, &path, name.as_deref()).await? {
        println!("{name}");
    }
    Ok(())
}

/// An archive brings its names along; a folder or an executable is called after its file.
fn default_name(path: &Path) -> Option<String> {
    if !path.is_dir() && !is_executable(path) {
        return None;
    }
    let stem = path.file_stem()?.to_string_lossy().to_lowercase();
    let plain = stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let ends = stem.starts_with(|c: char| c.is_ascii_alphanumeric()) && stem.ends_with(|c: char| c.is_ascii_alphanumeric());
    (plain && ends).then(|| format!("skiff.local/{stem}:latest"))
}

fn is_executable(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

fn socket(place: &ImagePlace) -> anyhow::Result<PathBuf> {
    let socket = match &place.containerd_socket {
        Some(socket) => socket.clone(),
        None => Layout::find(&place.data_dir)?.socket(),
    };
    match UnixStream::connect(&socket) {
        Ok(_) => Ok(socket),
        Err(error) => bail!(
            "no containerd at {}: {error}; start `skiff up` with containerd nodes, or name its --data-dir",
            socket.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_executables_lend_their_names() {
        let here = std::env::current_exe().expect("this test");
        assert!(default_name(&here).is_some_and(|name| name.starts_with("skiff.local/skiff-")));
        assert!(default_name(&std::env::temp_dir()).is_some());
        assert_eq!(default_name(Path::new("/etc/hostname")), None);
    }
}
