//! Where everything lies in the data folder. Names that scripts rest on (`admin.kubeconfig`, `admin.token`, `ca.crt`) are
//! written here and nowhere else.
//!
//! Fed with the folder's path; makes folders and writes files whole. Must not know what is in them.

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest path of a socket that every program here takes: the kernel's 108 bytes less what libraries keep for themselves.
const SOCKET_BYTES_MAX: usize = 104;
/// containerd puts a second socket beside the first, with this added to its name.
const TTRPC: &str = ".ttrpc";

/// A data folder.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
    mark: String,
}

impl Layout {
    /// The folder, made if it does not exist.
    pub fn make(dir: &Path) -> anyhow::Result<Self> {
        private_dir(dir)?;
        Self::find(dir)
    }

    /// The folder, which must exist.
    pub fn find(dir: &Path) -> anyhow::Result<Self> {
        let root = dir.canonicalize().with_context(|| format!("data folder {}", dir.display()))?;
        let mark = hex::encode(&Sha256::digest(root.as_os_str().as_bytes())[..4]);
        Ok(Self { root, mark })
    }

    /// The folder itself, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder directly in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Certificate (`crt`), key (`key`) or note of one identity.
    pub fn pki(&self, stem: &str, suffix: &str) -> PathBuf {
        self.root.join("pki").join(format!("{stem}.{suffix}"))
    }

    /// Log of one process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// Process id of one child.
    pub fn pid(&self, name: &str) -> PathBuf {
        self.root.join("run").join(format!("{name}.pid"))
    }

    /// containerd's folder.
    pub fn containerd(&self, name: &str) -> PathBuf {
        self.root.join("containerd").join(name)
    }

    /// Folder of containerd's socket: its own one, or a short one where that path would be too long for a socket.
    pub fn socket_dir(&self) -> PathBuf {
        let long = self.containerd("containerd.sock");
        if long.as_os_str().len() + TTRPC.len() <= SOCKET_BYTES_MAX {
            return self.root.join("containerd");
        }
        PathBuf::from(format!("/run/skiff-{}", self.mark))
    }

    /// containerd's socket.
    pub fn socket(&self) -> PathBuf {
        self.socket_dir().join("containerd.sock")
    }

    /// Name of the sandboxes' bridge: two data folders on one machine must not share it, and 15 bytes are all there is.
    pub fn bridge(&self) -> String {
        format!("skiff{}", self.mark)
    }

    /// Takes the folder for this process.
    pub fn lock(&self) -> anyhow::Result<Flock<File>> {
        let path = self.at("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("{}", path.display()))?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => anyhow::anyhow!(
                "another `skiff up` uses {}: stop it first, or choose another folder with --data-dir",
                self.root.display()
            ),
            other => anyhow::anyhow!("lock {}: {other}", path.display()),
        })
    }
}

/// Makes a folder and its parents, for the owner only.
pub fn private_dir(dir: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| format!("cannot make folder {}", dir.display()))
}

/// Writes a file whole or not at all, for the owner only.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let Some(name) = path.file_name() else { bail!("{} is no file name", path.display()) };
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(".new");
    let beside = path.with_file_name(beside);
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a file that the data folder must hold.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(root: &str) -> Layout {
        Layout { root: PathBuf::from(root), mark: "0123abcd".to_owned() }
    }

    #[test]
    fn a_long_folder_gets_a_short_socket() {
        assert_eq!(of("/a/.skiff").socket(), Path::new("/a/.skiff/containerd/containerd.sock"));
        let long = format!("/{}", "x".repeat(90));
        assert_eq!(of(&long).socket(), Path::new("/run/skiff-0123abcd/containerd.sock"));
    }

    #[test]
    fn a_bridge_fits_into_an_interface_name() {
        assert!(of("/a").bridge().len() <= 15);
    }
}
