//! The tables of Knative's own kinds, and which table belongs to which kind.

use super::model::{Field, Struct, Ty, inline, opt, ptr, req};
use super::pod::POD_SPEC;
use crate::kind::Kind;

const fn knative(package: &'static str, name: &'static str, fields: &'static [Field]) -> Struct {
    Struct { package, name, fields }
}

/// `metadata` of a template: what Go writes back of it always contains `creationTimestamp`.
static TEMPLATE_META: Struct = knative(
    "v1",
    "ObjectMeta",
    &[
        opt("name", "Name", Ty::Str),
        opt("generateName", "GenerateName", Ty::Str),
        opt("namespace", "Namespace", Ty::Str),
        opt("selfLink", "SelfLink", Ty::Str),
        opt("uid", "UID", Ty::Str),
        opt("resourceVersion", "ResourceVersion", Ty::Str),
        opt("generation", "Generation", Ty::I64),
        req("creationTimestamp", "CreationTimestamp", Ty::Time),
        ptr("deletionTimestamp", "DeletionTimestamp", Ty::Time),
        ptr("deletionGracePeriodSeconds", "DeletionGracePeriodSeconds", Ty::I64),
        opt("labels", "Labels", Ty::Map(&Ty::Str)),
        opt("annotations", "Annotations", Ty::Map(&Ty::Str)),
        opt("ownerReferences", "OwnerReferences", Ty::List(&Ty::Any)),
        opt("finalizers", "Finalizers", Ty::List(&Ty::Str)),
        opt("managedFields", "ManagedFields", Ty::List(&Ty::Any)),
    ],
);

/// `spec` of a Revision, and of a template.
pub(crate) static REVISION_SPEC: Struct = knative(
    "v1",
    "RevisionSpec",
    &[
        inline("PodSpec", &POD_SPEC),
        ptr("containerConcurrency", "ContainerConcurrency", Ty::I64),
        ptr("timeoutSeconds", "TimeoutSeconds", Ty::I64),
        ptr("responseStartTimeoutSeconds", "ResponseStartTimeoutSeconds", Ty::I64),
        ptr("idleTimeoutSeconds", "IdleTimeoutSeconds", Ty::I64),
    ],
);
/// `spec.template`.
pub(crate) static REVISION_TEMPLATE: Struct = knative(
    "v1",
    "RevisionTemplateSpec",
    &[opt("metadata", "ObjectMeta", Ty::Obj(&TEMPLATE_META)).open(), opt("spec", "Spec", Ty::Obj(&REVISION_SPEC))],
);
static CONFIGURATION_SPEC: Struct =
    knative("v1", "ConfigurationSpec", &[req("template", "Template", Ty::Obj(&REVISION_TEMPLATE))]);
static TARGET: Struct = knative(
    "v1",
    "TrafficTarget",
    &[
        opt("tag", "Tag", Ty::Str),
        opt("revisionName", "RevisionName", Ty::Str),
        opt("configurationName", "ConfigurationName", Ty::Str),
        ptr("latestRevision", "LatestRevision", Ty::Bool),
        ptr("percent", "Percent", Ty::I64),
        ptr("url", "URL", Ty::Str),
    ],
);
static ROUTE_SPEC: Struct = knative("v1", "RouteSpec", &[opt("traffic", "Traffic", Ty::List(&Ty::Obj(&TARGET)))]);
static SERVICE_SPEC: Struct =
    knative("v1", "ServiceSpec", &[inline("ConfigurationSpec", &CONFIGURATION_SPEC), inline("RouteSpec", &ROUTE_SPEC)]);
static REFERENCE: Struct = knative(
    "v1",
    "KReference",
    &[
        req("kind", "Kind", Ty::Str),
        opt("namespace", "Namespace", Ty::Str),
        req("name", "Name", Ty::Str),
        opt("apiVersion", "APIVersion", Ty::Str),
        opt("group", "Group", Ty::Str),
        ptr("address", "Address", Ty::Str),
    ],
);
static SECRET_TLS: Struct = knative("v1beta1", "SecretTLS", &[req("secretName", "SecretName", Ty::Str)]);
static MAPPING_SPEC: Struct =
    knative("v1beta1", "DomainMappingSpec", &[req("ref", "Ref", Ty::Obj(&REFERENCE)), ptr("tls", "TLS", Ty::Obj(&SECRET_TLS))]);
static OBJECT_REFERENCE: Struct = knative(
    "v1",
    "ObjectReference",
    &[
        opt("kind", "Kind", Ty::Str),
        opt("namespace", "Namespace", Ty::Str),
        opt("name", "Name", Ty::Str),
        opt("uid", "UID", Ty::Str),
        opt("apiVersion", "APIVersion", Ty::Str),
        opt("resourceVersion", "ResourceVersion", Ty::Str),
        opt("fieldPath", "FieldPath", Ty::Str),
    ],
);
static AUTOSCALER_SPEC: Struct = knative(
    "v1alpha1",
    "PodAutoscalerSpec",
    &[
        opt("containerConcurrency", "ContainerConcurrency", Ty::I64),
        req("scaleTargetRef", "ScaleTargetRef", Ty::Obj(&OBJECT_REFERENCE)),
        opt("reachability", "Reachability", Ty::Str),
        req("protocolType", "ProtocolType", Ty::Str),
    ],
);
static METRIC_SPEC: Struct = knative(
    "v1alpha1",
    "MetricSpec",
    &[
        req("stableWindow", "StableWindow", Ty::Duration),
        req("panicWindow", "PanicWindow", Ty::Duration),
        req("scrapeTarget", "ScrapeTarget", Ty::Str),
    ],
);
static SKS_SPEC: Struct = knative(
    "v1alpha1",
    "ServerlessServiceSpec",
    &[
        opt("mode", "Mode", Ty::Str),
        req("objectRef", "ObjectRef", Ty::Obj(&OBJECT_REFERENCE)),
        req("protocolType", "ProtocolType", Ty::Str),
        opt("numActivators", "NumActivators", Ty::I32),
    ],
);

macro_rules! object {
    ($name:ident, $package:literal, $go:literal, $spec:expr) => {
        static $name: Struct = knative(
            $package,
            $go,
            &[
                opt("apiVersion", "APIVersion", Ty::Str),
                opt("kind", "Kind", Ty::Str),
                opt("metadata", "ObjectMeta", Ty::Any).open(),
                opt("spec", "Spec", Ty::Obj(&$spec)),
                opt("status", "Status", Ty::Any).open(),
            ],
        );
    };
}

object!(SERVICE, "v1", "Service", SERVICE_SPEC);
object!(CONFIGURATION, "v1", "Configuration", CONFIGURATION_SPEC);
object!(REVISION, "v1", "Revision", REVISION_SPEC);
object!(ROUTE, "v1", "Route", ROUTE_SPEC);
object!(MAPPING, "v1beta1", "DomainMapping", MAPPING_SPEC);
object!(AUTOSCALER, "v1alpha1", "PodAutoscaler", AUTOSCALER_SPEC);
object!(METRIC, "v1alpha1", "Metric", METRIC_SPEC);
object!(SKS, "v1alpha1", "ServerlessService", SKS_SPEC);

/// The table of a kind; kinds without one are taken as they are.
pub(crate) fn table(kind: Kind) -> Option<&'static Struct> {
    Some(match kind {
        Kind::Service => &SERVICE,
        Kind::Configuration => &CONFIGURATION,
        Kind::Revision => &REVISION,
        Kind::Route => &ROUTE,
        Kind::DomainMapping => &MAPPING,
        Kind::PodAutoscaler => &AUTOSCALER,
        Kind::Metric => &METRIC,
        Kind::ServerlessService => &SKS,
        Kind::Ingress | Kind::ClusterDomainClaim | Kind::Certificate | Kind::Image => return None,
    })
}
