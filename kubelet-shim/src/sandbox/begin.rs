//! What all containers of a sandbox share: network, volumes, the files in `/etc`.

use super::{Sandbox, Setup, now_ms};
use crate::network::is_namespace;
use crate::volume::{self, etc};
use std::sync::Arc;
use std::time::Instant;

/// Milliseconds until a failed set-up is tried again; a template that is sent again does it at once.
const RETRY_MS: u64 = 2000;

impl Sandbox {
    /// Sets up what is not there yet.
    pub(super) async fn set_up(&mut self) {
        self.setup = match self.try_set_up().await {
            Ok(()) => Setup::Done,
            Err(message) => {
                tracing::warn!(pod = %self.entry.create.name, %message, "sandbox is not set up");
                Setup::Failed { message, retry_ms: now_ms() + RETRY_MS }
            }
        };
    }

    async fn try_set_up(&mut self) -> Result<(), String> {
        if self.entry.containers.is_empty() {
            return Err("the pod template has no containers".to_owned());
        }
        if let Some(field) = self.revision.pod.unsupported() {
            return Err(format!("{field} is not supported on this node"));
        }
        // After a reboot the file of a namespace is there, but the namespace is not.
        let lost = self.entry.network.as_ref().is_some_and(|(netns, _)| !is_namespace(netns));
        if lost && let Some(attached) = self.attached() {
            self.node.network.detach(attached).await;
            self.entry.network = None;
        }
        if self.entry.network.is_none() && !self.revision.pod.spec.host_network {
            let attached = self.node.network.attach(self.entry.create.slot).await.map_err(|e| e.to_string())?;
            *self.handle.netns.lock() = Some(attached.netns.clone());
            self.entry.network = Some((attached.netns, attached.address));
        }
        self.timing.network.get_or_insert_with(Instant::now);
        self.refresh_files()
    }

    /// Volumes and files in `/etc`, as the template has them now. Small writes to the page cache: quicker than a thread.
    pub(super) fn refresh_files(&mut self) -> Result<(), String> {
        let (dir, facts) = (self.dir(), self.facts());
        let Self { revision, node, .. } = self;
        let places = volume::set_up(&revision.pod, &revision.material, &facts, &dir).map_err(|e| e.to_string())?;
        etc::write(&revision.pod, &facts, &node.settings, &dir).map_err(|e| e.to_string())?;
        self.places = Arc::new(places);
        Ok(())
    }
}
