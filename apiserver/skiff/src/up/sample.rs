//! The sample function as an image: a folder with one static executable, links by which `kubectl exec` calls its applets, and
//! the image's configuration, packed and imported without any registry. Equal executables give equal digests.
//!
//! Fed by `up`'s sequence with containerd running.

use super::house::House;
use super::{NAMESPACE, SAMPLE_IMAGE};
use crate::args::Up;
use crate::layout;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Names in the image's `/bin`: the sample's applets, and the sample itself.
const LINKS: [&str; 9] = ["cat", "echo", "env", "false", "hello", "hostname", "ls", "sleep", "true"];
/// The image's OCI configuration.
const CONFIG: &str = r#"{"Entrypoint":["/hello"],"Env":["PATH=/bin"],"ExposedPorts":{"8080/tcp":{}},"WorkingDir":"/"}"#;

/// Imports it, unless the same one is there already.
pub async fn import(args: &Up, house: &House) -> anyhow::Result<()> {
    let program = match find(args) {
        Ok(program) => program,
        Err(error) if args.sample.is_some() || args.try_it => return Err(error),
        Err(error) => {
            house.say.step("sample", &format!("{error:#}; going on without {SAMPLE_IMAGE}"));
            return Ok(());
        }
    };
    let bytes = layout::read(&program)?;
    let mark = hex::encode(Sha256::new().chain_update(&bytes).chain_update(CONFIG).chain_update(LINKS.concat()).finalize());
    let (socket, marked) = (house.layout.socket(), house.layout.containerd("sample.sha256"));
    let known = skiff_kubelet::image::list(&socket, NAMESPACE).await?;
    if known.iter().any(|(name, _)| name == SAMPLE_IMAGE) && std::fs::read_to_string(&marked).is_ok_and(|was| was == mark) {
        house.say.step("sample", &format!("{SAMPLE_IMAGE} is there"));
        return Ok(());
    }
    let folder = house.layout.containerd("sample");
    lay_out(&folder, &bytes).with_context(|| format!("{}", folder.display()))?;
    skiff_kubelet::image::import(&socket, NAMESPACE, &folder, Some(SAMPLE_IMAGE)).await.context("sample image")?;
    std::fs::remove_dir_all(&folder).ok();
    layout::write_private(&marked, mark.as_bytes())?;
    house.say.step("sample", &format!("{SAMPLE_IMAGE} imported"));
    Ok(())
}

/// As asked; else beside this program, or where `make sample` puts it.
fn find(args: &Up) -> anyhow::Result<PathBuf> {
    if let Some(asked) = &args.sample {
        if !is_static(&layout::read(asked)?) {
            bail!("{} is not a static executable: nothing else is in its image; build it with `make sample`", asked.display());
        }
        return Ok(asked.clone());
    }
    let own = std::env::current_exe().context("where this program lies")?;
    let folder = own.parent().unwrap_or(Path::new("/"));
    let places = [folder.join("skiff-hello"), folder.join("../sample/skiff-hello")];
    let found = places.into_iter().find(|place| std::fs::read(place).is_ok_and(|bytes| is_static(&bytes)));
    found.context("no static skiff-hello beside this program: build it with `make sample`, or name one with --sample")
}

fn lay_out(folder: &Path, program: &[u8]) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin)?;
    // Whatever the umask is, the image is the same, and good for any user in it.
    std::fs::set_permissions(&bin, PermissionsExt::from_mode(0o755))?;
    std::fs::write(folder.join("hello"), program)?;
    std::fs::set_permissions(folder.join("hello"), PermissionsExt::from_mode(0o755))?;
    for link in LINKS {
        symlink("../hello", bin.join(link))?;
    }
    std::fs::create_dir(folder.join("tmp"))?;
    std::fs::set_permissions(folder.join("tmp"), PermissionsExt::from_mode(0o1777))?;
    std::fs::write(folder.join(".skiff.json"), CONFIG)
}

/// A 64-bit ELF executable that names no interpreter (`PT_INTERP`).
fn is_static(bytes: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(size)?)?;
        Some(field.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    };
    let headers = || Some((number(32, 8)?, number(54, 2)?, number(56, 2)?));
    let Some((offset, size, count)) = headers().filter(|_| bytes.starts_with(b"\x7fELF\x02\x01")) else { return false };
    let kind = |n: usize| number(offset.checked_add(n.checked_mul(size)?)?, 4);
    (0..count).all(|n| kind(n).is_some_and(|kind| kind != PT_INTERP as usize))
}

#[cfg(test)]
mod tests {
    use super::is_static;

    #[test]
    fn a_test_binary_needs_its_loader() {
        let own = std::fs::read(std::env::current_exe().expect("path")).expect("bytes");
        assert!(!is_static(&own));
        assert!(!is_static(b"#!/bin/sh\n"));
    }
}
