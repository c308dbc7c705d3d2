//! All other built-in kinds: what they fill in and refuse. One file per noun or family.
//!
//! Fed by the generic stations through [`strategy`] and, for metadata of every kind, through [`meta`]. Knows no storage and
//! no other object of the cluster: whatever needs one (addresses, quotas, names already taken) is the caller's.

mod account;
mod amount;
mod api_service;
mod approval;
mod at;
mod autoscaler;
mod certificate;
mod config;
mod definition;
mod disruption;
mod endpoints;
pub(crate) mod event;
mod fill;
mod flow;
mod ingress;
mod lease;
mod lifecycle;
mod limit_apply;
mod limit_range;
pub mod meta;
mod name;
mod namespace;
mod network;
mod node;
mod policy;
mod quota;
mod rbac;
mod review;
mod rule;
mod service;
mod service_address;
mod storage;
mod structural;
mod volume;
mod webhook;

#[cfg(test)]
mod exchange_tests;
#[cfg(test)]
mod table_tests;

use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use serde_json::Value;

pub use limit_apply::{apply_limit_range, check_claim};
pub use name::{NameRule, name_rule};
pub use service::{needs_cluster_ip, needs_health_port, node_ports_needed};
pub use service_address::settle_addresses;

/// Before a write to a subresource is checked: fills in and keeps what upstream's strategy of that subresource does.
pub fn prepare_subresource(group: &str, kind: &str, sub: &str, new: &mut Value, old: &Value, now: &str) {
    if (group, kind) == ("certificates.k8s.io", "CertificateSigningRequest") {
        if sub != approval::APPROVAL {
            approval::hold_approval(new, old);
        }
        approval::date(new, old, now);
    }
}

/// Every fault of a write to a subresource of a kind without a Pod template.
#[must_use]
pub fn validate_subresource(group: &str, kind: &str, sub: &str, new: &Value, old: &Value) -> Vec<FieldError> {
    match (group, kind) {
        ("certificates.k8s.io", "CertificateSigningRequest") => approval::validate(sub, new, old),
        _ => Vec::new(),
    }
}

/// The strategy of a kind without a Pod template.
#[must_use]
pub fn strategy(group: &str, kind: &str) -> Option<Strategy> {
    match group {
        "" => core(kind),
        "rbac.authorization.k8s.io" => Some(match kind {
            "Role" => rbac::ROLE,
            "ClusterRole" => rbac::CLUSTER_ROLE,
            "RoleBinding" => rbac::BINDING,
            "ClusterRoleBinding" => rbac::CLUSTER_BINDING,
            _ => return None,
        }),
        "networking.k8s.io" => Some(match kind {
            "Ingress" => ingress::INGRESS,
            "IngressClass" => ingress::INGRESS_CLASS,
            "NetworkPolicy" => network::POLICY,
            "IPAddress" => network::IP_ADDRESS,
            "ServiceCIDR" => network::SERVICE_CIDR,
            _ => return None,
        }),
        "storage.k8s.io" => Some(match kind {
            "StorageClass" => storage::CLASS,
            "CSIDriver" => storage::DRIVER,
            "CSINode" => storage::CSI_NODE,
            "VolumeAttachment" => storage::ATTACHMENT,
            "VolumeAttributesClass" => storage::ATTRIBUTES,
            _ => return None,
        }),
        "admissionregistration.k8s.io" => Some(match kind {
            "ValidatingWebhookConfiguration" => webhook::VALIDATING,
            "MutatingWebhookConfiguration" => webhook::MUTATING,
            "ValidatingAdmissionPolicy" => policy::VALIDATING,
            "MutatingAdmissionPolicy" => policy::MUTATING,
            "ValidatingAdmissionPolicyBinding" => policy::VALIDATING_BINDING,
            "MutatingAdmissionPolicyBinding" => policy::MUTATING_BINDING,
            _ => return None,
        }),
        "authorization.k8s.io" => Some(match kind {
            "SubjectAccessReview" => review::ACCESS,
            "SelfSubjectAccessReview" => review::SELF_ACCESS,
            "LocalSubjectAccessReview" => review::LOCAL_ACCESS,
            _ => return None,
        }),
        _ => elsewhere(group, kind),
    }
}

fn core(kind: &str) -> Option<Strategy> {
    Some(match kind {
        "Namespace" => namespace::NAMESPACE,
        "ConfigMap" => config::CONFIG_MAP,
        "Secret" => config::SECRET,
        "ServiceAccount" => account::SERVICE_ACCOUNT,
        "Service" => service::SERVICE,
        "Endpoints" => endpoints::ENDPOINTS,
        "Node" => node::NODE,
        "PersistentVolume" => volume::VOLUME,
        "PersistentVolumeClaim" => volume::CLAIM,
        "LimitRange" => limit_range::LIMIT_RANGE,
        "ResourceQuota" => quota::QUOTA,
        "Event" => event::EVENT,
        "Binding" => review::BINDING,
        "ComponentStatus" => PLAIN,
        _ => return None,
    })
}

/// Groups with one or two kinds.
fn elsewhere(group: &str, kind: &str) -> Option<Strategy> {
    Some(match (group, kind) {
        ("discovery.k8s.io", "EndpointSlice") => endpoints::SLICE,
        ("policy", "PodDisruptionBudget") => disruption::BUDGET,
        ("policy", "Eviction") => PLAIN,
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::AUTOSCALER,
        ("autoscaling", "Scale") => autoscaler::SCALE,
        ("scheduling.k8s.io", "PriorityClass") => quota::PRIORITY_CLASS,
        ("node.k8s.io", "RuntimeClass") => node::RUNTIME_CLASS,
        ("coordination.k8s.io", "Lease") => lease::LEASE,
        ("events.k8s.io", "Event") => event::EVENT,
        ("certificates.k8s.io", "CertificateSigningRequest") => certificate::REQUEST,
        ("apiregistration.k8s.io", "APIService") => api_service::API_SERVICE,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::DEFINITION,
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => flow::SCHEMA,
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => flow::LEVEL,
        ("authentication.k8s.io", "TokenRequest") => account::TOKEN_REQUEST,
        ("authentication.k8s.io", "TokenReview") => review::TOKEN,
        _ => return None,
    })
}
