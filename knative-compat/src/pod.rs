//! The pod template of a revision's sandboxes: upstream's, without the sidecar. The user's readiness probe therefore stays with
//! the user's container. Fed by the caller when a revision is made; must not know nodes.

use crate::{doc, keys};
use serde_json::{Map, Value, json};

/// The port requests go to when a revision names none.
pub const DEFAULT_PORT: u16 = 8080;

/// What upstream keeps from a revision's own labels and annotations away from everything it makes.
const PRIVATE: [&str; 4] = [keys::ROUTING_STATE, keys::ROUTES, keys::ROUTING_STATE_MODIFIED, keys::LAST_APPLIED];
/// Fields of a revision's spec that are no fields of a pod's.
const KNATIVE_FIELDS: [&str; 5] =
    ["containers", "containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds"];

/// The port of the serving container, and whether it speaks HTTP/2 without TLS.
#[must_use]
pub fn serving_port(revision: &Value) -> (u16, bool) {
    let port = serving_container(revision).and_then(|c| c.pointer("/ports/0"));
    let number = port.and_then(|p| doc::int(p, "/containerPort")).and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
    let h2c = port.is_some_and(|p| doc::text(p, "/name") == "h2c");
    (if number == 0 { DEFAULT_PORT } else { number }, h2c)
}

/// The container that requests go to: the one with ports, or the only one.
#[must_use]
pub fn serving_container(revision: &Value) -> Option<&Value> {
    doc::items(revision, "/spec/containers")
        .find(|c| doc::items(c, "/ports").next().is_some())
        .or_else(|| revision.pointer("/spec/containers/0"))
}

/// The labels of everything that is made for a revision.
#[must_use]
pub fn labels(revision: &Value) -> Map<String, Value> {
    let own = doc::entries(revision, "/metadata/labels").filter(|(key, _)| !PRIVATE.contains(&key.as_str()));
    let name = doc::name(revision);
    let app = doc::label(revision, "app").unwrap_or(name);
    let made = [("app", app), (keys::REVISION, name), (keys::REVISION_UID, doc::uid(revision))];
    let rest: Vec<(String, String)> = own.filter(|(key, _)| key != "app").collect();
    doc::strings(rest.into_iter().chain(made.map(|(k, v)| (k.to_owned(), v.to_owned()))))
}

/// The annotations of everything that is made for a revision.
#[must_use]
pub fn annotations(revision: &Value) -> Map<String, Value> {
    doc::strings(doc::entries(revision, "/metadata/annotations").filter(|(key, _)| !PRIVATE.contains(&key.as_str())))
}

/// `{metadata, spec}` of the pods of a revision. `digest` gives the resolved image of a container, by its name.
#[must_use]
pub fn template(revision: &Value, digest: impl Fn(&str) -> Option<String>) -> Value {
    let (port, _) = serving_port(revision);
    let serving = serving_container(revision).map(|c| doc::text(c, "/name").to_owned()).unwrap_or_default();
    let containers: Vec<Value> = doc::items(revision, "/spec/containers")
        .map(|given| {
            let name = doc::text(given, "/name");
            let mut container = self::container(revision, given, (name == serving).then_some(port));
            if let Some(image) = digest(name) {
                container.insert("image".into(), image.into());
            }
            container.sort_keys();
            Value::Object(container)
        })
        .collect();
    let mut spec = Map::new();
    spec.insert("containers".into(), Value::Array(containers));
    for (key, value) in revision.get("spec").and_then(Value::as_object).into_iter().flatten() {
        if !KNATIVE_FIELDS.contains(&key.as_str()) {
            spec.insert(key.clone(), value.clone());
        }
    }
    spec.entry("enableServiceLinks").or_insert_with(|| false.into());
    spec.entry("affinity").or_insert_with(|| spread(doc::name(revision)));
    let timeout = doc::int(revision, "/spec/timeoutSeconds").unwrap_or(300);
    spec.insert("terminationGracePeriodSeconds".into(), timeout.into());
    spec.sort_keys();
    let mut meta = Map::new();
    let annotations = annotations(revision);
    if !annotations.is_empty() {
        meta.insert("annotations".into(), Value::Object(annotations));
    }
    meta.insert("labels".into(), Value::Object(labels(revision)));
    json!({"metadata": meta, "spec": spec})
}

/// Replicas of one revision rather lie on different nodes.
fn spread(revision: &str) -> Value {
    json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
        "podAffinityTerm": {
            "labelSelector": {"matchLabels": {keys::REVISION: revision}},
            "topologyKey": "kubernetes.io/hostname",
        },
        "weight": 100,
    }]}})
}

fn container(revision: &Value, given: &Value, port: Option<u16>) -> Map<String, Value> {
    let mut out = given.as_object().cloned().unwrap_or_default();
    let mut env: Vec<Value> = doc::items(given, "/env").cloned().collect();
    if let Some(port) = port {
        env.push(json!({"name": "PORT", "value": port.to_string()}));
        out.insert("ports".into(), json!([{"name": "user-port", "containerPort": port, "protocol": "TCP"}]));
    } else {
        out.shift_remove("ports");
    }
    for (name, value) in [
        ("K_REVISION", doc::name(revision)),
        ("K_CONFIGURATION", doc::label(revision, keys::CONFIGURATION).unwrap_or("")),
        ("K_SERVICE", doc::label(revision, keys::SERVICE).unwrap_or("")),
    ] {
        env.push(json!({"name": name, "value": value}));
    }
    out.insert("env".into(), Value::Array(env));
    for key in ["readinessProbe", "livenessProbe", "startupProbe"] {
        if let Some(probe) = out.get_mut(key).and_then(Value::as_object_mut) {
            aim(probe, port.unwrap_or(0));
            if key == "readinessProbe" {
                quicken(probe);
            }
        }
    }
    out.entry("terminationMessagePolicy").or_insert_with(|| "FallbackToLogsOnError".into());
    out
}

/// A port of 0 or a name stands for the serving port.
fn aim(probe: &mut Map<String, Value>, port: u16) {
    for handler in ["tcpSocket", "httpGet", "grpc"] {
        if let Some(target) = probe.get_mut(handler).and_then(|h| h.get_mut("port"))
            && (target.as_i64() == Some(0) || target.is_string())
            && port != 0
        {
            *target = port.into();
        }
    }
}

/// Without a period Knative probes as fast as it can; the shortest period of Kubernetes is one second.
fn quicken(probe: &mut Map<String, Value>) {
    if probe.get("periodSeconds").and_then(Value::as_i64).unwrap_or(0) == 0 {
        probe.insert("periodSeconds".into(), 1.into());
        probe.sort_keys();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kn_service_deployment() {
        let revision = json!({
            "metadata": {"name": "hello-00001", "uid": "u", "labels": {
                "serving.knative.dev/configuration": "hello", "serving.knative.dev/service": "hello",
                "serving.knative.dev/routingState": "active",
            }, "annotations": {"serving.knative.dev/creator": "admin", "serving.knative.dev/routes": "hello"}},
            "spec": {"containerConcurrency": 0, "timeoutSeconds": 300, "enableServiceLinks": false, "containers": [
                {"image": "dev.local/hello:1", "name": "user-container", "resources": {},
                 "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}}},
            ]},
        });
        let template = template(&revision, |_| None);
        let container = &template["spec"]["containers"][0];
        assert_eq!(
            container["env"],
            json!([{"name": "PORT", "value": "8080"}, {"name": "K_REVISION", "value": "hello-00001"},
                   {"name": "K_CONFIGURATION", "value": "hello"}, {"name": "K_SERVICE", "value": "hello"}])
        );
        assert_eq!(container["ports"], json!([{"name": "user-port", "containerPort": 8080, "protocol": "TCP"}]));
        assert_eq!(container["readinessProbe"]["tcpSocket"]["port"], 8080);
        assert_eq!(template["spec"]["terminationGracePeriodSeconds"], 300);
        assert_eq!(template["metadata"]["annotations"], json!({"serving.knative.dev/creator": "admin"}));
        assert_eq!(template["metadata"]["labels"]["app"], "hello-00001");
        assert!(template["metadata"]["labels"].get("serving.knative.dev/routingState").is_none());
    }

    #[test]
    fn ports() {
        let with = |ports: Value| json!({"spec": {"containers": [{"name": "side"}, {"name": "main", "ports": ports}]}});
        assert_eq!(serving_port(&with(json!([{"containerPort": 8888, "name": "h2c"}]))), (8888, true));
        assert_eq!(serving_port(&with(json!([{"containerPort": 0}]))), (8080, false));
        assert_eq!(serving_port(&json!({"spec": {"containers": [{"name": "c"}]}})), (8080, false));
    }
}
