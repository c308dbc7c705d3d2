//! Whether and when an ended container runs again. Pure: upstream's restart policies and crash-loop back-off.

use crate::pod::Role;
use serde::{Deserialize, Serialize};

/// First delay of a crash loop, in seconds.
const FIRST_S: u32 = 10;
/// Longest delay, in seconds.
const LONGEST_S: u32 = 300;
/// A container that ran this long starts over without delay, in milliseconds.
const FORGIVEN_AFTER_MS: u64 = 600_000;

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Always,
    OnFailure,
    Never,
}

impl Policy {
    /// Unset means `Always`, as upstream defaults it.
    pub fn of(text: &str) -> Policy {
        match text {
            "OnFailure" => Policy::OnFailure,
            "Never" => Policy::Never,
            _ => Policy::Always,
        }
    }

    /// Whether a container of this role that ended with `code` is started again.
    pub fn restarts(self, role: Role, code: i32) -> bool {
        match (role, self) {
            (Role::Sidecar, _) | (Role::Main, Policy::Always) => true,
            (Role::Init, Policy::Never) | (Role::Main, Policy::Never) => false,
            (Role::Init, _) | (Role::Main, Policy::OnFailure) => code != 0,
        }
    }
}

/// Delay before the next start of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    next_s: u32,
}

impl Backoff {
    /// The container ended after `ran_ms`: seconds to wait before it starts again. The first time it does not wait.
    pub fn after(&mut self, ran_ms: u64) -> u32 {
        if ran_ms >= FORGIVEN_AFTER_MS {
            self.next_s = 0;
        }
        let wait = self.next_s;
        self.next_s = grown(wait);
        wait
    }

    /// Something (an image) was not there: seconds to wait before looking again.
    pub fn missed(&mut self) -> u32 {
        self.next_s = grown(self.next_s);
        self.next_s
    }
}

fn grown(seconds: u32) -> u32 {
    if seconds == 0 { FIRST_S } else { (seconds * 2).min(LONGEST_S) }
}

/// `80` → `1m20s`, as Go writes it.
pub fn go_seconds(seconds: u32) -> String {
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        use Policy::{Always, Never, OnFailure};
        let table = [
            (Always, Role::Main, 0, true),
            (Always, Role::Init, 0, false),
            (Always, Role::Init, 1, true),
            (OnFailure, Role::Main, 0, false),
            (OnFailure, Role::Main, 1, true),
            (Never, Role::Main, 1, false),
            (Never, Role::Init, 1, false),
            (Never, Role::Sidecar, 0, true),
        ];
        for (policy, role, code, want) in table {
            assert_eq!(policy.restarts(role, code), want, "{policy:?} {role:?} {code}");
        }
    }

    #[test]
    fn delays_double_and_are_forgiven() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..8).map(|_| backoff.after(5)).collect();
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(backoff.after(FORGIVEN_AFTER_MS), 0);
        assert_eq!(backoff.after(5), 10);
        let mut pull = Backoff::default();
        assert_eq!([pull.missed(), pull.missed()], [10, 20]);
        assert_eq!((go_seconds(10), go_seconds(80), go_seconds(300)), ("10s".into(), "1m20s".into(), "5m0s".into()));
    }
}
