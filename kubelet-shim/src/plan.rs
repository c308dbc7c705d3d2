//! What to do next for one sandbox: its containers' stages in, steps out. Pure; knows no containerd and no clock.

use crate::pod::Role;
use crate::restart::{Backoff, Policy};
use serde::{Deserialize, Serialize};

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub code: i32,
    pub signal: i32,
    pub reason: String,
    pub message: String,
    pub started_ms: u64,
    pub finished_ms: u64,
    pub container_id: String,
}

/// Where a container is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Never tried.
    #[default]
    Idle,
    /// Being created and started.
    Starting,
    /// Its process runs.
    Running {
        started_ms: u64,
        /// Startup probe passed.
        started: bool,
        ready: bool,
    },
    /// It could not be created; tried again at `retry_ms`.
    Held { reason: String, message: String, retry_ms: u64 },
    /// It ended; started again at `retry_ms`, if that is set.
    Ended {
        end: End,
        retry_ms: Option<u64>,
        /// Of the back-off, for the message.
        delay_s: u32,
    },
}

/// One container of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub name: String,
    role: StoredRole,
    pub stage: Stage,
    /// Starts so far; the first is 0.
    pub attempt: u32,
    pub container_id: String,
    pub image: String,
    pub image_id: String,
    pub last: Option<End>,
    pub crash: Backoff,
    pub pull: Backoff,
}

/// [`Role`] as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredRole {
    Init,
    Sidecar,
    Main,
}

impl Instance {
    pub fn new(name: &str, role: Role, image: &str) -> Instance {
        Instance {
            name: name.to_owned(),
            role: match role {
                Role::Init => StoredRole::Init,
                Role::Sidecar => StoredRole::Sidecar,
                Role::Main => StoredRole::Main,
            },
            stage: Stage::Idle,
            attempt: 0,
            container_id: String::new(),
            image: image.to_owned(),
            image_id: String::new(),
            last: None,
            crash: Backoff::default(),
            pull: Backoff::default(),
        }
    }

    pub fn role(&self) -> Role {
        match self.role {
            StoredRole::Init => Role::Init,
            StoredRole::Sidecar => Role::Sidecar,
            StoredRole::Main => Role::Main,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Running { ready: true, .. })
    }

    /// Nothing of it is alive or coming alive.
    pub fn is_quiet(&self) -> bool {
        !matches!(self.stage, Stage::Starting | Stage::Running { .. })
    }

    /// Its process ended: the stage that follows from the policy.
    pub fn ended(&mut self, policy: Policy, end: End) {
        let (mut retry_ms, mut delay_s) = (None, 0);
        if policy.restarts(self.role(), end.code) {
            delay_s = self.crash.after(end.finished_ms.saturating_sub(end.started_ms.max(1)));
            retry_ms = Some(end.finished_ms + u64::from(delay_s) * 1000);
        }
        self.stage = Stage::Ended { end, retry_ms, delay_s };
    }

    /// It never ran: as [`Instance::ended`], with an end that has no start.
    pub fn ended_unstarted(&mut self, policy: Policy, end: End) {
        let finished = end.finished_ms;
        self.ended(policy, End { started_ms: finished, ..end });
        if let Stage::Ended { end, .. } = &mut self.stage {
            end.started_ms = 0;
        }
    }

    // The next try is due, or its time.
    fn due(&self, now_ms: u64) -> Due {
        match &self.stage {
            Stage::Idle => Due::Now,
            Stage::Held { retry_ms, .. } | Stage::Ended { retry_ms: Some(retry_ms), .. } => {
                if *retry_ms <= now_ms {
                    Due::Now
                } else {
                    Due::At(*retry_ms)
                }
            }
            _ => Due::Never,
        }
    }
}

enum Due {
    Now,
    At(u64),
    Never,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Containers to start, by index.
    pub start: Vec<usize>,
    /// Look again at this time (Unix milliseconds), even if nothing happens.
    pub wake_ms: Option<u64>,
    /// All is over: with success or not. Sidecars that still run are to be stopped.
    pub outcome: Option<bool>,
}

/// Steps for a sandbox that shall live.
pub fn next(containers: &[Instance], now_ms: u64) -> Plan {
    let mut plan = Plan::default();
    if let Some(outcome) = outcome(containers) {
        plan.outcome = Some(outcome);
        return plan;
    }
    let mains_began = containers.iter().any(|c| c.role() == Role::Main && c.stage != Stage::Idle);
    for (index, container) in containers.iter().enumerate() {
        match container.role() {
            Role::Init => {
                let done = matches!(&container.stage, Stage::Ended { end, .. } if end.code == 0);
                if done || mains_began {
                    continue;
                }
                consider(&mut plan, index, container, now_ms);
                return plan;
            }
            Role::Sidecar => {
                consider(&mut plan, index, container, now_ms);
                let up = matches!(container.stage, Stage::Running { started: true, .. });
                // The next one waits for it only the first time.
                if !up && !mains_began && container.attempt == 0 {
                    return plan;
                }
            }
            Role::Main => consider(&mut plan, index, container, now_ms),
        }
    }
    plan
}

fn consider(plan: &mut Plan, index: usize, container: &Instance, now_ms: u64) {
    match container.due(now_ms) {
        Due::Now => plan.start.push(index),
        Due::At(at) => plan.wake_ms = Some(plan.wake_ms.map_or(at, |w| w.min(at))),
        Due::Never => {}
    }
}

/// Whether it is over: an init container failed for good, or all main containers ended for good.
pub fn outcome(containers: &[Instance]) -> Option<bool> {
    let final_code = |c: &Instance| match &c.stage {
        Stage::Ended { end, retry_ms: None, .. } => Some(end.code),
        _ => None,
    };
    if containers.iter().any(|c| c.role() == Role::Init && final_code(c).is_some_and(|code| code != 0)) {
        return Some(false);
    }
    let mut mains = containers.iter().filter(|c| c.role() == Role::Main).peekable();
    mains.peek()?;
    let mut success = true;
    for main in mains {
        success &= final_code(main)? == 0;
    }
    Some(success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(started: bool) -> Stage {
        Stage::Running { started_ms: 1, started, ready: true }
    }

    fn pod(roles: &[Role]) -> Vec<Instance> {
        roles.iter().enumerate().map(|(n, role)| Instance::new(&format!("c{n}"), *role, "i")).collect()
    }

    fn end(code: i32, at: u64) -> End {
        End { code, started_ms: at, finished_ms: at, ..End::default() }
    }

    #[test]
    fn init_containers_go_one_by_one_then_all_main_ones() {
        let mut pod = pod(&[Role::Init, Role::Sidecar, Role::Init, Role::Main, Role::Main]);
        let starts = |pod: &[Instance]| next(pod, 100).start;
        assert_eq!(starts(&pod), [0]);
        pod[0].stage = Stage::Starting;
        assert!(starts(&pod).is_empty());
        pod[0].ended(Policy::Always, end(0, 5));
        assert_eq!(starts(&pod), [1]);
        pod[1].stage = running(false);
        assert!(starts(&pod).is_empty(), "the sidecar's startup probe has not passed");
        pod[1].stage = running(true);
        assert_eq!(starts(&pod), [2]);
        pod[2].ended(Policy::Always, end(0, 6));
        assert_eq!(starts(&pod), [3, 4]);
    }

    #[test]
    fn crash_loop_waits() {
        let mut pod = pod(&[Role::Main]);
        pod[0].ended(Policy::Always, end(1, 1000));
        assert_eq!(next(&pod, 1000).start, [0], "the first restart is at once");
        pod[0].ended(Policy::Always, end(1, 2000));
        let plan = next(&pod, 2000);
        assert_eq!((plan.start.len(), plan.wake_ms), (0, Some(12_000)));
        assert_eq!(next(&pod, 12_000).start, [0]);
    }

    #[test]
    fn outcomes() {
        let mut two = pod(&[Role::Main, Role::Main]);
        two[0].ended(Policy::Never, end(0, 1));
        assert_eq!(next(&two, 1).outcome, None);
        two[1].ended(Policy::Never, end(3, 1));
        assert_eq!(next(&two, 1).outcome, Some(false));
        two[1].ended(Policy::OnFailure, end(0, 1));
        assert_eq!(next(&two, 1).outcome, Some(true));
        let mut with_init = pod(&[Role::Init, Role::Main]);
        with_init[0].ended(Policy::Never, end(1, 1));
        assert_eq!(next(&with_init, 1).outcome, Some(false));
    }

    #[test]
    fn a_sidecar_restarts_while_main_ones_run() {
        let mut pod = pod(&[Role::Sidecar, Role::Main]);
        pod[0].stage = running(true);
        pod[1].stage = running(true);
        pod[0].ended(Policy::Never, end(0, 1));
        assert_eq!(next(&pod, 1).start, [0]);
    }
}
