//! The objects that load is made of. Fed with names and numbers; knows the kinds' smallest valid forms and nothing of a server.

use serde_json::{Value, json};

/// Every figure works in this namespace.
pub const NAMESPACE: &str = "load";

/// Path and body of the namespace.
pub fn namespace() -> (String, Value) {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    ("/api/v1/namespaces".to_owned(), body)
}

/// Collection of Deployments.
pub fn deployments() -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
}

/// Collection of Knative Services.
pub fn services() -> String {
    format!("/apis/serving.knative.dev/v1/namespaces/{NAMESPACE}/services")
}

/// A Deployment of one small container.
pub fn deployment(name: &str, replicas: u32) -> (String, Value) {
    let labels = json!({"app": name});
    let body = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "c", "image": "dev.local/small:1", "ports": [{"containerPort": 8080}]}]},
        }},
    });
    (deployments(), body)
}

/// The headless Service in front of it, whose EndpointSlice shows when a sandbox can be reached.
pub fn headless(name: &str) -> (String, Value) {
    let body = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    (format!("/api/v1/namespaces/{NAMESPACE}/services"), body)
}

/// A Knative Service that starts at zero.
pub fn service(name: &str, image: &str, window: Option<&str>) -> (String, Value) {
    let mut annotations = json!({"autoscaling.knative.dev/initial-scale": "0"});
    if let Some(window) = window {
        annotations["autoscaling.knative.dev/window"] = json!(window);
        annotations["autoscaling.knative.dev/scale-to-zero-pod-retention-period"] = json!("0s");
    }
    let body = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": {"containers": [{"image": image}]}}},
    });
    (services(), body)
}

/// A ConfigMap of about `bytes`.
pub fn config_map(name: &str, bytes: usize) -> (String, Value) {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"d": "x".repeat(bytes)}});
    (format!("/api/v1/namespaces/{NAMESPACE}/configmaps"), body)
}

/// A Pod that no scheduler takes, as in the figures of stock.
pub fn pod(name: &str) -> (String, Value) {
    let body = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "load"}},
        "spec": {"schedulerName": "none", "containers": [{"name": "c", "image": "dev.local/small:1"}]},
    });
    (format!("/api/v1/namespaces/{NAMESPACE}/pods"), body)
}
