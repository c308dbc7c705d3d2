//! Metrics of an autoscaler in the flat shape of version 1 (which lives in annotations only) and in the nested one of version 2.
//!
//! Each source is one row of a table: which flat field is which nested one. The same rows serve specifications (`target`) and
//! statuses (`current`).

use serde_json::{Map, Value, json};

/// Sources by type.
const SOURCES: [(&str, &str); 5] = [
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
    ("Pods", "pods"),
    ("Object", "object"),
    ("External", "external"),
];

/// Where the flat fields of a source are in the nested one; `{}` is `target` or `current`.
fn fields(source: &str, spec: bool) -> &'static [(&'static str, &'static [&'static str])] {
    const RESOURCE: &[(&str, &[&str])] = &[
        ("name", &["name"]),
        ("targetAverageUtilization", &["{}", "averageUtilization"]),
        ("targetAverageValue", &["{}", "averageValue"]),
        ("container", &["container"]),
    ];
    const RESOURCE_NOW: &[(&str, &[&str])] = &[
        ("name", &["name"]),
        ("currentAverageUtilization", &["{}", "averageUtilization"]),
        ("currentAverageValue", &["{}", "averageValue"]),
        ("container", &["container"]),
    ];
    const PODS: &[(&str, &[&str])] = &[
        ("metricName", &["metric", "name"]),
        ("targetAverageValue", &["{}", "averageValue"]),
        ("selector", &["metric", "selector"]),
    ];
    const PODS_NOW: &[(&str, &[&str])] = &[
        ("metricName", &["metric", "name"]),
        ("currentAverageValue", &["{}", "averageValue"]),
        ("selector", &["metric", "selector"]),
    ];
    const OBJECT: &[(&str, &[&str])] = &[
        ("target", &["describedObject"]),
        ("metricName", &["metric", "name"]),
        ("targetValue", &["{}", "value"]),
        ("selector", &["metric", "selector"]),
        ("averageValue", &["{}", "averageValue"]),
    ];
    const OBJECT_NOW: &[(&str, &[&str])] = &[
        ("target", &["describedObject"]),
        ("metricName", &["metric", "name"]),
        ("currentValue", &["{}", "value"]),
        ("selector", &["metric", "selector"]),
        ("averageValue", &["{}", "averageValue"]),
    ];
    const EXTERNAL: &[(&str, &[&str])] = &[
        ("metricName", &["metric", "name"]),
        ("metricSelector", &["metric", "selector"]),
        ("targetValue", &["{}", "value"]),
        ("targetAverageValue", &["{}", "averageValue"]),
    ];
    const EXTERNAL_NOW: &[(&str, &[&str])] = &[
        ("metricName", &["metric", "name"]),
        ("metricSelector", &["metric", "selector"]),
        ("currentValue", &["{}", "value"]),
        ("currentAverageValue", &["{}", "averageValue"]),
    ];
    match (source, spec) {
        ("pods", true) => PODS,
        ("pods", false) => PODS_NOW,
        ("object", true) => OBJECT,
        ("object", false) => OBJECT_NOW,
        ("external", true) => EXTERNAL,
        ("external", false) => EXTERNAL_NOW,
        (_, true) => RESOURCE,
        (_, false) => RESOURCE_NOW,
    }
}

fn measured(spec: bool) -> &'static str {
    if spec { "target" } else { "current" }
}

/// A metric of version 2 in the shape of version 1.
pub(super) fn flat(metric: &Value, spec: bool) -> Value {
    let mut out = Map::new();
    let kind = metric.get("type").and_then(Value::as_str).unwrap_or_default();
    out.insert("type".into(), kind.into());
    if let Some((_, source)) = SOURCES.iter().find(|(name, _)| *name == kind)
        && let Some(nested) = metric.get(*source)
    {
        let mut inner = Map::new();
        for (name, path) in fields(source, spec) {
            let path = path.iter().map(|step| if *step == "{}" { measured(spec) } else { step });
            if let Some(value) = path.into_iter().try_fold(nested, |at, step| at.get(step)) {
                inner.insert((*name).into(), value.clone());
            }
        }
        // Quantities that Go has no pointer to are written out even when there is none.
        match (*source, spec) {
            ("object", true) => _ = inner.entry("targetValue").or_insert("0".into()),
            ("object", false) => _ = inner.entry("currentValue").or_insert("0".into()),
            ("external", false) => _ = inner.entry("currentValue").or_insert("0".into()),
            ("resource" | "containerResource", false) => _ = inner.entry("currentAverageValue").or_insert("0".into()),
            _ => {}
        }
        out.insert((*source).into(), inner.into());
    }
    out.into()
}

/// A metric of version 1 in the shape of version 2.
pub(super) fn nested(metric: &Value, spec: bool) -> Value {
    let mut out = Map::new();
    let kind = metric.get("type").and_then(Value::as_str).unwrap_or_default();
    out.insert("type".into(), kind.into());
    if let Some((_, source)) = SOURCES.iter().find(|(name, _)| *name == kind)
        && let Some(flat) = metric.get(*source)
    {
        let mut inner = json!({});
        for (name, path) in fields(source, spec) {
            let Some(value) = flat.get(*name).filter(|v| !v.is_null()) else { continue };
            let mut at = &mut inner;
            for step in *path {
                at = &mut at[if *step == "{}" { measured(spec) } else { step }];
            }
            *at = value.clone();
        }
        if spec {
            inner["target"]["type"] = target_type(source, flat).into();
        }
        out.insert((*source).into(), inner);
    }
    out.into()
}

/// Version 1 leaves to be seen from its fields what version 2 says.
fn target_type(source: &str, flat: &Value) -> &'static str {
    let given = |name: &str| flat.get(name).is_some_and(|v| !v.is_null());
    match source {
        "object" if !given("averageValue") => "Value",
        "external" if given("targetValue") => "Value",
        "resource" | "containerResource" if given("targetAverageUtilization") => "Utilization",
        _ => "AverageValue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back() {
        let metrics = [
            json!({"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "1Gi", "type": "AverageValue"}}}),
            json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app",
                "target": {"averageUtilization": 60, "type": "Utilization"}}}),
            json!({"type": "Pods", "pods": {"metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"averageValue": "100", "type": "AverageValue"}}}),
            json!({"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"}, "metric": {"name": "hits"},
                "target": {"value": "10", "type": "Value"}}}),
            json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": {"value": "30", "type": "Value"}}}),
        ];
        for metric in metrics {
            assert_eq!(nested(&flat(&metric, true), true), metric);
        }
        let now =
            json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 5, "averageValue": "10m"}}});
        assert_eq!(
            flat(&now, false),
            json!({"type": "Resource", "resource": {"name": "cpu", "currentAverageUtilization": 5, "currentAverageValue": "10m"}})
        );
        assert_eq!(nested(&flat(&now, false), false), now);
    }
}
