//! The kinds this crate knows, by group and name.

/// A Knative kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `serving.knative.dev/v1` Service, the ksvc.
    Service,
    /// `serving.knative.dev/v1` Configuration.
    Configuration,
    /// `serving.knative.dev/v1` Revision.
    Revision,
    /// `serving.knative.dev/v1` Route.
    Route,
    /// `serving.knative.dev/v1beta1` `DomainMapping`.
    DomainMapping,
    /// `autoscaling.internal.knative.dev/v1alpha1` `PodAutoscaler`.
    PodAutoscaler,
    /// `autoscaling.internal.knative.dev/v1alpha1` Metric.
    Metric,
    /// `networking.internal.knative.dev/v1alpha1` `ServerlessService`.
    ServerlessService,
    /// `networking.internal.knative.dev/v1alpha1` Ingress.
    Ingress,
    /// `networking.internal.knative.dev/v1alpha1` `ClusterDomainClaim`.
    ClusterDomainClaim,
    /// `networking.internal.knative.dev/v1alpha1` Certificate.
    Certificate,
    /// `caching.internal.knative.dev/v1alpha1` Image.
    Image,
}

/// The group of the kinds users write.
pub const SERVING: &str = "serving.knative.dev";
/// The group of the autoscaler's kinds.
pub const AUTOSCALING: &str = "autoscaling.internal.knative.dev";
/// The group of the network's kinds.
pub const NETWORKING: &str = "networking.internal.knative.dev";
/// The group of image caches.
pub const CACHING: &str = "caching.internal.knative.dev";

const ALL: [Kind; 12] = [
    Kind::Service,
    Kind::Configuration,
    Kind::Revision,
    Kind::Route,
    Kind::DomainMapping,
    Kind::PodAutoscaler,
    Kind::Metric,
    Kind::ServerlessService,
    Kind::Ingress,
    Kind::ClusterDomainClaim,
    Kind::Certificate,
    Kind::Image,
];

impl Kind {
    /// By group and kind, as they stand in an object.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        ALL.into_iter().find(|k| k.group() == group && k.name() == kind)
    }

    /// The name in `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Configuration => "Configuration",
            Self::Revision => "Revision",
            Self::Route => "Route",
            Self::DomainMapping => "DomainMapping",
            Self::PodAutoscaler => "PodAutoscaler",
            Self::Metric => "Metric",
            Self::ServerlessService => "ServerlessService",
            Self::Ingress => "Ingress",
            Self::ClusterDomainClaim => "ClusterDomainClaim",
            Self::Certificate => "Certificate",
            Self::Image => "Image",
        }
    }

    /// The API group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Service | Self::Configuration | Self::Revision | Self::Route | Self::DomainMapping => SERVING,
            Self::PodAutoscaler | Self::Metric => AUTOSCALING,
            Self::ServerlessService | Self::Ingress | Self::ClusterDomainClaim | Self::Certificate => NETWORKING,
            Self::Image => CACHING,
        }
    }

    /// `group/version`, the only version served.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Service | Self::Configuration | Self::Revision | Self::Route => "serving.knative.dev/v1",
            Self::DomainMapping => "serving.knative.dev/v1beta1",
            Self::PodAutoscaler | Self::Metric => "autoscaling.internal.knative.dev/v1alpha1",
            Self::ServerlessService | Self::Ingress | Self::ClusterDomainClaim | Self::Certificate => {
                "networking.internal.knative.dev/v1alpha1"
            }
            Self::Image => "caching.internal.knative.dev/v1alpha1",
        }
    }
}
