//! Prose for published schemas: upstream's descriptions of types and fields, taken at run time from the `k8s-openapi` crate, so
//! that no text of upstream's is kept here. Made while documents are made, and dropped with them.

use k8s_openapi::api;
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

/// Descriptions by published type name.
pub(super) struct Prose(Map<String, Value>);

impl Prose {
    /// Reads them from the types of the kinds below and everything that those refer to.
    pub(super) fn new() -> Prose {
        let mut generator = SchemaGenerator::default();
        macro_rules! read { ($($kind:ty),* $(,)?) => { $( let _ = generator.subschema_for::<$kind>(); )* } }
        read! {
            api::core::v1::Pod, api::core::v1::Namespace, api::core::v1::ConfigMap, api::core::v1::Secret, api::core::v1::Service,
            api::core::v1::ServiceAccount, api::core::v1::Endpoints, api::core::v1::Event, api::core::v1::Node,
            api::core::v1::PersistentVolume, api::core::v1::PersistentVolumeClaim, api::core::v1::LimitRange,
            api::core::v1::ResourceQuota, api::core::v1::ReplicationController, api::core::v1::PodTemplate,
            api::apps::v1::Deployment, api::apps::v1::ReplicaSet, api::apps::v1::StatefulSet, api::apps::v1::DaemonSet,
            api::apps::v1::ControllerRevision, api::batch::v1::Job, api::batch::v1::CronJob, api::coordination::v1::Lease,
            api::discovery::v1::EndpointSlice, api::events::v1::Event, api::networking::v1::Ingress,
            api::networking::v1::IngressClass, api::networking::v1::NetworkPolicy, api::policy::v1::PodDisruptionBudget,
            api::rbac::v1::Role, api::rbac::v1::RoleBinding, api::rbac::v1::ClusterRole, api::rbac::v1::ClusterRoleBinding,
            api::autoscaling::v1::HorizontalPodAutoscaler, api::autoscaling::v2::HorizontalPodAutoscaler,
            api::autoscaling::v1::Scale, api::scheduling::v1::PriorityClass, api::storage::v1::StorageClass,
            api::node::v1::RuntimeClass, api::certificates::v1::CertificateSigningRequest,
            api::admissionregistration::v1::ValidatingWebhookConfiguration,
            api::admissionregistration::v1::MutatingWebhookConfiguration,
            api::admissionregistration::v1::ValidatingAdmissionPolicy,
            api::admissionregistration::v1::ValidatingAdmissionPolicyBinding,
            k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
            k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService,
        }
        Prose(generator.take_definitions(true))
    }

    /// The description of a type, or of a field of it.
    pub(super) fn of(&self, type_name: &str, field: Option<&str>) -> Option<String> {
        let definition = self.0.get(type_name)?;
        let described = match field {
            None => definition,
            Some(field) => definition.pointer("/properties")?.get(field)?,
        };
        described.get("description").and_then(Value::as_str).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_fields_have_prose() {
        let prose = Prose::new();
        assert!(prose.of("io.k8s.api.core.v1.Pod", None).is_some_and(|t| t.starts_with("Pod is a collection of containers")));
        assert!(prose.of("io.k8s.api.core.v1.PodSpec", Some("containers")).is_some());
    }
}
