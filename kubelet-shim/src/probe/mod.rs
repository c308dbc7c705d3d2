//! Startup, readiness and liveness probes. The schedule is pure; checks speak HTTP, TCP, gRPC or run a command.
//! Fed with a started container; tells the sandbox room what changed. Knows no restart policy and no wire.

mod check;
mod schedule;

pub use check::{Checker, Target};
pub use schedule::{Kind, Schedule};

use crate::pod::Probe;
use std::future::Future;
use std::time::{Duration, Instant};

/// What a container's probes say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The startup probe passed.
    Started,
    /// Readiness changed.
    Ready(bool),
    /// Startup or liveness failed for good: to be killed, with this text.
    Unhealthy { message: String, grace_seconds: Option<u32> },
}

/// Runs one probe until it has nothing more to say (startup passed) or the task is dropped.
pub async fn run<F, S>(checker: &Checker, probe: &Probe, kind: Kind, mut say: F)
where
    F: FnMut(Change) -> S,
    S: Future<Output = ()>,
{
    let start = Instant::now();
    let us = |at: Instant| u64::try_from(at.duration_since(start).as_micros()).unwrap_or(u64::MAX);
    let mut schedule = Schedule::new(probe, kind, 0);
    let time_max = Duration::from_secs(probe.timeout_seconds.max(1).into());
    loop {
        tokio::time::sleep_until((start + Duration::from_micros(schedule.due_us())).into()).await;
        let result = match tokio::time::timeout(time_max, checker.check(&probe.action, time_max)).await {
            Ok(result) => result,
            Err(_) => Err(format!("command timed out or no answer within {}s", time_max.as_secs())),
        };
        let Some(good) = schedule.record(result.is_ok(), us(Instant::now())) else { continue };
        match (kind, good) {
            (Kind::Startup, true) => return say(Change::Started).await,
            (Kind::Readiness, ready) => say(Change::Ready(ready)).await,
            (Kind::Liveness, true) => {}
            (Kind::Startup | Kind::Liveness, false) => {
                let what = if kind == Kind::Startup { "Startup" } else { "Liveness" };
                let message = format!("{what} probe failed: {}", result.err().unwrap_or_default());
                return say(Change::Unhealthy { message, grace_seconds: probe.termination_grace_period_seconds }).await;
            }
        }
    }
}
