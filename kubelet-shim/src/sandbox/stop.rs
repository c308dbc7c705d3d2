//! Stops one container: preStop hook, stop signal, grace, kill. The end itself comes as an event.

use super::{Sandbox, hook};
use crate::node::{Live, Node};
use crate::pod::Container;
use crate::probe::Checker;
use crate::runtime::images::ImageInfo;
use nix::sys::signal::Signal as Unix;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SIGTERM: u32 = 15;
const SIGKILL: u32 = 9;

/// The signal that asks a container to stop: of the pod, of the image, or SIGTERM.
pub fn signal(container: &Container, image: &ImageInfo) -> u32 {
    [&container.lifecycle.stop_signal, &image.config.stop_signal].into_iter().find_map(|name| number(name)).unwrap_or(SIGTERM)
}

fn number(name: &str) -> Option<u32> {
    if let Some(offset) = name.trim_start_matches("SIG").strip_prefix("RTMIN") {
        return Some(34 + offset.trim_start_matches('+').parse::<u32>().unwrap_or(0)).filter(|n| *n <= 64);
    }
    let named = Unix::from_str(name).or_else(|_| Unix::from_str(&format!("SIG{name}")));
    named.ok().and_then(|s| u32::try_from(s as i32).ok()).or_else(|| name.parse().ok())
}

impl Sandbox {
    /// Stops a running container within `grace_seconds`. Asked again with a shorter grace, it hurries.
    pub(super) fn stop(&mut self, index: usize, grace_seconds: u32) {
        let id = self.entry.containers[index].container_id.clone();
        if self.exiting.contains(&id) {
            return;
        }
        let mut first = true;
        if let Some((running, grace)) = self.stopping.get(&id) {
            if *grace <= grace_seconds {
                return;
            }
            running.abort();
            first = false;
        }
        let name = &self.entry.containers[index].name;
        let live = self.node.live.lock().get(&(self.entry.create.key, name.clone())).cloned();
        let container = super::start::container(&self.revision, index);
        let (Some(live), Some(container)) = (live, container) else { return };
        // The hook has run, or runs, if this is the second time.
        let hook = container.lifecycle.pre_stop.clone().filter(|_| first);
        let checker = hook::checker(&self.node, self.address(), container, &live);
        let task = tokio::spawn(run(self.node.clone(), live, checker, hook, grace_seconds));
        self.stopping.insert(id, (task.abort_handle(), grace_seconds));
    }
}

async fn run(node: Arc<Node>, live: Live, checker: Checker, hook: Option<crate::pod::Handler>, grace_seconds: u32) {
    let deadline = Instant::now() + Duration::from_secs(grace_seconds.into());
    if let Some(handler) = hook.filter(|_| grace_seconds > 0) {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Err(message) = hook::run(&checker, &handler, left).await {
            tracing::warn!(%message, "PreStopHook failed");
        }
    }
    if grace_seconds > 0 {
        if let Err(error) = node.runtime.kill(&live.id, "", live.stop_signal, false).await {
            tracing::warn!(%error, "stop signal is not delivered");
        }
        // Upstream grants two seconds to a container whose hook used all of its grace.
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_secs(2).min(Duration::from_secs(grace_seconds.into())));
        tokio::time::sleep(left).await;
    }
    loop {
        if let Err(error) = node.runtime.kill(&live.id, "", SIGKILL, true).await {
            tracing::warn!(%error, "kill is not delivered");
        }
        // The task is aborted when the end was seen; an end that was missed shows in the list of tasks.
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn signal_names() {
        for (name, want) in
            [("SIGQUIT", Some(3)), ("QUIT", Some(3)), ("9", Some(9)), ("SIGRTMIN+3", Some(37)), ("", None), ("X", None)]
        {
            assert_eq!(number(name), want, "{name}");
        }
    }
}
