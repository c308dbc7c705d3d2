//! What every strategy must keep to: defaults are idempotent, and no hook falls over an empty or an odd object.

use super::strategy;
use serde_json::{Value, json};

const KINDS: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("", "Service"),
    ("", "Endpoints"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("", "LimitRange"),
    ("", "ResourceQuota"),
    ("", "Event"),
    ("", "Binding"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("authentication.k8s.io", "TokenRequest"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "LocalSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("autoscaling", "Scale"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("events.k8s.io", "Event"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "Eviction"),
    ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

fn odd_objects(group: &str, kind: &str) -> Vec<Value> {
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let with = |spec: Value| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
    vec![
        with(json!({})),
        with(Value::Null),
        with(
            json!({"ports": [{}], "rules": [{}], "names": {}, "versions": [{}], "limits": [{}], "metrics": [{}], "taints": [{}]}),
        ),
        json!({"metadata": {}, "webhooks": [{}], "rules": [{}], "subjects": [{}], "subsets": [{}], "endpoints": [{}], "ports": [{}]}),
        json!({}),
        Value::Null,
    ]
}

#[test]
fn every_kind_is_known_and_steady() {
    for (group, kind) in KINDS {
        let Some(rules) = strategy(group, kind) else { panic!("{group} {kind} has no strategy") };
        for odd in odd_objects(group, kind) {
            let mut once = odd.clone();
            (rules.default)(&mut once);
            let mut twice = once.clone();
            (rules.default)(&mut twice);
            assert_eq!(once, twice, "{group} {kind}: defaults are idempotent");
            let _ = (rules.validate)(&once);
            let _ = (rules.validate_update)(&once, &odd);
            (rules.prepare_create)(&mut once);
            (rules.default)(&mut once);
            (rules.prepare_update)(&mut twice, &once);
        }
    }
}

#[test]
fn unchanged_objects_stay_unchanged() {
    for (group, kind) in KINDS {
        let Some(rules) = strategy(group, kind) else { continue };
        for odd in odd_objects(group, kind) {
            let mut stored = odd;
            (rules.prepare_create)(&mut stored);
            (rules.default)(&mut stored);
            let mut settled = stored.clone();
            (rules.prepare_update)(&mut settled, &stored);
            let mut again = settled.clone();
            (rules.default)(&mut again);
            (rules.prepare_update)(&mut again, &settled);
            assert_eq!(settled, again, "{group} {kind}: a write of what is there is no change");
        }
    }
}
