//! Security contexts of pods and containers.
//!
//! Fed by the pod and container checks. Privileged containers are allowed, as on a stock cluster. Must not know admission
//! policies.

use super::mount::local_path;
use super::read::{Faults, Read, each, unsupported};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

const ID_MAX: i64 = 0xffff_ffff;
const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

fn id(out: &mut Faults, context: &Value, path: &str, key: &str) {
    if let Some(n) = context.int(key)
        && !(0..=ID_MAX).contains(&n)
    {
        out.push(FieldError::invalid(format!("{path}.{key}"), n, syntax::range(0, ID_MAX)));
    }
}

fn seccomp(out: &mut Faults, context: &Value, path: &str) {
    let Some(profile) = context.at("seccompProfile") else { return };
    let path = format!("{path}.seccompProfile");
    let kind = profile.text("type");
    if kind.is_empty() {
        out.push(FieldError::required(format!("{path}.type"), "type is required when seccompProfile is set"));
    } else if !PROFILES.contains(&kind) {
        out.push(unsupported(format!("{path}.type"), kind, &PROFILES));
    }
    let field = format!("{path}.localhostProfile");
    match (kind == "Localhost", profile.at("localhostProfile")) {
        (true, None) => out.push(FieldError::required(field, "must be set when seccomp type is Localhost")),
        (true, Some(_)) => local_path(out, profile.text("localhostProfile"), &field, false),
        (false, Some(_)) => {
            let shown = serde_json::json!({"Type": kind, "LocalhostProfile": profile.text("localhostProfile")});
            out.push(FieldError::invalid(field, shown, "can only be set when seccomp type is Localhost"));
        }
        (false, None) => {}
    }
}

fn app_armor(out: &mut Faults, context: &Value, path: &str) {
    let Some(profile) = context.at("appArmorProfile") else { return };
    let (kind, field) = (profile.text("type"), format!("{path}.appArmorProfile.localhostProfile"));
    let local = profile.text("localhostProfile");
    match kind {
        "Localhost" => {
            if local.trim() != local {
                out.push(FieldError::invalid(field.clone(), local, "must not be padded with whitespace"));
            } else if local.is_empty() {
                out.push(FieldError::required(field.clone(), "must be set when AppArmor type is Localhost"));
            }
            if local.len() > 4095 {
                out.push(FieldError::too_long(field, 4095));
            }
        }
        "RuntimeDefault" | "Unconfined" if profile.has("localhostProfile") => {
            out.push(FieldError::invalid(field, local, "can only be set when AppArmor type is Localhost"));
        }
        "RuntimeDefault" | "Unconfined" => {}
        "" => {
            let detail = "type is required when appArmorProfile is set";
            out.push(FieldError::required(format!("{path}.appArmorProfile.type"), detail));
        }
        other => out.push(unsupported(format!("{path}.appArmorProfile.type"), other, &PROFILES)),
    }
}

fn windows(out: &mut Faults, context: &Value, path: &str) {
    let Some(options) = context.at("windowsOptions") else { return };
    let path = format!("{path}.windowsOptions");
    if options.has("gmsaCredentialSpecName") {
        let name = options.text("gmsaCredentialSpecName");
        each(out, &format!("{path}.gmsaCredentialSpecName"), name, syntax::dns1123_subdomain_faults(name));
    }
    for key in ["gmsaCredentialSpec", "runAsUserName"] {
        if options.has(key) && options.text(key).is_empty() {
            out.push(FieldError::invalid(format!("{path}.{key}"), "", format!("{key} cannot be an empty string")));
        }
    }
}

/// Every fault of the security context of a container; `host_users` tells whether the pod shares the users of its host.
pub(crate) fn container(out: &mut Faults, context: Option<&Value>, path: &str, host_users: bool) {
    let Some(context) = context else { return };
    id(out, context, path, "runAsUser");
    id(out, context, path, "runAsGroup");
    if context.has("procMount") {
        let (mount, field) = (context.text("procMount"), format!("{path}.procMount"));
        if !matches!(mount, "Default" | "Unmasked") {
            out.push(unsupported(field.clone(), mount, &["Default", "Unmasked"]));
        }
        if host_users && mount == "Unmasked" {
            out.push(FieldError::invalid(field, mount, "`hostUsers` must be false to use `Unmasked`"));
        }
    }
    seccomp(out, context, path);
    if context.get("allowPrivilegeEscalation") == Some(&Value::Bool(false)) {
        if context.flag("privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            out.push(FieldError::invalid(path, context.clone(), detail));
        }
        let added = context.at("capabilities").map_or(&[][..], |c| c.list("add"));
        if added.iter().any(|cap| cap == "CAP_SYS_ADMIN") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            out.push(FieldError::invalid(path, context.clone(), detail));
        }
    }
    windows(out, context, path);
    app_armor(out, context, path);
}

fn is_sysctl(name: &str) -> bool {
    let part = |text: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split(['.', '/']).all(part)
}

fn sysctls(out: &mut Faults, spec: &Value, list: &[Value], path: &str) {
    let mut seen: Vec<&str> = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let (name, field) = (item.text("name"), format!("{path}[{i}].name"));
        if name.is_empty() {
            out.push(FieldError::required(field.clone(), ""));
        } else if !is_sysctl(name) {
            let detail = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            out.push(FieldError::invalid(field.clone(), name, detail));
        } else if seen.contains(&name) {
            out.push(FieldError::duplicate(field.clone(), name));
        }
        let of_ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|p| name.starts_with(p)) || name == "kernel.sem";
        if spec.flag("hostNetwork") && name.starts_with("net.") {
            out.push(FieldError::invalid(field, name, "may not be specified when 'hostNetwork' is true"));
        } else if spec.flag("hostIPC") && of_ipc {
            out.push(FieldError::invalid(field, name, "may not be specified when 'hostIPC' is true"));
        }
        seen.push(name);
    }
}

/// Every fault of the security context of a pod.
pub(crate) fn pod(out: &mut Faults, spec: &Value, path: &str) {
    let nothing = Value::Null;
    let context = spec.at("securityContext").unwrap_or(&nothing);
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        id(out, context, path, key);
    }
    for (i, group) in context.list("supplementalGroups").iter().filter_map(Value::as_i64).enumerate() {
        if !(0..=ID_MAX).contains(&group) {
            out.push(FieldError::invalid(format!("{path}.supplementalGroups[{i}]"), group, syntax::range(0, ID_MAX)));
        }
    }
    if spec.flag("shareProcessNamespace") && spec.flag("hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        out.push(FieldError::invalid(format!("{path}.shareProcessNamespace"), true, detail));
    }
    sysctls(out, spec, context.list("sysctls"), &format!("{path}.sysctls"));
    for (key, known) in [
        ("fsGroupChangePolicy", ["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", ["Merge", "Strict"]),
        ("seLinuxChangePolicy", ["MountOption", "Recursive"]),
    ] {
        let value = context.text(key);
        if context.has(key) && !known.contains(&value) {
            out.push(unsupported(format!("{path}.{key}"), value, &known));
        }
    }
    seccomp(out, context, path);
    windows(out, context, path);
    app_armor(out, context, path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn contexts() {
        let mut out = Faults::new();
        container(&mut out, Some(&json!({"runAsUser": -1, "seccompProfile": {"type": "Localhost"}})), "s", true);
        pod(
            &mut out,
            &json!({"hostNetwork": true, "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}, {"name": "A"}]}}),
            "s",
        );
        let shown: Vec<String> = out.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "s.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive",
                "s.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
                "s.sysctls[0].name: Invalid value: \"net.ipv4.tcp_syncookies\": may not be specified when 'hostNetwork' is true",
                "s.sysctls[1].name: Invalid value: \"A\": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
            ].map(|s| s.replace("\\\\", "\\"))
        );
    }
}
