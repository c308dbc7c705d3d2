//! From an image name to what a container needs of it, remembered until containerd says that images changed.

use super::containerd::Containerd;
use super::users::{self, User, UserError};
use crate::image::{ImageConfig, ImageError, content, full_name, unpack};
use containerd_client::types::Mount;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Images that are remembered; beyond, all are forgotten and looked up again.
const REMEMBERED_MAX: usize = 1024;

/// What is known of an image.
#[derive(Debug)]
pub struct ImageInfo {
    pub name: String,
    /// `repository@sha256:…`, or the digest alone where the name has none.
    pub reference: String,
    /// Topmost snapshot.
    pub chain: String,
    pub config: ImageConfig,
    // Users found in its files, by what was asked.
    users: Mutex<HashMap<String, User>>,
}

/// The remembered images.
#[derive(Default)]
pub struct Images(Mutex<HashMap<String, Arc<ImageInfo>>>);

impl Images {
    /// Forgets: the next look-up asks containerd.
    pub fn forget(&self) {
        self.0.lock().clear();
    }

    /// `None` if the node has no such image.
    pub async fn find(&self, runtime: &Containerd, name: &str) -> Result<Option<Arc<ImageInfo>>, ImageError> {
        if let Some(known) = self.0.lock().get(name) {
            return Ok(Some(known.clone()));
        }
        let full = full_name(name);
        let mut target = content::target(runtime, name).await?;
        if target.is_none() && full != name {
            target = content::target(runtime, &full).await?;
        }
        let Some(target) = target else { return Ok(None) };
        let manifest = content::manifest(runtime, &target).await?;
        let (config, chain) = unpack::unpack(runtime, &manifest).await?;
        let repository = full.split('@').next().unwrap_or(&full);
        let repository = match repository.rfind(':') {
            Some(colon) if !repository[colon..].contains('/') => &repository[..colon],
            _ => repository,
        };
        let info = Arc::new(ImageInfo {
            name: full.clone(),
            reference: format!("{repository}@{}", target.digest),
            chain,
            config: config.config,
            users: Mutex::default(),
        });
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(name.to_owned(), info.clone());
        Ok(Some(info))
    }
}

impl ImageInfo {
    /// The user called `wanted`, if it was looked up before.
    pub fn known_user(&self, wanted: &str) -> Option<User> {
        self.users.lock().get(wanted).cloned()
    }

    /// The user called `wanted` in this image; `mounts` are those of any snapshot of it.
    pub fn user(&self, wanted: &str, mounts: &[Mount]) -> Result<User, UserError> {
        if let Some(user) = self.users.lock().get(wanted) {
            return Ok(user.clone());
        }
        let layers = users::layers(mounts);
        let passwd = users::read_file(&layers, "etc/passwd").unwrap_or_default();
        let group = users::read_file(&layers, "etc/group").unwrap_or_default();
        let user = users::resolve(wanted, &passwd, &group)?;
        self.users.lock().insert(wanted.to_owned(), user.clone());
        Ok(user)
    }
}
