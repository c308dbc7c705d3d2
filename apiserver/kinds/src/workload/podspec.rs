//! The whole of a `PodSpec`, in a pod or in a template.
//!
//! Fed by `pod` and `template`. Gathers what the other files find; the order of its calls is upstream's order of messages.

use super::container::{self, Around};
use super::read::{Faults, Read, choice, each, unsupported};
use super::resources::{self, Level};
use super::{affinity, meta, security, syntax, toleration, volume};
use crate::field::FieldError;
use serde_json::{Map, Value};

const RESTART: [&str; 3] = ["Always", "OnFailure", "Never"];
const DNS: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_CHARS_MAX: usize = 2048;
const DEADLINE_MAX: i64 = 0x7fff_ffff;

/// What holds the spec.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'a> {
    /// A pod, not a template?
    pub is_pod: bool,
    /// The pod's name; empty in templates.
    pub name: &'a str,
}

/// Every fault of a `PodSpec`.
pub(crate) fn check(out: &mut Faults, spec: &Value, path: &str, holder: Holder<'_>) {
    let at = |key: &str| format!("{path}.{key}");
    let grace = spec.int("terminationGracePeriodSeconds");
    if grace.is_none() {
        out.push(FieldError::required(at("terminationGracePeriodSeconds"), ""));
    }
    let volumes = volume::check(out, spec.list("volumes"), &at("volumes"), holder.name, holder.is_pod);
    let claims = spec.list("resourceClaims");
    resource_claims(out, claims, &at("resourceClaims"));
    let mut names: Vec<&str> = claims.iter().map(|c| c.text("name")).filter(|n| !n.is_empty()).collect();
    names.sort_unstable();
    let around = Around {
        volumes,
        claims: names,
        grace,
        restart_policy: spec.text("restartPolicy"),
        host_users: spec.get("hostUsers").and_then(Value::as_bool).unwrap_or(true),
        os: spec.at("os").map_or("", |os| os.text("name")),
    };
    container::regular(out, spec.list("containers"), &at("containers"), &around);
    container::init(out, spec.list("initContainers"), spec.list("containers"), &at("initContainers"), &around);
    container::ephemeral(out, spec, &at("ephemeralContainers"), &around);
    resources::check_pod(out, spec, &at("resources"));
    host_network(out, spec, path, holder.is_pod);
    choice(out, &at("restartPolicy"), spec.text("restartPolicy"), &RESTART);
    choice(out, &at("dnsPolicy"), spec.text("dnsPolicy"), &DNS);
    out.extend(meta::labels(spec.at("nodeSelector"), &at("nodeSelector")));
    security::pod(out, spec, &at("securityContext"));
    if let Some(wanted) = spec.at("affinity") {
        affinity::affinity(out, wanted, &at("affinity"));
    }
    dns_config(out, spec, &at("dnsConfig"));
    gates(out, spec, path);
    affinity::spread(out, spec.list("topologySpreadConstraints"), &at("topologySpreadConstraints"));
    host_users(out, spec, path, around.host_users);
    names_and_deadline(out, spec, path);
    toleration::check(out, spec.list("tolerations"), &at("tolerations"));
    host_aliases(out, spec.list("hostAliases"), &at("hostAliases"));
    classes(out, spec, path);
    operating_system(out, spec, path);
}

fn resource_claims(out: &mut Faults, claims: &[Value], path: &str) {
    let mut seen: Vec<&str> = Vec::new();
    for (i, claim) in claims.iter().enumerate() {
        let (item, name) = (format!("{path}[{i}]"), claim.text("name"));
        if name.is_empty() {
            out.push(FieldError::required(format!("{item}.name"), ""));
        } else if seen.contains(&name) {
            out.push(FieldError::duplicate(format!("{item}.name"), name));
        } else {
            each(out, &format!("{item}.name"), name, syntax::dns1123_label_faults(name));
            seen.push(name);
        }
        let keys = ["resourceClaimName", "resourceClaimTemplateName"];
        let detail = match keys.iter().filter(|k| claim.has(k)).count() {
            0 => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            1 => None,
            _ => Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"),
        };
        out.extend(detail.map(|d| FieldError::invalid(item.clone(), claim.clone(), d)));
        for key in keys.iter().filter(|k| claim.has(k)) {
            let text = claim.text(key);
            each(out, &format!("{item}.{key}"), text, syntax::dns1123_subdomain_faults(text));
        }
    }
}

/// On the host's network a port of the container is a port of the host; templates may leave the latter open.
fn host_network(out: &mut Faults, spec: &Value, path: &str, is_pod: bool) {
    if !spec.flag("hostNetwork") {
        return;
    }
    for (i, container) in spec.list("containers").iter().enumerate() {
        for (j, port) in container.list("ports").iter().enumerate() {
            let (host, inner) = (port.number("hostPort"), port.number("containerPort"));
            if (is_pod || host != 0) && host != inner {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                out.push(FieldError::invalid(format!("{path}.containers[{i}].ports[{j}].hostPort"), host, detail));
            }
        }
    }
}

fn dns_config(out: &mut Faults, spec: &Value, path: &str) {
    let config = spec.at("dnsConfig");
    if spec.text("dnsPolicy") == "None" {
        match config {
            None => {
                out.push(FieldError::required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
                return;
            }
            Some(c) if c.list("nameservers").is_empty() => {
                let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
                out.push(FieldError::required(format!("{path}.nameservers"), detail));
                return;
            }
            Some(_) => {}
        }
    }
    let Some(config) = config else { return };
    let (servers, searches) = (config.list("nameservers"), config.list("searches"));
    let field = format!("{path}.nameservers");
    if servers.len() > NAMESERVERS_MAX {
        let detail = format!("must not have more than {NAMESERVERS_MAX} nameservers");
        out.push(FieldError::invalid(field.clone(), servers.to_vec(), detail));
    }
    for (i, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        each(out, &format!("{field}[{i}]"), server, syntax::ip(server));
    }
    let field = format!("{path}.searches");
    if searches.len() > SEARCHES_MAX {
        let detail = format!("must not have more than {SEARCHES_MAX} search paths");
        out.push(FieldError::invalid(field.clone(), searches.to_vec(), detail));
    }
    let chars: usize = searches.iter().filter_map(Value::as_str).map(|s| s.len() + 1).sum();
    if chars > SEARCH_CHARS_MAX + 1 {
        let detail = format!("must not have more than {SEARCH_CHARS_MAX} characters (including spaces) in the search list");
        out.push(FieldError::invalid(field.clone(), searches.to_vec(), detail));
    }
    for (i, search) in searches.iter().filter_map(Value::as_str).enumerate().filter(|(_, s)| *s != ".") {
        let bare = search.strip_suffix('.').unwrap_or(search);
        each(out, &format!("{field}[{i}]"), bare, syntax::dns1123_subdomain_underscore(bare));
    }
    for (i, option) in config.list("options").iter().enumerate() {
        if option.text("name").is_empty() {
            out.push(FieldError::required(format!("{path}.options[{i}]"), "must not be empty"));
        }
    }
}

fn gates(out: &mut Faults, spec: &Value, path: &str) {
    for (i, gate) in spec.list("readinessGates").iter().enumerate() {
        let kind = gate.text("conditionType");
        each(out, &format!("{path}.readinessGates[{i}].conditionType"), kind, syntax::qualified_name(kind));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (i, gate) in spec.list("schedulingGates").iter().enumerate() {
        let (name, field) = (gate.text("name"), format!("{path}.schedulingGates[{i}]"));
        each(out, &field, name, syntax::qualified_name(name));
        if seen.contains(&name) {
            out.push(FieldError::duplicate(field, name));
        }
        seen.push(name);
    }
}

fn host_users(out: &mut Faults, spec: &Value, path: &str, shared: bool) {
    if shared {
        return;
    }
    // Two of the three paths begin with a capital, upstream's slip.
    for (key, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if spec.flag(key) {
            out.push(FieldError::forbidden(format!("{path}.{shown}"), "when `pod.Spec.HostUsers` is false"));
        }
    }
}

fn names_and_deadline(out: &mut Faults, spec: &Value, path: &str) {
    for key in ["serviceAccountName", "nodeName"] {
        let name = spec.text(key);
        if !name.is_empty() {
            each(out, &format!("{path}.{key}"), name, syntax::dns1123_subdomain_faults(name));
        }
    }
    if let Some(seconds) = spec.int("activeDeadlineSeconds")
        && !(1..=DEADLINE_MAX).contains(&seconds)
    {
        let field = format!("{path}.activeDeadlineSeconds");
        out.push(FieldError::invalid(field, seconds, syntax::range(1, DEADLINE_MAX)));
    }
    for key in ["hostname", "subdomain"] {
        let name = spec.text(key);
        if !name.is_empty() {
            each(out, &format!("{path}.{key}"), name, syntax::dns1123_label_faults(name));
        }
    }
    if spec.has("hostnameOverride") {
        let (name, field) = (spec.text("hostnameOverride"), format!("{path}.hostnameOverride"));
        if name.len() > 64 {
            out.push(FieldError::too_long(field.clone(), 64));
        }
        each(out, &field, name, syntax::dns1123_subdomain_faults(name));
        for (key, set) in [("hostNetwork", spec.flag("hostNetwork")), ("setHostnameAsFQDN", spec.flag("setHostnameAsFQDN"))] {
            if set {
                out.push(FieldError::forbidden(field.clone(), format!("cannot be specified when {key} is true")));
            }
        }
    }
}

fn host_aliases(out: &mut Faults, list: &[Value], path: &str) {
    for (i, alias) in list.iter().enumerate() {
        let ip = alias.text("ip");
        each(out, &format!("{path}[{i}].ip"), ip, syntax::ip(ip));
        for (j, name) in alias.list("hostnames").iter().filter_map(Value::as_str).enumerate() {
            each(out, &format!("{path}[{i}].hostnames[{j}]"), name, syntax::dns1123_subdomain_faults(name));
        }
    }
}

fn classes(out: &mut Faults, spec: &Value, path: &str) {
    let priority = spec.text("priorityClassName");
    if !priority.is_empty() {
        each(out, &format!("{path}.priorityClassName"), priority, syntax::dns1123_subdomain_faults(priority));
    }
    if spec.has("runtimeClassName") {
        let class = spec.text("runtimeClassName");
        each(out, &format!("{path}.runtimeClassName"), class, syntax::dns1123_subdomain_faults(class));
    }
    if spec.has("preemptionPolicy") {
        let policy = spec.text("preemptionPolicy");
        choice(out, &format!("{path}.preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]);
    }
    if let Some(overhead) = spec.at("overhead") {
        let mut limits = Map::new();
        limits.insert("limits".into(), overhead.clone());
        resources::check(out, Some(&Value::Object(limits)), &format!("{path}.overhead"), Level::Container, &[]);
    }
}

fn operating_system(out: &mut Faults, spec: &Value, path: &str) {
    let Some(os) = spec.at("os") else { return };
    match os.text("name") {
        "" => out.push(FieldError::required(format!("{path}.os.name"), "cannot be empty")),
        "linux" => foreign_options(out, spec, path, &["windowsOptions"], &[], "windows options cannot be set for a linux pod"),
        "windows" => {
            let both = [
                "appArmorProfile",
                "seLinuxOptions",
                "seccompProfile",
                "runAsUser",
                "runAsGroup",
                "fsGroup",
                "fsGroupChangePolicy",
                "sysctls",
                "supplementalGroups",
                "supplementalGroupsPolicy",
                "seLinuxChangePolicy",
                "capabilities",
                "readOnlyRootFilesystem",
                "privileged",
                "allowPrivilegeEscalation",
                "procMount",
            ];
            let own = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"];
            foreign_options(out, spec, path, &both, &own, "cannot be set for a windows pod");
        }
        other => out.push(unsupported(format!("{path}.os"), other, &["linux", "windows"])),
    }
}

/// Options that belong to the other operating system: `keys` in security contexts, `own` in the spec itself.
fn foreign_options(out: &mut Faults, spec: &Value, path: &str, keys: &[&str], own: &[&str], detail: &str) {
    let set = |holder: &Value, key: &str| match holder.at(key) {
        None | Some(Value::Bool(false)) if matches!(key, "hostPID" | "hostIPC") => false,
        None => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    for key in own.iter().filter(|k| set(spec, k)) {
        out.push(FieldError::forbidden(format!("{path}.{key}"), detail));
    }
    let mut look = |holder: &Value, path: &str| {
        let Some(context) = holder.at("securityContext") else { return };
        for key in keys.iter().filter(|k| set(context, k)) {
            out.push(FieldError::forbidden(format!("{path}.securityContext.{key}"), detail));
        }
    };
    look(spec, path);
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for (i, container) in spec.list(kind).iter().enumerate() {
            look(container, &format!("{path}.{kind}[{i}]"));
        }
    }
}
