//! Rules on the pod spec: which fields may be set under which feature, ports over all containers, security warnings.

use super::{Faults, container, volume};
use crate::config::{Config, Features};
use crate::{doc, names};
use serde_json::Value;

/// All rules on a revision's pod spec.
pub(super) fn spec(config: &Config, spec: &Value) -> Faults {
    let features = &config.features;
    let mut out = fields(features, spec);
    if let Some(context) = spec.get("securityContext").filter(|c| !c.is_null()) {
        out.also(pod_security(features, context).via("securityContext"));
    }
    let pod_context = spec.get("securityContext").unwrap_or(&Value::Null);
    for list in ["containers", "initContainers"] {
        for (i, each) in doc::items(spec, &format!("/{list}")).enumerate() {
            let own = each.get("securityContext").unwrap_or(&Value::Null);
            out.also(insecure(pod_context, own).via("securityContext").via_index(list, i));
        }
    }
    out.also(volume::list(features, spec).via("volumes"));
    out.also(init_containers(features, spec));
    let containers: Vec<&Value> = doc::items(spec, "/containers").collect();
    out.also(ports(&containers).via("containers[*]"));
    match containers.as_slice() {
        [] => out.also(Faults::missing(&["containers"])),
        [only] => out.also(container::serving(config, spec, only, &containers).via_index("containers", 0)),
        _ => out.also(several(config, spec, &containers)),
    }
    let account = doc::text(spec, "/serviceAccountName");
    if !account.is_empty() {
        for wrong in names::subdomain(account) {
            out.also(Faults::invalid(account, "serviceAccountName").details(wrong));
        }
    }
    out
}

fn fields(features: &Features, spec: &Value) -> Faults {
    let secured = features.security_context.taken() || features.secure_pod_defaults.taken();
    let rules = [
        ("affinity", features.affinity.taken()),
        ("topologySpreadConstraints", features.topology_spread.taken()),
        ("hostAliases", features.host_aliases.taken()),
        ("nodeSelector", features.node_selector.taken()),
        ("runtimeClassName", features.runtime_class_name.taken()),
        ("tolerations", features.tolerations.taken()),
        ("securityContext", secured),
        ("shareProcessNamespace", features.share_process_namespace.taken()),
        ("priorityClassName", features.priority_class_name.taken()),
        ("schedulerName", features.scheduler_name.taken()),
        ("initContainers", features.init_containers.taken()),
        ("dnsPolicy", features.dns_policy.taken()),
        ("dnsConfig", features.dns_config.taken()),
        // Without a token at all, but never with an explicit one.
        ("automountServiceAccountToken", spec.get("automountServiceAccountToken") == Some(&Value::Bool(false))),
    ];
    let refused: Vec<&str> =
        rules.iter().filter(|(key, taken)| !taken && spec.get(key).is_some_and(|v| !v.is_null())).map(|(key, _)| *key).collect();
    if refused.is_empty() { Faults::none() } else { Faults::disallowed(&refused) }
}

fn pod_security(features: &Features, context: &Value) -> Faults {
    let known = ["runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "supplementalGroups", "seccompProfile"];
    let taken = |key: &str| {
        let opt_out = features.secure_pod_defaults.on()
            && key == "seccompProfile"
            && ["RuntimeDefault", "Unconfined"].contains(&doc::text(context, "/seccompProfile/type"));
        opt_out || features.security_context.taken() && known.contains(&key)
    };
    let map = context.as_object();
    let refused: Vec<&str> = map.into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| !taken(key)).collect();
    let mut out = if refused.is_empty() { Faults::none() } else { Faults::disallowed(&refused) };
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        out.also(identity(context, key));
    }
    for (i, group) in doc::items(context, "/supplementalGroups").enumerate() {
        if let Some(id) = group.as_i64().filter(|id| i32::try_from(*id).is_err() || *id < 0) {
            out.also(Faults::out_of_bounds(id, 0, i32::MAX, "").via_index("supplementalGroups", i));
        }
    }
    out
}

/// A user or group id.
pub(super) fn identity(context: &Value, key: &str) -> Faults {
    match doc::int(context, &format!("/{key}")) {
        Some(id) if id < 0 || i32::try_from(id).is_err() => Faults::out_of_bounds(id, 0, i32::MAX, key),
        _ => Faults::none(),
    }
}

/// The warnings about what is left to Kubernetes' insecure defaults.
fn insecure(pod: &Value, own: &Value) -> Faults {
    let unset = |context: &Value, key: &str| context.get(key).is_none_or(Value::is_null);
    let mut paths = Vec::new();
    if unset(pod, "runAsNonRoot") && unset(own, "runAsNonRoot") {
        paths.push("runAsNonRoot");
    }
    if unset(own, "allowPrivilegeEscalation") {
        paths.push("allowPrivilegeEscalation");
    }
    if unset(pod, "seccompProfile") && unset(own, "seccompProfile") {
        paths.push("seccompProfile");
    } else if doc::text(pod, "/seccompProfile/type").is_empty() && doc::text(own, "/seccompProfile/type").is_empty() {
        paths.push("seccompProfile.type");
    }
    let mut out = Faults::none();
    if unset(own, "capabilities") {
        paths.push("capabilities");
    } else {
        match own.pointer("/capabilities/drop").and_then(Value::as_array).map(Vec::as_slice) {
            None => paths.push("capabilities.drop"),
            Some([first, ..]) if first == "all" => {
                out.also(Faults::invalid("all", "capabilities.drop").details("Must be spelled as 'ALL'").as_warning());
            }
            Some(_) => {}
        }
    }
    if !paths.is_empty() {
        let text = "Kubernetes default value is insecure, Knative may default this to secure in a future release";
        out.also(Faults::generic(text, &paths).as_warning());
    }
    out
}

/// One port over all containers; with several containers it says which one serves.
fn ports(containers: &[&Value]) -> Faults {
    let count: usize = containers.iter().map(|c| doc::items(c, "/ports").count()).sum();
    match (count, containers.len()) {
        (0, 2..) => Faults::missing(&["ports"]),
        (2.., _) => Faults::generic("more than one container port is set", &["ports"])
            .details("Only a single port is allowed across all containers"),
        _ => Faults::none(),
    }
}

fn several(config: &Config, spec: &Value, containers: &[&Value]) -> Faults {
    if !config.features.multi_container.on() {
        return Faults::generic(format!("multi-container is off, but found {} containers", containers.len()), &[""]);
    }
    let mut out = Faults::none();
    for (i, each) in containers.iter().enumerate() {
        let name = doc::text(each, "/name");
        if containers[..i].iter().any(|earlier| doc::text(earlier, "/name") == name) {
            let text = format!("duplicate container name {name:?}");
            out.also(Faults::generic(text, &["name"]).via_index("containers", i));
        }
        let found = if doc::items(each, "/ports").next().is_none() {
            container::sidecar(config, spec, each)
        } else {
            container::serving(config, spec, each, containers)
        };
        out.also(found.via_index("containers", i));
    }
    out
}

fn init_containers(features: &Features, spec: &Value) -> Faults {
    let init: Vec<&Value> = doc::items(spec, "/initContainers").collect();
    if init.is_empty() {
        return Faults::none();
    }
    if !features.init_containers.on() {
        let text = format!("pod spec support for init-containers is off, but found {} init containers", init.len());
        return Faults::generic(text, &[]);
    }
    let mut out = Faults::none();
    for (i, each) in init.iter().enumerate() {
        let name = doc::text(each, "/name");
        if doc::items(spec, "/containers").any(|other| doc::text(other, "/name") == name) {
            let text = format!("duplicate container name {name:?}");
            out.also(Faults::generic(text, &["name"]).via_index("containers", i));
        }
        out.also(container::init(features, spec, each).via_index("containers", i));
    }
    out
}
