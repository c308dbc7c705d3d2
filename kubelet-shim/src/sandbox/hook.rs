//! Lifecycle hooks: the same actions as probes, and sleeping.

use crate::node::{Live, Node};
use crate::pod::{Container, Handler};
use crate::probe::{Checker, Target};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Longest run of a postStart hook. Upstream has no bound; without one a hanging hook would hold a start's turn for ever.
pub const TIME_MAX: Duration = Duration::from_secs(120);

/// The means to reach a container.
pub fn checker(node: &Node, address: Ipv4Addr, container: &Container, live: &Live) -> Checker {
    Checker {
        target: Target {
            address,
            container: Arc::new(container.clone()),
            container_id: live.id.clone(),
            process: live.process.clone(),
        },
        runtime: node.runtime.clone(),
        execs: node.execs.clone(),
        fifo_dir: node.settings.fifo_dir(),
    }
}

/// Runs a hook to its end.
pub async fn run(checker: &Checker, handler: &Handler, time_max: Duration) -> Result<(), String> {
    if let Some(sleep) = &handler.sleep {
        tokio::time::sleep(Duration::from_secs(sleep.seconds.into()).min(time_max)).await;
        return Ok(());
    }
    match tokio::time::timeout(time_max, checker.check(handler, time_max)).await {
        Ok(result) => result,
        Err(_) => Err(format!("hook did not end within {}s", time_max.as_secs())),
    }
}
