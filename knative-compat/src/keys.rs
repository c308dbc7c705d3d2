//! The annotation and label keys of Knative, each with its accepted spellings: the first spelling that is there wins.

use crate::doc;
use serde_json::Value;

/// A key with its spellings, the current one first.
#[derive(Clone, Copy, Debug)]
pub struct Key(pub &'static [&'static str]);

impl Key {
    /// The first spelling that `annotations` holds, with its value.
    #[must_use]
    pub fn get<'a>(&self, annotations: Option<&'a Value>) -> Option<(&'static str, &'a str)> {
        let map = annotations?.as_object()?;
        self.0.iter().find_map(|key| map.get(*key).and_then(Value::as_str).map(|value| (*key, value)))
    }

    /// The value in the annotations of a document.
    #[must_use]
    pub fn of<'a>(&self, document: &'a Value) -> Option<&'a str> {
        self.get(doc::annotations(document)).map(|(_, value)| value)
    }
}

/// Prefix of the autoscaler's annotations.
pub const AUTOSCALING_PREFIX: &str = "autoscaling.knative.dev";
/// The class of the built-in autoscaler.
pub const KPA: &str = "kpa.autoscaling.knative.dev";
/// The class of the horizontal pod autoscaler.
pub const HPA: &str = "hpa.autoscaling.knative.dev";

macro_rules! autoscaling {
    ($($(#[$doc:meta])* $name:ident = $($spelling:literal),+;)*) => {
        $($(#[$doc])* pub const $name: Key = Key(&[$(concat!("autoscaling.knative.dev/", $spelling)),+]);)*
    };
}

autoscaling! {
    /// Which autoscaler.
    CLASS = "class";
    /// What is measured.
    METRIC = "metric";
    /// Least number of replicas.
    MIN_SCALE = "min-scale", "minScale";
    /// Greatest number of replicas.
    MAX_SCALE = "max-scale", "maxScale";
    /// Replicas at birth.
    INITIAL_SCALE = "initial-scale", "initialScale";
    /// Least number of replicas when not at zero.
    ACTIVATION_SCALE = "activation-scale", "activationScale";
    /// How long less load must last before replicas go.
    SCALE_DOWN_DELAY = "scale-down-delay", "scaleDownDelay";
    /// How long the last replica stays.
    RETENTION = "scale-to-zero-pod-retention-period", "scaleToZeroPodRetentionPeriod";
    /// Wanted load per replica.
    TARGET = "target";
    /// Share of the target that is aimed at.
    TARGET_UTILIZATION = "target-utilization-percentage", "targetUtilizationPercentage";
    /// Spare capacity below which the activator stays in the path.
    TARGET_BURST_CAPACITY = "target-burst-capacity", "targetBurstCapacity";
    /// Stable window.
    WINDOW = "window";
    /// Panic window as a share of the stable one.
    PANIC_WINDOW = "panic-window-percentage", "panicWindowPercentage";
    /// Load at which panic starts.
    PANIC_THRESHOLD = "panic-threshold-percentage", "panicThresholdPercentage";
    /// How a window is averaged.
    ALGORITHM = "metric-aggregation-algorithm", "metricAggregationAlgorithm";
}

macro_rules! serving {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => { $($(#[$doc])* pub const $name: &str = concat!("serving.knative.dev/", $text);)* };
}

serving! {
    /// Who made it.
    CREATOR = "creator";
    /// Who changed its spec last.
    LAST_MODIFIER = "lastModifier";
    /// Label: the configuration of a revision.
    CONFIGURATION = "configuration";
    /// Label: the generation of that configuration.
    CONFIGURATION_GENERATION = "configurationGeneration";
    /// Label: the uid of that configuration.
    CONFIGURATION_UID = "configurationUID";
    /// Label: the ksvc.
    SERVICE = "service";
    /// Label: the uid of the ksvc.
    SERVICE_UID = "serviceUID";
    /// Label: the revision, on what is made for it.
    REVISION = "revision";
    /// Label: the uid of the revision.
    REVISION_UID = "revisionUID";
    /// Label: the route, on what is made for it.
    ROUTE = "route";
    /// Label: the namespace of the route.
    ROUTE_NAMESPACE = "routeNamespace";
    /// Annotation: the routes that point here, separated by commas.
    ROUTES = "routes";
    /// Label: pending, active or reserve.
    ROUTING_STATE = "routingState";
    /// Annotation: when that changed.
    ROUTING_STATE_MODIFIED = "routingStateModified";
    /// Annotation: never collect this revision.
    NO_GC = "no-gc";
    /// Finalizer-like prefix of a mapping's labels.
    MAPPING_UID = "domainMappingUID";
    /// Label: namespace of a mapping.
    MAPPING_NAMESPACE = "domainMappingNamespace";
}

/// How long a route shifts to the latest revision.
pub const ROLLOUT_DURATION: Key = Key(&["serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration"]);
/// How long a revision may take to get ready.
pub const PROGRESS_DEADLINE: Key = Key(&["serving.knative.dev/progress-deadline", "serving.knative.dev/progressDeadline"]);
/// Where a route can be reached from.
pub const VISIBILITY: &str = "networking.knative.dev/visibility";
/// The one value of [`VISIBILITY`] that means something.
pub const CLUSTER_LOCAL: &str = "cluster-local";
/// Which ingress implementation.
pub const INGRESS_CLASS: Key = Key(&["networking.knative.dev/ingress-class", "networking.knative.dev/ingress.class"]);
/// Redirect or not.
pub const HTTP_PROTOCOL: Key =
    Key(&["networking.knative.dev/http-protocol", "networking.knative.dev/httpProtocol", "networking.knative.dev/httpOption"]);
/// kubectl's own record; never handed on to children.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Share of the container's resources that the sidecar gets.
pub const QUEUE_PERCENTAGE: Key =
    Key(&["queue.sidecar.serving.knative.dev/resource-percentage", "queue.sidecar.serving.knative.dev/resourcePercentage"]);
/// The sidecar's resources.
pub const QUEUE_RESOURCES: [Key; 6] = [
    Key(&["queue.sidecar.serving.knative.dev/cpu-resource-request"]),
    Key(&["queue.sidecar.serving.knative.dev/cpu-resource-limit"]),
    Key(&["queue.sidecar.serving.knative.dev/memory-resource-request"]),
    Key(&["queue.sidecar.serving.knative.dev/memory-resource-limit"]),
    Key(&["queue.sidecar.serving.knative.dev/ephemeral-storage-resource-request"]),
    Key(&["queue.sidecar.serving.knative.dev/ephemeral-storage-resource-limit"]),
];
