//! What upstream fills into pods and pod templates (core/v1 defaults).
//!
//! Fed by the strategies of this folder. Idempotent, checks nothing; must not know admission, which adds more to real pods.

use super::read::{Read, fill, fill_number, items_mut, object_in};
use serde_json::{Map, Value, json};

/// Access bits of files in volumes, 0644.
const FILE_MODE: i64 = 420;
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Fills in a `PodTemplateSpec`.
pub fn template(template: &mut Value) {
    // In Go the spec is always there.
    object_in(template, "spec");
    if let Some(spec) = template.get_mut("spec") {
        pod_spec(spec);
    }
}

/// Fills in what every `PodSpec` gets, in a pod and in a template alike.
pub fn pod_spec(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    for volume in items_mut(spec, "volumes") {
        fill_volume(volume);
    }
    for kind in CONTAINERS {
        for container in items_mut(spec, kind) {
            fill_container(container);
        }
    }
    fill(spec, "restartPolicy", "Always");
    fill(spec, "terminationGracePeriodSeconds", 30);
    fill(spec, "dnsPolicy", "ClusterFirst");
    object_in(spec, "securityContext");
    fill(spec, "schedulerName", "default-scheduler");
    // The old spelling of the account is kept in step with the new one.
    let account = match spec.text("serviceAccountName") {
        "" => spec.text("serviceAccount").to_owned(),
        name => name.to_owned(),
    };
    if !account.is_empty()
        && let Some(map) = spec.as_object_mut()
    {
        map.insert("serviceAccountName".into(), account.clone().into());
        map.insert("serviceAccount".into(), account.into());
    }
}

/// Fills in what only a `Pod` gets: requests from limits, service links, host ports.
pub fn pod(pod: &mut Value) {
    object_in(pod, "spec");
    let Some(spec) = pod.get_mut("spec").filter(|s| s.is_object()) else { return };
    pod_spec(spec);
    let on_host = spec.flag("hostNetwork");
    for kind in ["containers", "initContainers"] {
        for container in items_mut(spec, kind) {
            if let Some(resources) = container.get_mut("resources") {
                requests_from_limits(resources);
            }
            if on_host {
                for port in items_mut(container, "ports") {
                    let number = port.number("containerPort");
                    fill_number(port, "hostPort", number);
                }
            }
        }
    }
    pod_level_requests(spec);
    fill(spec, "enableServiceLinks", true);
}

fn requests_from_limits(resources: &mut Value) {
    let Some(limits) = resources.at("limits").and_then(Value::as_object).cloned() else { return };
    if let Some(requests) = object_in(resources, "requests") {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    }
}

/// With limits of the whole pod, its requests default to what its containers ask for, or to those limits.
fn pod_level_requests(spec: &mut Value) {
    let Some(limits) = spec.pointer("/resources/limits").and_then(Value::as_object).cloned() else { return };
    if limits.is_empty() {
        return;
    }
    let asked = super::resources::total_requests(spec);
    let Some(requests) = spec.get_mut("resources").and_then(|r| object_in(r, "requests")) else { return };
    for name in ["cpu", "memory"] {
        if let Some(amount) = asked.get(name) {
            requests.entry(name.to_owned()).or_insert_with(|| amount.clone().into());
        }
    }
    for (name, amount) in limits {
        if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
            requests.entry(name).or_insert(amount);
        }
    }
}

fn fill_container(container: &mut Value) {
    let policy = pull_policy(container.text("image"));
    fill(container, "imagePullPolicy", policy);
    fill(container, "terminationMessagePath", "/dev/termination-log");
    fill(container, "terminationMessagePolicy", "File");
    object_in(container, "resources");
    for port in items_mut(container, "ports") {
        fill(port, "protocol", "TCP");
    }
    for var in items_mut(container, "env") {
        if let Some(field) = var.pointer_mut("/valueFrom/fieldRef") {
            fill(field, "apiVersion", "v1");
        }
        if let Some(resource) = var.pointer_mut("/valueFrom/resourceFieldRef") {
            fill(resource, "divisor", "0");
        }
        if let Some(file) = var.pointer_mut("/valueFrom/fileKeyRef") {
            fill(file, "optional", false);
        }
    }
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(kind).filter(|p| p.is_object()) {
            fill_probe(probe);
        }
    }
    for moment in ["/lifecycle/postStart/httpGet", "/lifecycle/preStop/httpGet"] {
        if let Some(get) = container.pointer_mut(moment).filter(|g| g.is_object()) {
            fill_http_get(get);
        }
    }
}

/// `Always` when the tag is `latest` or missing, except for images named by digest.
pub(crate) fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, ""), |(name, digest)| (name, digest));
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = last.split_once(':').map_or("", |(_, tag)| tag);
    if tag == "latest" || (tag.is_empty() && digest.is_empty() && !image.is_empty()) { "Always" } else { "IfNotPresent" }
}

fn fill_http_get(get: &mut Value) {
    fill(get, "path", "/");
    fill(get, "scheme", "HTTP");
}

fn fill_probe(probe: &mut Value) {
    if let Some(get) = probe.get_mut("httpGet").filter(|g| g.is_object()) {
        fill_http_get(get);
    }
    if let Some(grpc) = probe.get_mut("grpc").and_then(Value::as_object_mut) {
        grpc.entry("service").or_insert_with(|| "".into());
    }
    fill_number(probe, "timeoutSeconds", 1);
    fill_number(probe, "periodSeconds", 10);
    fill_number(probe, "successThreshold", 1);
    fill_number(probe, "failureThreshold", 3);
}

fn fill_volume(volume: &mut Value) {
    let Some(map) = volume.as_object_mut() else { return };
    if !map.iter().any(|(key, value)| key != "name" && !value.is_null()) {
        map.insert("emptyDir".into(), Value::Object(Map::new()));
    }
    for kind in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(kind).filter(|s| s.is_object()) {
            fill(source, "defaultMode", FILE_MODE);
        }
    }
    if let Some(source) = volume.get_mut("downwardAPI") {
        fill_files(source);
    }
    if let Some(projected) = volume.get_mut("projected") {
        for source in items_mut(projected, "sources") {
            if let Some(token) = source.get_mut("serviceAccountToken").filter(|t| t.is_object()) {
                fill(token, "expirationSeconds", 3600);
            }
            if let Some(api) = source.get_mut("downwardAPI") {
                fill_files(api);
            }
        }
    }
    if let Some(path) = volume.get_mut("hostPath").and_then(Value::as_object_mut) {
        path.entry("type").or_insert_with(|| "".into());
    }
    if let Some(image) = volume.get_mut("image").filter(|i| i.is_object()) {
        let policy = pull_policy(image.text("reference"));
        fill(image, "pullPolicy", policy);
    }
    if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec").filter(|s| s.is_object()) {
        fill(claim, "volumeMode", "Filesystem");
    }
    fill_disks(volume);
}

fn fill_files(source: &mut Value) {
    for file in items_mut(source, "items") {
        if let Some(field) = file.get_mut("fieldRef").filter(|f| f.is_object()) {
            fill(field, "apiVersion", "v1");
        }
        if let Some(resource) = file.get_mut("resourceFieldRef").filter(|r| r.is_object()) {
            fill(resource, "divisor", "0");
        }
    }
}

/// The network disks of old.
fn fill_disks(volume: &mut Value) {
    let rows: [(&str, &[(&str, Value)]); 4] = [
        ("iscsi", &[("iscsiInterface", json!("default"))]),
        ("rbd", &[("pool", json!("rbd")), ("user", json!("admin")), ("keyring", json!("/etc/ceph/keyring"))]),
        (
            "azureDisk",
            &[
                ("cachingMode", json!("ReadWrite")),
                ("kind", json!("Shared")),
                ("fsType", json!("ext4")),
                ("readOnly", json!(false)),
            ],
        ),
        ("scaleIO", &[("storageMode", json!("ThinProvisioned")), ("fsType", json!("xfs"))]),
    ];
    for (kind, values) in rows {
        if let Some(source) = volume.get_mut(kind).filter(|s| s.is_object()) {
            for (key, value) in values {
                fill(source, key, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policy_by_tag() {
        for (image, want) in [
            ("img", "Always"),
            ("img:1", "IfNotPresent"),
            ("reg.example:5000/img", "Always"),
            ("reg.example:5000/img:latest", "Always"),
            ("img@sha256:0", "IfNotPresent"),
            ("img:latest@sha256:0", "Always"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), want, "{image}");
        }
    }

    #[test]
    fn workloads_rs_template() {
        let mut t = json!({"metadata": {}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        template(&mut t);
        let once = t.clone();
        template(&mut t);
        assert_eq!(t, once);
        assert_eq!(
            t["spec"],
            json!({"containers": [{"name": "c", "image": "i", "resources": {}, "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "imagePullPolicy": "Always"}], "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "securityContext": {},
                "schedulerName": "default-scheduler"})
        );
    }

    #[test]
    fn host_ports_and_requests() {
        let mut p = json!({"spec": {"hostNetwork": true, "containers": [{"name": "c", "image": "i:1",
            "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1"}}}]}});
        pod(&mut p);
        assert_eq!(p["spec"]["containers"][0]["ports"][0], json!({"containerPort": 80, "protocol": "TCP", "hostPort": 80}));
        assert_eq!(p["spec"]["containers"][0]["resources"]["requests"], json!({"cpu": "1"}));
        assert_eq!(p["spec"]["enableServiceLinks"], json!(true));
    }
}
