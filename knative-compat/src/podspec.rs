//! Defaults of the pod spec inside a Revision or a template: timeouts, names, probes, resources, security. Fed by `default`.

use crate::config::{Config, Flag};
use crate::{doc, names};
use serde_json::{Map, Value, json};

/// Fills in what a revision's spec leaves out. `parent` is the document that holds it, for templates of names.
pub fn default(spec: &mut Value, parent: &Value, config: &Config, create: bool) {
    let Some(map) = spec.as_object_mut() else { return };
    limits(map, config);
    if create && let Some(links) = config.defaults.enable_service_links {
        let any = map.get("containers").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if any {
            map.entry("enableServiceLinks").or_insert_with(|| links.into());
        }
    }
    container_names(map, parent, config);
    let writable = writable_volumes(map);
    let pod_security = map.get("securityContext").cloned().unwrap_or(Value::Null);
    let single = map.get("containers").and_then(Value::as_array).is_some_and(|list| list.len() == 1);
    for container in list(map, "containers") {
        resources(container, config);
        probes(container, single);
        mounts(container, &writable);
        security(container, &pod_security, config);
        container.sort_keys();
    }
    for container in list(map, "initContainers") {
        security(container, &pod_security, config);
        container.sort_keys();
    }
    map.sort_keys();
}

fn list<'a>(map: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn limits(map: &mut Map<String, Value>, config: &Config) {
    let defaults = &config.defaults;
    let given = map.get("timeoutSeconds").and_then(Value::as_i64).unwrap_or(0);
    let timeout = if given == 0 { defaults.timeout_s } else { given };
    map.insert("timeoutSeconds".into(), timeout.into());
    map.entry("containerConcurrency").or_insert_with(|| defaults.container_concurrency.into());
    for (key, value) in
        [("idleTimeoutSeconds", defaults.idle_timeout_s), ("responseStartTimeoutSeconds", defaults.response_start_timeout_s)]
    {
        if value != 0 && value < timeout {
            map.entry(key).or_insert_with(|| value.into());
        }
    }
}

fn container_names(map: &mut Map<String, Value>, parent: &Value, config: &Config) {
    let value = |field: &str| match field {
        "Name" => doc::name(parent).to_owned(),
        "Namespace" => doc::namespace(parent).to_owned(),
        "GenerateName" => doc::text(parent, "/metadata/generateName").to_owned(),
        _ => String::new(),
    };
    let mut taken: Vec<String> = ["containers", "initContainers"]
        .iter()
        .filter_map(|key| map.get(*key).and_then(Value::as_array))
        .flatten()
        .map(|container| doc::text(container, "/name").to_owned())
        .collect();
    for (key, template) in
        [("containers", &config.defaults.container_name), ("initContainers", &config.defaults.init_container_name)]
    {
        let base = template.fill(parent, value);
        let several = map.get(key).and_then(Value::as_array).is_some_and(|list| list.len() > 1);
        let mut next = 0_usize;
        for container in list(map, key) {
            if container.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty()) {
                continue;
            }
            let mut name = base.clone();
            while several && name == base || taken.contains(&name) {
                name = names::child(&base, &format!("-{next}"));
                next += 1;
            }
            taken.push(name.clone());
            container.insert("name".into(), name.into());
        }
    }
}

fn resources(container: &mut Map<String, Value>, config: &Config) {
    let Some(resources) = container.entry("resources").or_insert_with(|| json!({})).as_object_mut() else { return };
    for (part, pick) in [("limits", 0), ("requests", 1)] {
        let wanted: Vec<_> = config
            .defaults
            .resources
            .iter()
            .filter_map(|r| if pick == 0 { r.limit.as_ref() } else { r.request.as_ref() }.map(|value| (r.name, value)))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        if let Some(map) = resources.entry(part).or_insert_with(|| json!({})).as_object_mut() {
            for (name, value) in wanted {
                map.entry(name).or_insert_with(|| value.clone().into());
            }
            map.sort_keys();
        }
    }
    resources.sort_keys();
}

/// The serving container always has a readiness probe; a port of 0 stands for the serving port.
fn probes(container: &mut Map<String, Value>, single: bool) {
    let serving = single || container.get("ports").and_then(Value::as_array).is_some_and(|ports| !ports.is_empty());
    if serving && let Some(probe) = container.entry("readinessProbe").or_insert_with(|| json!({})).as_object_mut() {
        let handled = ["tcpSocket", "httpGet", "exec", "grpc"].iter().any(|handler| probe.contains_key(*handler));
        if !handled {
            probe.insert("tcpSocket".into(), json!({"port": 0}));
        }
    }
    if let Some(probe) = container.get_mut("readinessProbe").and_then(Value::as_object_mut) {
        let unset = |probe: &Map<String, Value>, key: &str| probe.get(key).and_then(Value::as_i64).unwrap_or(0) == 0;
        if unset(probe, "successThreshold") {
            probe.insert("successThreshold".into(), 1.into());
        }
        if !unset(probe, "periodSeconds") {
            for (key, value) in [("failureThreshold", 3), ("timeoutSeconds", 1)] {
                if unset(probe, key) {
                    probe.insert(key.into(), value.into());
                }
            }
        }
        probe.sort_keys();
    }
    for key in ["readinessProbe", "livenessProbe", "startupProbe"] {
        let grpc = container.get_mut(key).and_then(|probe| probe.get_mut("grpc"));
        if let Some(service) = grpc.and_then(|grpc| grpc.get_mut("service"))
            && service.is_null()
        {
            *service = "".into();
        }
    }
}

fn writable_volumes(map: &Map<String, Value>) -> Vec<String> {
    let sources = ["emptyDir", "persistentVolumeClaim", "ephemeral"];
    map.get("volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|volume| sources.iter().any(|source| volume.get(source).is_some()))
        .map(|volume| doc::text(volume, "/name").to_owned())
        .collect()
}

fn mounts(container: &mut Map<String, Value>, writable: &[String]) {
    for mount in list(container, "volumeMounts") {
        let name = mount.get("name").and_then(Value::as_str).unwrap_or("");
        if !writable.iter().any(|volume| volume == name) {
            mount.insert("readOnly".into(), true.into());
            mount.sort_keys();
        }
    }
}

/// `secure-pod-defaults`: what is not said becomes what the restricted pod security standard wants.
fn security(container: &mut Map<String, Value>, pod: &Value, config: &Config) {
    let mode = config.features.secure_pod_defaults;
    if !matches!(mode, Flag::Enabled | Flag::AllowRootBounded) {
        return;
    }
    let low_port = doc::items(&Value::Object(container.clone()), "/ports")
        .any(|port| doc::int(port, "/containerPort").is_some_and(|number| number < 1024));
    let Some(context) = container.entry("securityContext").or_insert_with(|| json!({})).as_object_mut() else { return };
    context.entry("allowPrivilegeEscalation").or_insert_with(|| false.into());
    if doc::text(pod, "/seccompProfile/type").is_empty() {
        let typed = context.get("seccompProfile").is_some_and(|profile| !doc::text(profile, "/type").is_empty());
        if !typed {
            context.insert("seccompProfile".into(), json!({"type": "RuntimeDefault"}));
        }
    }
    context.entry("capabilities").or_insert_with(|| {
        if low_port { json!({"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}) } else { json!({"drop": ["ALL"]}) }
    });
    if mode == Flag::Enabled && pod.get("runAsNonRoot").is_none_or(Value::is_null) {
        context.entry("runAsNonRoot").or_insert_with(|| true.into());
    }
    context.sort_keys();
}
