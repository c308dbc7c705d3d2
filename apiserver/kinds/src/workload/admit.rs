//! What the admission plugins of a stock server add to a pod on its way in: account and token, tolerations, priority.
//!
//! Fed by the admission station with what it looked up (account, priority class) and some chance. Must not look up anything.

use super::pod_notes::MIRROR;
use super::read::{Read, fill, items_mut};
use serde_json::{Value, json};

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and a little, so that tokens of upstream's own and of this server are told apart as upstream does.
const TOKEN_SECONDS: i64 = 3607;
const TOLERATION_SECONDS: i64 = 300;

/// Adds to a new pod what a stock server's admission adds. `suffix` is five characters of chance for the token volume,
/// `service_account_automount` what the account says, `priority` the value and preemption policy of the pod's class.
pub fn admit_pod(pod: &mut Value, suffix: &str, service_account_automount: bool, priority: Option<(i64, &str)>) {
    let mirror = pod.pointer("/metadata/annotations").is_some_and(|a| a.has(MIRROR));
    let Some(spec) = pod.get_mut("spec").filter(|s| s.is_object()) else { return };
    if !mirror {
        fill(spec, "serviceAccountName", "default");
        let account = spec.text("serviceAccountName").to_owned();
        fill(spec, "serviceAccount", account);
        let wanted = spec.get("automountServiceAccountToken").and_then(Value::as_bool);
        if wanted.unwrap_or(service_account_automount) {
            mount_token(spec, suffix);
        }
    }
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        tolerate(spec, key);
    }
    let (value, policy) = priority.unwrap_or((0, "PreemptLowerPriority"));
    fill(spec, "priority", value);
    fill(spec, "preemptionPolicy", policy);
}

/// Gives a changed pod what admission adds to it again, so that a manifest without it can replace the pod.
pub fn admit_changed_pod(pod: &mut Value, old: &Value) {
    let Some(spec) = pod.get_mut("spec").filter(|s| s.is_object()) else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        tolerate(spec, key);
    }
    for field in ["priority", "preemptionPolicy"] {
        if let Some(value) = old.pointer(&format!("/spec/{field}")) {
            fill(spec, field, value.clone());
        }
    }
}

fn is_token_source(source: &Value) -> bool {
    source.has("serviceAccountToken")
}

fn mount_token(spec: &mut Value, suffix: &str) {
    // A volume of this shape from before (a copied pod) is used again.
    let held = spec.list("volumes").iter().find(|volume| {
        volume.text("name").starts_with("kube-api-access-")
            && volume.at("projected").is_some_and(|p| p.list("sources").iter().any(is_token_source))
    });
    let existing = held.map(|volume| volume.text("name").to_owned());
    let name = existing.clone().unwrap_or_else(|| format!("kube-api-access-{suffix}"));
    let mut mounted = false;
    for kind in ["initContainers", "containers"] {
        for container in items_mut(spec, kind) {
            if container.list("volumeMounts").iter().any(|m| m.text("mountPath") == TOKEN_PATH) {
                continue;
            }
            let mount = json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH});
            mounted |= push(container, "volumeMounts", mount);
        }
    }
    if mounted && existing.is_none() {
        push(spec, "volumes", token_volume(&name));
    }
}

fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ], "defaultMode": 420}})
}

/// Appends to the list under `key`; tells whether it could.
fn push(parent: &mut Value, key: &str, item: Value) -> bool {
    let Some(map) = parent.as_object_mut() else { return false };
    let slot = map.entry(key.to_owned()).or_insert_with(|| json!([]));
    if slot.is_null() {
        *slot = json!([]);
    }
    slot.as_array_mut().map(|list| list.push(item)).is_some()
}

fn tolerate(spec: &mut Value, key: &str) {
    let held = spec
        .list("tolerations")
        .iter()
        .any(|t| (t.text("key").is_empty() || t.text("key") == key) && matches!(t.text("effect"), "" | "NoExecute"));
    if !held {
        let item = json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATION_SECONDS});
        push(spec, "tolerations", item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_create() {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "img:1"}]}});
        admit_pod(&mut pod, "abcde", true, None);
        let once = pod.clone();
        admit_pod(&mut pod, "fghij", true, None);
        assert_eq!(pod, once);
        let spec = &pod["spec"];
        assert_eq!(spec["serviceAccountName"], "default");
        assert_eq!(spec["serviceAccount"], "default");
        assert_eq!(spec["priority"], 0);
        assert_eq!(spec["preemptionPolicy"], "PreemptLowerPriority");
        assert_eq!(spec["tolerations"].as_array().map(Vec::len), Some(2));
        assert_eq!(spec["volumes"][0]["name"], "kube-api-access-abcde");
        assert_eq!(spec["containers"][0]["volumeMounts"][0]["mountPath"], TOKEN_PATH);
    }

    #[test]
    fn no_token_and_own_tolerations() {
        let mut pod = json!({"spec": {"automountServiceAccountToken": false, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "c"}]}});
        admit_pod(&mut pod, "abcde", true, Some((7, "Never")));
        assert_eq!(pod["spec"].get("volumes"), None);
        assert_eq!(pod["spec"]["tolerations"].as_array().map(Vec::len), Some(1));
        assert_eq!((&pod["spec"]["priority"], &pod["spec"]["preemptionPolicy"]), (&json!(7), &json!("Never")));
    }
}
