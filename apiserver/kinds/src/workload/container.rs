//! Containers of a pod: the regular, the init and the ephemeral ones.
//!
//! Fed by the pod checks. Ports are here; variables, mounts, probes, resources and security are in their own files. Must not
//! know pods beyond what [`Around`] says.

use super::read::{Faults, Read, choice, each, unsupported};
use super::resources::{self, Level};
use super::{env, mount, probe, security, syntax};
use crate::field::{FieldError, Why};
use serde_json::Value;

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
const RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;

/// What a container must know of its pod.
pub(crate) struct Around<'a> {
    /// The sound volumes.
    pub volumes: Vec<&'a Value>,
    /// Names in `spec.resourceClaims`.
    pub claims: Vec<&'a str>,
    /// `terminationGracePeriodSeconds`.
    pub grace: Option<i64>,
    /// The pod's restart policy.
    pub restart_policy: &'a str,
    /// Does the pod share the users of its host?
    pub host_users: bool,
    /// `spec.os.name`.
    pub os: &'a str,
}

fn ports(out: &mut Faults, list: &[Value], path: &str) {
    let mut names: Vec<&str> = Vec::new();
    for (i, port) in list.iter().enumerate() {
        let item = format!("{path}[{i}]");
        let name = port.text("name");
        if !name.is_empty() {
            let faults = syntax::port_name(name);
            if !faults.is_empty() {
                each(out, &format!("{item}.name"), name, faults);
            } else if names.contains(&name) {
                out.push(FieldError::duplicate(format!("{item}.name"), name));
            } else {
                names.push(name);
            }
        }
        for key in ["containerPort", "hostPort"] {
            let number = port.number(key);
            if number != 0 {
                let fault = syntax::port_number(number);
                out.extend(fault.map(|f| FieldError::invalid(format!("{item}.{key}"), number, f)));
            } else if key == "containerPort" {
                out.push(FieldError::required(format!("{item}.{key}"), ""));
            }
        }
        choice(out, &format!("{item}.protocol"), port.text("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

/// Host ports that two containers of the list want.
fn host_port_clashes(out: &mut Faults, containers: &[Value], path: &str) {
    let mut taken: Vec<String> = Vec::new();
    for (i, container) in containers.iter().enumerate() {
        for (j, port) in container.list("ports").iter().enumerate() {
            let number = port.number("hostPort");
            if number == 0 {
                continue;
            }
            let key = format!("{}/{}/{number}", port.text("protocol"), port.text("hostIP"));
            if taken.contains(&key) {
                out.push(FieldError::duplicate(format!("{path}[{i}].ports[{j}].hostPort"), key));
            } else {
                taken.push(key);
            }
        }
    }
}

fn resize(out: &mut Faults, list: &[Value], path: &str, around: &Around<'_>) {
    let mut seen: Vec<&str> = Vec::new();
    for (i, rule) in list.iter().enumerate() {
        let (name, policy) = (rule.text("resourceName"), rule.text("restartPolicy"));
        if seen.contains(&name) {
            out.push(FieldError::duplicate(format!("{path}[{i}]"), name));
        }
        seen.push(name);
        choice(out, path, name, &["cpu", "memory"]);
        choice(out, path, policy, &["NotRequired", "RestartContainer"]);
        if around.restart_policy == "Never" && policy != "NotRequired" {
            out.push(FieldError::invalid(path, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
        }
    }
}

/// Checks that hold for every sort of container.
fn common(out: &mut Faults, container: &Value, path: &str, around: &Around<'_>) {
    let name = container.text("name");
    let field = format!("{path}.name");
    if name.is_empty() {
        out.push(FieldError::required(field, ""));
    } else {
        each(out, &field, name, syntax::dns1123_label_faults(name));
    }
    if container.text("image").is_empty() {
        out.push(FieldError::required(format!("{path}.image"), ""));
    }
    let policy = container.text("terminationMessagePolicy");
    choice(out, &format!("{path}.terminationMessagePolicy"), policy, &["File", "FallbackToLogsOnError"]);
    ports(out, container.list("ports"), &format!("{path}.ports"));
    env::variables(out, container.list("env"), &format!("{path}.env"));
    env::sources(out, container.list("envFrom"), &format!("{path}.envFrom"));
    mount::mounts(out, container, &around.volumes, &format!("{path}.volumeMounts"));
    mount::devices(out, container, &around.volumes, &format!("{path}.volumeDevices"));
    choice(out, &format!("{path}.imagePullPolicy"), container.text("imagePullPolicy"), &PULL_POLICIES);
    let resources = container.at("resources");
    resources::check(out, resources, &format!("{path}.resources"), Level::Container, &around.claims);
    resize(out, container.list("resizePolicy"), &format!("{path}.resizePolicy"), around);
    let context = container.at("securityContext");
    security::container(out, context, &format!("{path}.securityContext"), around.host_users);
}

/// Padded image names are refused in pods only; templates may hold them as placeholders.
fn padded_image(out: &mut Faults, container: &Value, path: &str) {
    let image = container.text("image");
    if image.trim() != image {
        out.push(FieldError::invalid(format!("{path}.image"), image, "must not have leading or trailing whitespace"));
    }
}

fn restart_rules(out: &mut Faults, container: &Value, path: &str) {
    let rules = container.list("restartPolicyRules");
    let policy = container.text("restartPolicy");
    let field = format!("{path}.restartPolicy");
    if container.has("restartPolicy") {
        if !RESTART_POLICIES.contains(&policy) {
            out.push(unsupported(field, policy, &RESTART_POLICIES));
        }
    } else if !rules.is_empty() {
        out.push(FieldError::required(field, "must specify restartPolicy when restart rules are used"));
    }
    let path = format!("{path}.restartPolicyRules");
    if rules.len() > RULES_MAX {
        out.push(too_many(&path, rules.len(), RULES_MAX));
    }
    for (i, rule) in rules.iter().enumerate() {
        let item = format!("{path}[{i}]");
        choice(out, &format!("{item}.action"), rule.text("action"), &["Restart", "RestartAllContainers"]);
        let Some(codes) = rule.at("exitCodes") else {
            out.push(FieldError::required(format!("{item}.exitCodes"), "must be specified"));
            continue;
        };
        choice(out, &format!("{item}.exitCodes.operator"), codes.text("operator"), &["In", "NotIn"]);
        if codes.list("values").len() > EXIT_CODES_MAX {
            out.push(too_many(&format!("{item}.exitCodes.values"), codes.list("values").len(), EXIT_CODES_MAX));
        }
    }
}

/// `Too many: N: must have at most M items`.
pub(crate) fn too_many(field: &str, count: usize, max: usize) -> FieldError {
    let detail = format!("{count}: must have at most {max} items");
    FieldError { why: Why::TooMany, field: field.to_owned(), value: Value::Null, detail }
}

fn probes(out: &mut Faults, container: &Value, path: &str, around: &Around<'_>) {
    if let Some(hooks) = container.at("lifecycle") {
        probe::lifecycle(out, hooks, &format!("{path}.lifecycle"), around.grace, around.os);
    }
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        probe::probe(out, container, path, kind);
    }
}

/// Every fault of `containers`.
pub(crate) fn regular(out: &mut Faults, containers: &[Value], path: &str, around: &Around<'_>) {
    if containers.is_empty() {
        out.push(FieldError::required(path, ""));
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for (i, container) in containers.iter().enumerate() {
        let item = format!("{path}[{i}]");
        common(out, container, &item, around);
        let name = container.text("name");
        if names.contains(&name) {
            out.push(FieldError::duplicate(format!("{item}.name"), name));
        } else {
            names.push(name);
        }
        probes(out, container, &item, around);
        restart_rules(out, container, &item);
    }
    host_port_clashes(out, containers, path);
}

/// Every fault of `initContainers`; `regular` are the pod's other containers.
pub(crate) fn init(out: &mut Faults, containers: &[Value], regular: &[Value], path: &str, around: &Around<'_>) {
    let mut names: Vec<&str> = regular.iter().map(|c| c.text("name")).collect();
    for (i, container) in containers.iter().enumerate() {
        let item = format!("{path}[{i}]");
        common(out, container, &item, around);
        restart_rules(out, container, &item);
        let name = container.text("name");
        if names.contains(&name) {
            out.push(FieldError::duplicate(format!("{item}.name"), name));
        } else if !name.is_empty() {
            names.push(name);
        }
        // Init containers run one by one, so each is checked alone; upstream reports on the list.
        host_port_clashes(out, std::slice::from_ref(container), path);
        if container.text("restartPolicy") == "Always" {
            probes(out, container, &item, around);
            continue;
        }
        for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.has(key) {
                let detail = "may not be set for init containers without restartPolicy=Always";
                out.push(FieldError::forbidden(format!("{item}.{key}"), detail));
            }
        }
        if container.has("resizePolicy") && !container.list("resizePolicy").is_empty() {
            let shown = container.get("resizePolicy").cloned().unwrap_or_default();
            out.push(FieldError::invalid(format!("{item}.resizePolicy"), shown, "must not be set for init containers"));
        }
    }
}

/// Every fault of `ephemeralContainers`.
pub(crate) fn ephemeral(out: &mut Faults, spec: &Value, path: &str, around: &Around<'_>) {
    let others: Vec<&str> = spec.list("containers").iter().chain(spec.list("initContainers")).map(|c| c.text("name")).collect();
    let mut names = others.clone();
    for (i, container) in spec.list("ephemeralContainers").iter().enumerate() {
        let item = format!("{path}[{i}]");
        common(out, container, &item, around);
        padded_image(out, container, &item);
        let (name, target) = (container.text("name"), container.text("targetContainerName"));
        if names.contains(&name) {
            out.push(FieldError::duplicate(format!("{item}.name"), name));
        } else {
            names.push(name);
        }
        if !target.is_empty() && !others.contains(&target) {
            out.push(FieldError::not_found(format!("{item}.targetContainerName"), target));
        }
        let refused = "cannot be set for an Ephemeral Container";
        for key in [
            "ports",
            "resources",
            "resizePolicy",
            "restartPolicy",
            "restartPolicyRules",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
        ] {
            let set = match container.at(key) {
                None => false,
                Some(Value::Array(items)) => !items.is_empty(),
                Some(Value::Object(map)) => key != "resources" || !map.is_empty(),
                Some(_) => true,
            };
            if set {
                out.push(FieldError::forbidden(format!("{item}.{key}"), refused));
            }
        }
        for (j, mount) in container.list("volumeMounts").iter().enumerate() {
            for key in ["subPath", "subPathExpr"] {
                if !mount.text(key).is_empty() {
                    out.push(FieldError::forbidden(format!("{item}.volumeMounts[{j}].{key}"), refused));
                }
            }
        }
    }
}

/// What is refused in pods but not in templates.
pub(crate) fn pod_only(out: &mut Faults, spec: &Value, path: &str) {
    for kind in ["containers", "initContainers"] {
        for (i, container) in spec.list(kind).iter().enumerate() {
            padded_image(out, container, &format!("{path}.{kind}[{i}]"));
        }
    }
}
