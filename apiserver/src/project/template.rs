//! What the Pods of one revision look like: pre-rendered bytes with holes, so that showing a Pod is a splice.
//!
//! Made by `store/flatten.rs` from a ReplicaSet or a Knative Revision; read by `project/pod.rs`, `endpoints.rs` and `agents`.

use super::name;
use super::stencil::Stencils;
use serde_json::{Map, Value};
use skiff_kinds::workload;

/// One container as its status needs it.
#[derive(Debug, Clone)]
pub struct Face {
    /// Container name.
    pub name: String,
    /// Image as in the spec.
    pub image: String,
    /// From `initContainers`.
    pub init: bool,
    /// `resources` as JSON, if any.
    pub resources: Option<Value>,
    /// Volume mounts as JSON, if any.
    pub mounts: Option<Value>,
}

/// A port that Services may name.
#[derive(Debug, Clone)]
pub struct Port {
    /// Name or empty.
    pub name: String,
    /// Number.
    pub number: u16,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// The template.
#[derive(Debug)]
pub struct Template {
    /// Number of the revision.
    pub serial: u32,
    /// Namespace of its Pods.
    pub namespace: String,
    /// Pod names are this, a dash and five letters.
    pub prefix: String,
    /// Identity of the owner: Pod identities are derived from it.
    pub owner_uid: u128,
    /// Labels of each Pod.
    pub labels: Vec<(String, String)>,
    /// Containers in order, init containers first.
    pub faces: Vec<Face>,
    /// Ports of all containers.
    pub ports: Vec<Port>,
    /// `status.qosClass`.
    pub qos: &'static str,
    /// Shares the node's address.
    pub host_network: bool,
    /// Metadata after `creationTimestamp`: `,"labels":{…},…}` with the closing brace.
    pub(super) meta_tail: Vec<u8>,
    /// `"spec":{…` without the closing brace and without `nodeName`.
    pub(super) spec_head: Vec<u8>,
    /// The whole Pod as a node needs it.
    pub pod: Value,
    /// What the statuses of its Pods have in common, made when first shown.
    pub(super) stencils: Stencils,
}

/// Who owns the Pods.
pub struct Owner<'a> {
    /// `apps/v1`.
    pub api_version: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
    /// Identity.
    pub uid: u128,
}

impl Template {
    /// From a Pod template (metadata and spec, defaults filled in).
    #[must_use]
    pub fn new(serial: u32, namespace: &str, prefix: &str, owner: &Owner<'_>, template: &Value) -> Template {
        let mut pod = Value::Object(Map::new());
        let mut meta = template.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        meta.retain(|key, _| matches!(key.as_str(), "labels" | "annotations" | "finalizers"));
        meta.insert(
            "ownerReferences".into(),
            serde_json::json!([{"apiVersion": owner.api_version, "kind": owner.kind,
            "name": owner.name, "uid": name::uid_text(owner.uid), "controller": true, "blockOwnerDeletion": true}]),
        );
        meta.insert("namespace".into(), namespace.into());
        meta.insert("generateName".into(), format!("{prefix}-").into());
        pod["metadata"] = Value::Object(meta);
        pod["spec"] = template.get("spec").cloned().unwrap_or_default();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        let suffix = name::letters(name::digest(&[&owner.uid.to_be_bytes(), b"token"]), 5);
        let automount = pod.pointer("/spec/automountServiceAccountToken").and_then(Value::as_bool).unwrap_or(true);
        (skiff_kinds::strategy("", "Pod").default)(&mut pod);
        workload::admit_pod(&mut pod, &suffix, automount, None);
        Self::of_pod(serial, prefix, owner.uid, pod)
    }

    /// From a complete Pod object.
    #[must_use]
    pub fn of_pod(serial: u32, prefix: &str, owner_uid: u128, pod: Value) -> Template {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = pod.pointer("/metadata/labels").and_then(Value::as_object);
        let labels = labels.map(|map| map.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect());
        let mut meta = pod.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        meta.retain(|key, _| !matches!(key.as_str(), "name" | "namespace" | "generateName" | "uid" | "resourceVersion"));
        let mut meta_tail = Vec::new();
        for (key, value) in &meta {
            meta_tail.push(b',');
            let _ = serde_json::to_writer(&mut meta_tail, key);
            meta_tail.push(b':');
            let _ = serde_json::to_writer(&mut meta_tail, value);
        }
        let mut spec_head = b"\"spec\":".to_vec();
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        if let Some(map) = spec.as_object_mut() {
            map.remove("nodeName");
        }
        let _ = serde_json::to_writer(&mut spec_head, &spec);
        if spec_head.last() == Some(&b'}') {
            spec_head.pop();
        }
        Template {
            serial,
            namespace: text("/metadata/namespace"),
            prefix: prefix.to_owned(),
            owner_uid,
            labels: labels.unwrap_or_default(),
            faces: faces(&pod),
            ports: ports(&pod),
            qos: workload::qos(&pod),
            host_network: pod.pointer("/spec/hostNetwork").and_then(Value::as_bool).unwrap_or(false),
            meta_tail,
            spec_head,
            pod,
            stencils: Stencils::default(),
        }
    }

    /// `namespace/prefix`.
    #[must_use]
    pub fn prefix_key(&self) -> String {
        format!("{}/{}", self.namespace, self.prefix)
    }

    /// Name of a sandbox's Pod.
    #[must_use]
    pub fn pod_name(&self, seq: u32) -> String {
        let mut out = String::with_capacity(self.prefix.len() + 6);
        out.push_str(&self.prefix);
        out.push('-');
        out.extend(name::suffix_of(seq).iter().map(|b| *b as char));
        out
    }

    /// `namespace/name` of a sandbox's Pod.
    #[must_use]
    pub fn key(&self, seq: u32) -> String {
        format!("{}/{}", self.namespace, self.pod_name(seq))
    }

    /// Identity of a sandbox's Pod.
    #[must_use]
    pub fn pod_uid(&self, seq: u32) -> u128 {
        name::derived_uid(self.owner_uid, &seq.to_be_bytes())
    }

    /// A label of the Pods.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

fn list<'a>(pod: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    pod.pointer(&format!("/spec/{field}")).and_then(Value::as_array).into_iter().flatten()
}

fn faces(pod: &Value) -> Vec<Face> {
    let face = |c: &Value, init| Face {
        name: c.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        image: c.get("image").and_then(Value::as_str).unwrap_or_default().to_owned(),
        init,
        resources: c.get("resources").cloned(),
        mounts: c.get("volumeMounts").cloned(),
    };
    list(pod, "initContainers").map(|c| face(c, true)).chain(list(pod, "containers").map(|c| face(c, false))).collect()
}

fn ports(pod: &Value) -> Vec<Port> {
    list(pod, "containers")
        .flat_map(|c| c.get("ports").and_then(Value::as_array).into_iter().flatten())
        .filter_map(|p| {
            Some(Port {
                name: p.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                number: p.get("containerPort").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok())?,
                protocol: p.get("protocol").and_then(Value::as_str).unwrap_or("TCP").to_owned(),
            })
        })
        .collect()
}
