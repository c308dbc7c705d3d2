//! Requests and limits as OCI resources, and what the kernel's cgroup says of a container. cgroup v1 and v2.

use crate::pod::Container;
use serde_json::{Value, json};
use std::path::Path;

/// Parent of all containers' cgroups. Flat, because a runtime removes only the leaf.
pub const PARENT: &str = "/skiff";
/// Microseconds of the CPU quota's period.
const PERIOD_US: u64 = 100_000;

/// `linux.resources` without devices.
pub fn resources(container: &Container) -> Value {
    let mut cpu = json!({ "shares": shares(container) });
    if let Some(milli) = container.limit("cpu").filter(|m| *m > 0) {
        // The kernel refuses quotas below one millisecond.
        cpu["quota"] = json!((milli * PERIOD_US / 1000).max(1000));
        cpu["period"] = json!(PERIOD_US);
    }
    let mut resources = json!({ "cpu": cpu });
    if let Some(bytes) = container.limit("memory").filter(|b| *b > 0) {
        resources["memory"] = json!({ "limit": bytes });
    }
    resources
}

fn shares(container: &Container) -> u64 {
    let milli = container.request("cpu").or_else(|| container.limit("cpu")).unwrap_or(0);
    (milli * 1024 / 1000).clamp(2, 262_144)
}

/// The cgroup path of a container.
pub fn path(id: &str) -> String {
    format!("{PARENT}/{id}")
}

/// Whether the kernel killed something of this container for lack of memory. Must be asked before the task is deleted.
pub fn oom_killed(id: &str) -> bool {
    let v1 = format!("/sys/fs/cgroup/memory{}/memory.oom_control", path(id));
    let v2 = format!("/sys/fs/cgroup{}/memory.events", path(id));
    [v1, v2].iter().any(|file| std::fs::read_to_string(Path::new(file)).is_ok_and(|text| oom_kills(&text) > 0))
}

fn oom_kills(text: &str) -> u64 {
    text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).find_map(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Value {
        resources(&serde_json::from_str(json).expect("container"))
    }

    #[test]
    fn limits_become_quota_and_shares() {
        assert_eq!(of("{}"), json!({"cpu": {"shares": 2}}));
        assert_eq!(
            of(r#"{"resources":{"limits":{"cpu":"500m","memory":"64Mi"},"requests":{"cpu":"100m"}}}"#),
            json!({"cpu": {"shares": 102, "quota": 50_000, "period": 100_000}, "memory": {"limit": 64u64 << 20}})
        );
        assert_eq!(of(r#"{"resources":{"limits":{"cpu":"1m"}}}"#)["cpu"]["quota"], json!(1000));
    }

    #[test]
    fn oom_counters() {
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), 1);
        assert_eq!(oom_kills("low 0\noom 3\noom_kill 2\noom_group_kill 0\n"), 2);
        assert_eq!(oom_kills("oom_kill 0\n"), 0);
    }
}
