//! What the Go zero value of a built-in type holds where JSON has nothing.
//!
//! Upstream compares Go structs. A struct that is embedded by value, or a field without `omitempty`, is there before anyone
//! sets it; whoever fills it owns the content but not the field. Fed by comparison only; knows the schema and, for what no
//! published schema tells, a table of embedded fields.

use super::topology::{Place, Shape};
use serde_json::{Map, Value};
use skiff_schema::{Field, Scalar};
use std::sync::LazyLock;

/// Optional fields that exist in the Go zero value, by type and JSON name. `metadata`, `spec` and `status` need no entry.
/// The published schema tells them by `default: {}` in its third version only, and scalars not at all.
const PRESENT: [(&str, &str); 39] = [
    ("ClusterRole", "rules"),
    ("CustomResourceDefinitionStatus", "acceptedNames"),
    ("CustomResourceDefinitionStatus", "conditions"),
    ("CustomResourceDefinitionStatus", "storedVersions"),
    ("DaemonSetSpec", "updateStrategy"),
    ("DeploymentSpec", "strategy"),
    ("DeviceClaim", "requests"),
    ("EndpointSlice", "endpoints"),
    ("EndpointSlice", "ports"),
    ("Event", "deprecatedFirstTimestamp"),
    ("Event", "deprecatedLastTimestamp"),
    ("Event", "deprecatedSource"),
    ("Event", "eventTime"),
    ("Event", "firstTimestamp"),
    ("Event", "lastTimestamp"),
    ("Event", "regarding"),
    ("Event", "reportingComponent"),
    ("Event", "reportingInstance"),
    ("Event", "source"),
    ("FlowSchemaSpec", "matchingPrecedence"),
    ("HorizontalPodAutoscalerStatus", "currentMetrics"),
    ("IngressStatus", "loadBalancer"),
    ("NetworkPolicySpec", "podSelector"),
    ("NodeDaemonEndpoints", "kubeletEndpoint"),
    ("NodeStatus", "daemonEndpoints"),
    ("NodeStatus", "nodeInfo"),
    ("PersistentVolumeClaimSpec", "resources"),
    ("PodDisruptionBudgetStatus", "currentHealthy"),
    ("PodDisruptionBudgetStatus", "desiredHealthy"),
    ("PodDisruptionBudgetStatus", "disruptionsAllowed"),
    ("PodDisruptionBudgetStatus", "expectedPods"),
    ("PodTemplate", "template"),
    ("PriorityClass", "value"),
    ("ReplicaSetSpec", "template"),
    ("ResourceClaimSpec", "devices"),
    ("Role", "rules"),
    ("ServiceStatus", "loadBalancer"),
    ("StatefulSetSpec", "serviceName"),
    ("StatefulSetSpec", "updateStrategy"),
];

static EMPTY_OBJECT: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
static EMPTY_TEXT: Value = Value::String(String::new());
static FALSE: Value = Value::Bool(false);
static NULL: Value = Value::Null;
static ZERO: LazyLock<Value> = LazyLock::new(|| Value::from(0));

/// The empty object.
pub(crate) fn empty_object() -> &'static Value {
    &EMPTY_OBJECT
}

/// The zero value of a field that a built-in struct always has; `None` if an absent field is absent.
pub(crate) fn of_field(owner: &Place<'_>, name: &str, field: &Field) -> Option<&'static Value> {
    let shape = owner.of_field(field).shape();
    let embedded = matches!(name, "metadata" | "spec" | "status") && matches!(shape, Shape::Struct { .. });
    let marked = || field.default.as_ref().and_then(Value::as_object).is_some_and(Map::is_empty);
    let listed = || PRESENT.binary_search(&(owner.type_name(), name)).is_ok();
    (field.required || embedded || marked() || listed()).then(|| of_shape(shape))
}

fn of_shape(shape: Shape<'_>) -> &'static Value {
    match shape {
        Shape::Scalar(Scalar::String | Scalar::Bytes) => &EMPTY_TEXT,
        Shape::Scalar(Scalar::Boolean) => &FALSE,
        Shape::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Number | Scalar::IntOrString) => &ZERO,
        Shape::Struct { .. } => &EMPTY_OBJECT,
        _ => &NULL,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sorted_for_binary_search() {
        assert!(super::PRESENT.is_sorted());
    }
}
