//! Columns of the Knative kinds, as Knative's own CustomResourceDefinitions declare them. They print through the same code as
//! any custom resource.

use super::custom::{CustomColumns, custom_columns};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

type Declared = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const READY: (&str, &str, &str) = ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status");
const REASON: (&str, &str, &str) = ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason");
// Certificates spell the same filter with the other quotes; the path is part of what a client sees.
const READY_QUOTED: (&str, &str, &str) = ("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status");
const REASON_QUOTED: (&str, &str, &str) = ("Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason");
const URL: (&str, &str, &str) = ("URL", "string", ".status.url");
const CREATED: (&str, &str, &str) = ("LatestCreated", "string", ".status.latestCreatedRevisionName");
const LATEST: (&str, &str, &str) = ("LatestReady", "string", ".status.latestReadyRevisionName");

const DECLARED: &[Declared] = &[
    ("serving.knative.dev", "Service", &[URL, CREATED, LATEST, READY, REASON]),
    ("serving.knative.dev", "Configuration", &[CREATED, LATEST, READY, REASON]),
    (
        "serving.knative.dev",
        "Revision",
        &[
            ("Config Name", "string", ".metadata.labels['serving\\.knative\\.dev/configuration']"),
            ("Generation", "string", ".metadata.labels['serving\\.knative\\.dev/configurationGeneration']"),
            READY,
            REASON,
            ("Actual Replicas", "integer", ".status.actualReplicas"),
            ("Desired Replicas", "integer", ".status.desiredReplicas"),
        ],
    ),
    ("serving.knative.dev", "Route", &[URL, READY, REASON]),
    ("serving.knative.dev", "DomainMapping", &[URL, READY, REASON]),
    (
        "autoscaling.internal.knative.dev",
        "PodAutoscaler",
        &[("DesiredScale", "integer", ".status.desiredScale"), ("ActualScale", "integer", ".status.actualScale"), READY, REASON],
    ),
    ("autoscaling.internal.knative.dev", "Metric", &[READY, REASON]),
    ("caching.internal.knative.dev", "Image", &[("Image", "string", ".spec.image")]),
    ("networking.internal.knative.dev", "Ingress", &[READY, REASON]),
    ("networking.internal.knative.dev", "Certificate", &[READY_QUOTED, REASON_QUOTED]),
    (
        "networking.internal.knative.dev",
        "ServerlessService",
        &[
            ("Mode", "string", ".spec.mode"),
            ("Activators", "integer", ".spec.numActivators"),
            ("ServiceName", "string", ".status.serviceName"),
            ("PrivateServiceName", "string", ".status.privateServiceName"),
            READY,
            REASON,
        ],
    ),
    ("networking.internal.knative.dev", "ClusterDomainClaim", &[]),
];

static COMPILED: LazyLock<Vec<CustomColumns>> = LazyLock::new(|| {
    let compile = |(_, _, columns): &Declared| {
        let spec: Vec<Value> =
            columns.iter().map(|(name, kind, path)| json!({"name": name, "type": kind, "jsonPath": path})).collect();
        custom_columns(&spec)
    };
    DECLARED.iter().map(compile).collect()
});

static INDEX: LazyLock<HashMap<(&'static str, &'static str), usize>> =
    LazyLock::new(|| DECLARED.iter().enumerate().map(|(place, (group, kind, _))| ((*group, *kind), place)).collect());

/// The columns of a Knative kind.
pub(super) fn columns(group: &str, kind: &str) -> Option<&'static CustomColumns> {
    // The key borrows from the caller, so the map is looked at with the caller's lifetime and the answer comes from the row.
    let index: &HashMap<(&str, &str), usize> = &INDEX;
    index.get(&(group, kind)).and_then(|place| COMPILED.get(*place))
}
