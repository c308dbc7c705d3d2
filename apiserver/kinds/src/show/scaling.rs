//! Scales, and HorizontalPodAutoscalers in both versions: v1's single utilisation is shown as v2's cpu metric.

use super::Printer;
use super::column::{AGE, Column, NAME, int as number, text};
use super::read::{age, int, list, name, scalar, text as read};
use serde_json::Value;
use skiff_schema::Tree;

static AUTOSCALER: [Column; 7] = [
    NAME,
    text(
        "Reference",
        "scaleTargetRef points to the target resource to scale, and is used to the pods for which metrics should be collected, as well as to actually change the replica count.",
    ),
    text(
        "Targets",
        "metrics contains the specifications for which to use to calculate the desired replica count (the maximum replica count across all metrics will be used).  The desired replica count is calculated multiplying the ratio between the target value and the current value by the current number of pods.  Ergo, metrics used must decrease as the pod count is increased, and vice-versa.  See the individual metric source types for more information about how each type of metric must respond. If not set, the default metric will be set to 80% average CPU utilization.",
    ),
    text(
        "MinPods",
        "minReplicas is the lower limit for the number of replicas to which the autoscaler can scale down.  It defaults to 1 pod.  minReplicas is allowed to be 0 if the alpha feature gate HPAScaleToZero is enabled and at least one Object or External metric is configured.  Scaling is active as long as at least one metric value is available.",
    ),
    text(
        "MaxPods",
        "maxReplicas is the upper limit for the number of replicas to which the autoscaler can scale up. It cannot be less that minReplicas.",
    ),
    text(
        "Replicas",
        "currentReplicas is current number of replicas of pods managed by this autoscaler, as last seen by the autoscaler.",
    ),
    AGE,
];

static SCALE: [Column; 4] = [
    NAME,
    number("Desired", "replicas is the desired number of instances for the scaled object."),
    number("Available", "replicas is the actual number of observed instances of the scaled object."),
    AGE,
];

/// Upstream shows two metrics and counts the rest.
const SHOWN_METRICS: usize = 2;

pub(super) fn printer(kind: &str) -> Option<Printer> {
    match kind {
        "HorizontalPodAutoscaler" => Some((&AUTOSCALER, autoscaler)),
        "Scale" => Some((&SCALE, scale)),
        _ => None,
    }
}

fn scale(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), int(object, "/spec/replicas").into(), int(object, "/status/replicas").into(), age(object, now)]
}

fn autoscaler(object: &Tree, now: i64) -> Vec<Value> {
    let reference = format!("{}/{}", read(object, "/spec/scaleTargetRef/kind"), read(object, "/spec/scaleTargetRef/name"));
    vec![
        name(object),
        reference.into(),
        targets(object).into(),
        scalar(object, "/spec/minReplicas").unwrap_or_else(|| "<unset>".to_owned()).into(),
        int(object, "/spec/maxReplicas").into(),
        int(object, "/status/currentReplicas").into(),
        age(object, now),
    ]
}

fn targets(object: &Tree) -> String {
    if let Some(utilization) = scalar(object, "/spec/targetCPUUtilizationPercentage") {
        let current = scalar(object, "/status/currentCPUUtilizationPercentage");
        return format!("cpu: {}/{utilization}%", current.map_or_else(|| "<unknown>".to_owned(), |c| format!("{c}%")));
    }
    let specs = list(object, "/spec/metrics");
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let statuses = list(object, "/status/currentMetrics");
    let nothing = Tree::Map(Vec::new());
    let texts: Vec<String> =
        specs.iter().enumerate().map(|(i, spec)| metric(spec, statuses.get(i).unwrap_or(&nothing))).collect();
    let more = texts.len().saturating_sub(SHOWN_METRICS);
    let shown = texts.into_iter().take(SHOWN_METRICS).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} + {more} more...") } else { shown }
}

fn metric(spec: &Tree, status: &Tree) -> String {
    let source = match read(spec, "/type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let target = |field: &str| scalar(spec, &format!("/{source}/target/{field}"));
    let current = |field: &str| scalar(status, &format!("/{source}/current/{field}")).unwrap_or_else(|| "<unknown>".to_owned());
    let average = target("averageValue");
    match source {
        "external" | "object" => match average {
            Some(average) => format!("{}/{average} (avg)", current("averageValue")),
            None => format!("{}/{}", current("value"), target("value").unwrap_or_default()),
        },
        "pods" => format!("{}/{}", current("averageValue"), average.unwrap_or_default()),
        _ => {
            let resource = read(spec, &format!("/{source}/name"));
            if let Some(average) = average {
                return format!("{resource}: {}/{average}", current("averageValue"));
            }
            let percent = |value: Option<String>, other: &str| value.map_or_else(|| other.to_owned(), |v| format!("{v}%"));
            let now = percent(scalar(status, &format!("/{source}/current/averageUtilization")), "<unknown>");
            format!("{resource}: {now}/{}", percent(target("averageUtilization"), "<auto>"))
        }
    }
}
