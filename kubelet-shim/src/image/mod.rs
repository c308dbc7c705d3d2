//! Images without a registry: an OCI archive, a folder or one static executable becomes an image in containerd, unpacked and
//! ready to run. Everything goes through containerd's gRPC services that 1.6 and 2.x share (content, images, diff, snapshots).

pub(crate) mod content;
mod document;
mod import;
mod pack;
pub(crate) mod unpack;

pub(crate) use document::{ImageConfig, architecture};
pub(crate) use import::full_name;

use crate::runtime::{Containerd, RuntimeError};
use std::path::{Path, PathBuf};

/// Why an image could not be brought in or listed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// containerd refused.
    #[error("containerd: {0}")]
    Containerd(String),
    /// A file could not be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no image that can be used here.
    #[error("{0}")]
    Unusable(String),
}

impl From<RuntimeError> for ImageError {
    fn from(error: RuntimeError) -> Self {
        ImageError::Containerd(error.to_string())
    }
}

impl From<containerd_client::tonic::Status> for ImageError {
    fn from(status: containerd_client::tonic::Status) -> Self {
        ImageError::Containerd(status.message().to_owned())
    }
}

/// Snapshotter that [`import`] unpacks into.
pub const SNAPSHOTTER: &str = "overlayfs";

/// Brings `path` into containerd and unpacks it; the names it can be run under are returned.
///
/// `path` is an OCI archive (tar), a folder that becomes the only layer (its `.skiff.json`, if any, is the image's OCI
/// `config` object; else a single executable at its top is the entrypoint), or an ELF executable (static, as there is
/// nothing else in the image). `name` names a folder's or executable's image, and overrides the names in an archive of one.
///
/// # Errors
/// When the file is unreadable or no image, or containerd refuses.
pub async fn import(socket: &Path, namespace: &str, path: &Path, name: Option<&str>) -> Result<Vec<String>, ImageError> {
    let runtime = Containerd::connect(socket, namespace, SNAPSHOTTER, "", None).await?;
    import::import(&runtime, path, name).await
}

/// Names of the images in a namespace and their compressed sizes in bytes.
///
/// # Errors
/// When containerd refuses.
pub async fn list(socket: &Path, namespace: &str) -> Result<Vec<(String, u64)>, ImageError> {
    let runtime = Containerd::connect(socket, namespace, SNAPSHOTTER, "", None).await?;
    content::list_sized(&runtime).await
}
