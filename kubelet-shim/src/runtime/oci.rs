//! The OCI runtime document of a container, version 1.0.2, which every runtime understands. Pure.

use super::users::User;
use crate::cgroup;
use crate::pod::{Container, Pod};
use serde_json::{Value, json};
use std::path::Path;

/// A bind mount into the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    pub source: String,
    pub target: String,
    pub read_only: bool,
}

/// Everything that the document says beside constants.
pub struct Parts<'a> {
    pub id: &'a str,
    pub pod: &'a Pod,
    pub container: &'a Container,
    pub argv: &'a [String],
    pub env: &'a [(String, String)],
    pub user: &'a User,
    pub working_dir: &'a str,
    pub hostname: &'a str,
    pub binds: &'a [Bind],
    /// `None` for the node's own network.
    pub netns: Option<&'a Path>,
    /// Capabilities that this machine lets us give, as a bit set.
    pub allowed: u64,
}

/// Capabilities by kernel number.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// The bounding set of this process: more than that cannot be given to a container.
pub fn allowed_capabilities() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("CapBnd:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(u64::MAX)
}

fn capabilities(container: &Container, allowed: u64) -> Vec<String> {
    let security = &container.security_context;
    let plain = |name: &String| name.trim_start_matches("CAP_").to_uppercase();
    let add: Vec<String> = security.capabilities.add.iter().map(plain).collect();
    let drop: Vec<String> = security.capabilities.drop.iter().map(plain).collect();
    let all = |list: &[String]| list.iter().any(|n| n == "ALL");
    let wanted = |name: &str| {
        if security.privileged || add.iter().any(|n| n == name) {
            return true;
        }
        let dropped = all(&drop) || drop.iter().any(|n| n == name);
        !dropped && (all(&add) || DEFAULT.contains(&name))
    };
    CAPABILITIES
        .iter()
        .enumerate()
        .filter(|(bit, name)| allowed >> bit & 1 == 1 && wanted(name))
        .map(|(_, name)| format!("CAP_{name}"))
        .collect()
}

fn process(parts: &Parts<'_>) -> Value {
    let security = &parts.container.security_context;
    let caps = capabilities(parts.container, parts.allowed);
    let mut groups = parts.user.groups.clone();
    groups.extend(&parts.pod.spec.security_context.supplemental_groups);
    groups.extend(parts.pod.spec.security_context.fs_group);
    groups.sort_unstable();
    groups.dedup();
    json!({
        "terminal": parts.container.tty,
        "user": { "uid": parts.user.uid, "gid": parts.user.gid, "additionalGids": groups },
        "args": parts.argv,
        "env": parts.env.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>(),
        "cwd": if parts.working_dir.is_empty() { "/" } else { parts.working_dir },
        "capabilities": { "bounding": &caps, "effective": &caps, "permitted": &caps },
        "noNewPrivileges": security.allow_privilege_escalation == Some(false) && !security.privileged,
    })
}

fn mounts(parts: &Parts<'_>) -> Vec<Value> {
    let privileged = parts.container.security_context.privileged;
    let access = if privileged { "rw" } else { "ro" };
    let base = [
        ("/proc", "proc", "proc", vec!["nosuid", "noexec", "nodev"]),
        ("/dev", "tmpfs", "tmpfs", vec!["nosuid", "strictatime", "mode=755", "size=65536k"]),
        ("/dev/pts", "devpts", "devpts", vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        ("/dev/mqueue", "mqueue", "mqueue", vec!["nosuid", "noexec", "nodev"]),
        ("/dev/shm", "tmpfs", "shm", vec!["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ("/sys", "sysfs", "sysfs", vec!["nosuid", "noexec", "nodev", access]),
        ("/sys/fs/cgroup", "cgroup", "cgroup", vec!["nosuid", "noexec", "nodev", "relatime", access]),
    ];
    // A volume over one of these replaces it.
    let covered = |target: &str| parts.binds.iter().any(|b| b.target == target);
    let mut list: Vec<Value> = base
        .into_iter()
        .filter(|(target, ..)| !covered(target))
        .map(|(target, kind, source, options)| json!({"destination": target, "type": kind, "source": source, "options": options}))
        .collect();
    // Outer mounts first, or they would hide the inner ones.
    let mut binds: Vec<&Bind> = parts.binds.iter().collect();
    binds.sort_by_key(|b| Path::new(&b.target).components().count());
    list.extend(binds.into_iter().map(|b| {
        let access = if b.read_only { "ro" } else { "rw" };
        json!({"destination": b.target, "type": "bind", "source": b.source, "options": ["rbind", "rprivate", access]})
    }));
    list
}

/// The document.
pub fn spec(parts: &Parts<'_>) -> Value {
    let security = &parts.container.security_context;
    let mut resources = cgroup::resources(parts.container);
    resources["devices"] = json!([{ "allow": security.privileged, "access": "rwm" }]);
    let mut namespaces = vec![json!({"type": "ipc"}), json!({"type": "uts"}), json!({"type": "mount"})];
    if !parts.pod.spec.host_pid {
        namespaces.push(json!({"type": "pid"}));
    }
    if let Some(netns) = parts.netns {
        namespaces.push(json!({"type": "network", "path": netns}));
    }
    let mut linux = json!({
        "cgroupsPath": cgroup::path(parts.id),
        "namespaces": namespaces,
        "resources": resources,
    });
    if !security.privileged && security.proc_mount != "Unmasked" {
        linux["maskedPaths"] = json!([
            "/proc/asound",
            "/proc/acpi",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/proc/scsi",
            "/sys/firmware",
            "/sys/devices/virtual/powercap"
        ]);
        linux["readonlyPaths"] = json!(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
    }
    let sysctls = &parts.pod.spec.security_context.sysctls;
    if !sysctls.is_empty() {
        linux["sysctl"] = sysctls.iter().map(|p| (p.name.clone(), json!(p.value.clone().unwrap_or_default()))).collect();
    }
    json!({
        "ociVersion": "1.0.2",
        "process": process(parts),
        "root": { "path": "rootfs", "readonly": security.read_only_root_filesystem },
        "hostname": parts.hostname,
        "mounts": mounts(parts),
        "linux": linux,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(json: &str) -> Vec<String> {
        capabilities(&serde_json::from_str(json).expect("container"), u64::MAX)
    }

    #[test]
    fn capability_sets() {
        assert_eq!(caps("{}").len(), DEFAULT.len());
        assert!(caps(r#"{"securityContext":{"capabilities":{"drop":["ALL"]}}}"#).is_empty());
        let one = caps(r#"{"securityContext":{"capabilities":{"drop":["ALL"],"add":["CAP_NET_ADMIN"]}}}"#);
        assert_eq!(one, ["CAP_NET_ADMIN"]);
        assert_eq!(caps(r#"{"securityContext":{"privileged":true}}"#).len(), CAPABILITIES.len());
        assert_eq!(capabilities(&Container::default(), 1), ["CAP_CHOWN"]);
    }

    #[test]
    fn volumes_come_outer_first_and_replace() {
        let bind = |target: &str| Bind { source: "/s".into(), target: target.into(), read_only: true };
        let binds = [bind("/a/b"), bind("/a"), bind("/dev/shm")];
        let (pod, container) = (Pod::default(), Container::default());
        let parts = Parts {
            id: "i",
            pod: &pod,
            container: &container,
            argv: &[],
            env: &[],
            user: &User::default(),
            working_dir: "",
            hostname: "h",
            binds: &binds,
            netns: None,
            allowed: u64::MAX,
        };
        let spec = spec(&parts);
        let targets: Vec<_> = spec["mounts"].as_array().expect("list").iter().filter_map(|m| m["destination"].as_str()).collect();
        assert_eq!(targets.iter().filter(|t| **t == "/dev/shm").count(), 1);
        let at = |t: &str| targets.iter().position(|x| *x == t);
        assert!(at("/a") < at("/a/b"));
    }
}
