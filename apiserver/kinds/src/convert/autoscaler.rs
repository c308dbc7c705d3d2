//! HorizontalPodAutoscaler version 1, stored as version 2. Version 1 has one field for the utilisation of cpu; other metrics, the
//! behaviour and the conditions travel in annotations, under upstream's names and in upstream's forms.

use super::{Conversion, metric};
use serde_json::{Map, Value, json};

pub(super) const CONVERSION: Conversion =
    Conversion { group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler", own: "autoscaling/v1", store, show };

/// Metrics that version 1 has no field for.
pub(crate) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// The annotations that carry what version 1 has no field for.
const CARRIERS: [&str; 4] = [METRICS, CURRENT_METRICS, BEHAVIOR, CONDITIONS];

fn member<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    map.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// Takes the carrying annotations off: each with what it carries, null where that is no JSON (which upstream ignores too).
fn carried(map: &mut Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) else { return out };
    let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) else { return out };
    for name in CARRIERS {
        if let Some(text) = annotations.shift_remove(name) {
            out.insert(name.into(), serde_json::from_str(text.as_str().unwrap_or_default()).unwrap_or_default());
        }
    }
    if annotations.is_empty() {
        meta.shift_remove("annotations");
    }
    out
}

fn store(map: &mut Map<String, Value>) {
    let carried = carried(map);
    let list = |name: &str| carried.get(name).and_then(Value::as_array).cloned();
    if let Some(spec) = member(map, "spec") {
        let mut metrics: Vec<Value> = list(METRICS).unwrap_or_default().iter().map(|m| metric::nested(m, true)).collect();
        if let Some(percent) = spec.shift_remove("targetCPUUtilizationPercentage").filter(|v| !v.is_null()) {
            metrics.push(json!({"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": percent}}}));
        }
        if !metrics.is_empty() {
            spec.insert("metrics".into(), metrics.into());
        }
        if let Some(behavior) = carried.get(BEHAVIOR).filter(|b| b.is_object()) {
            spec.insert("behavior".into(), camel(behavior));
        }
    }
    if let Some(status) = member(map, "status") {
        let cpu = status.shift_remove("currentCPUUtilizationPercentage").filter(|v| !v.is_null());
        let simple =
            cpu.map(|now| vec![json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": now}}})]);
        let told = list(CURRENT_METRICS).map(|l| l.iter().map(|m| metric::nested(m, false)).collect());
        status.insert("currentMetrics".into(), told.or(simple).map_or(Value::Null, Value::Array));
        // Version 1 always says how many there are, version 2 only if there are any.
        status.retain(|name, value| name != "currentReplicas" || value.as_i64() != Some(0));
        if let Some(conditions) = list(CONDITIONS) {
            status.insert("conditions".into(), conditions.into());
        }
    }
}

fn show(map: &mut Map<String, Value>) {
    // Whatever stands there is of somebody who wrote it by hand; only what this conversion carries may.
    let _ = carried(map);
    let mut notes: Vec<(&str, Value)> = Vec::new();
    if let Some(spec) = member(map, "spec") {
        let metrics = spec.shift_remove("metrics").and_then(|m| m.as_array().cloned()).unwrap_or_default();
        if let Some(percent) = metrics.iter().find(|m| is_cpu(m)).and_then(|m| m.pointer("/resource/target/averageUtilization")) {
            spec.insert("targetCPUUtilizationPercentage".into(), percent.clone());
        }
        let plain = |m: &&Value| is_cpu(m) && m.pointer("/resource/target/averageUtilization").is_some();
        let others: Vec<Value> = metrics.iter().filter(|m| !plain(m)).map(|m| metric::flat(m, true)).collect();
        if !others.is_empty() {
            notes.push((METRICS, others.into()));
        }
        if let Some(behavior) = spec.shift_remove("behavior").filter(|b| !b.is_null()) {
            notes.push((BEHAVIOR, pascal(&behavior)));
        }
    }
    if let Some(status) = member(map, "status") {
        let metrics = status.shift_remove("currentMetrics").and_then(|m| m.as_array().cloned()).unwrap_or_default();
        let mut cpu = metrics.iter().filter(|m| is_cpu(m)).filter_map(|m| m.pointer("/resource/current/averageUtilization"));
        if let Some(now) = cpu.next_back() {
            status.insert("currentCPUUtilizationPercentage".into(), now.clone());
        }
        if !metrics.is_empty() {
            // Even what is only the utilisation of cpu: the raw value has no field.
            notes.push((CURRENT_METRICS, metrics.iter().map(|m| metric::flat(m, false)).collect()));
        }
        if let Some(conditions) = status.shift_remove("conditions").filter(|c| c.as_array().is_some_and(|l| !l.is_empty())) {
            notes.push((CONDITIONS, conditions));
        }
    }
    if let Some(annotations) =
        (!notes.is_empty()).then(|| member(map, "metadata")).flatten().and_then(|meta| member(meta, "annotations"))
    {
        annotations.extend(notes.into_iter().map(|(name, value)| (name.to_owned(), value.to_string().into())));
    }
}

fn is_cpu(metric: &Value) -> bool {
    metric.get("type").and_then(Value::as_str) == Some("Resource")
        && metric.pointer("/resource/name").and_then(Value::as_str) == Some("cpu")
}

/// Fields of a behaviour in the order of Go's internal type; what the annotation holds is that type, which has no JSON names.
const RULES: [&str; 4] = ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"];
const POLICY: [&str; 3] = ["type", "value", "periodSeconds"];

fn pascal(behavior: &Value) -> Value {
    let upper = |name: &str| format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let all = |object: &Value, names: &[&str]| -> Map<String, Value> {
        names.iter().map(|name| (upper(name), object.get(*name).cloned().unwrap_or_default())).collect()
    };
    let rules = |object: &Value| {
        let mut out = all(object, &RULES);
        if let Some(list) = out.get_mut("Policies").and_then(Value::as_array_mut) {
            list.iter_mut().for_each(|policy| *policy = all(policy, &POLICY).into());
        }
        Value::from(out)
    };
    let side = |name: &str| behavior.get(name).filter(|b| !b.is_null()).map_or(Value::Null, rules);
    json!({"ScaleUp": side("scaleUp"), "ScaleDown": side("scaleDown")})
}

/// Go reads names in either case.
fn camel(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_null())
            .map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|c| c.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect(), camel(value))
            })
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(list) => list.iter().map(camel).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Value {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a", "annotations": {"x": "y"}},
            "spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                "metrics": [
                    {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"averageValue": "100", "type": "AverageValue"}}},
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
                "behavior": {"scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]}}},
            "status": {"desiredReplicas": 0, "currentMetrics": null}})
    }

    #[test]
    fn version_one_carries_all_of_version_two() {
        let mut object = two();
        // The hub's own defaults are in what is stored.
        (crate::strategy("autoscaling", "HorizontalPodAutoscaler").default)(&mut object);
        let stored = object.clone();
        CONVERSION.show(&mut object);
        assert_eq!(object["apiVersion"], "autoscaling/v1");
        assert_eq!(object["spec"]["targetCPUUtilizationPercentage"], 50);
        assert!(object["spec"].get("metrics").is_none() && object["spec"].get("behavior").is_none());
        assert_eq!(
            object["metadata"]["annotations"][METRICS],
            r#"[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"100"}}]"#
        );
        assert_eq!(object["status"], json!({"desiredReplicas": 0, "currentReplicas": 0}));
        CONVERSION.store(&mut object);
        assert_eq!(object, stored);
    }

    #[test]
    fn version_one_alone_is_the_cpu_metric() {
        let mut object = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "targetCPUUtilizationPercentage": 70}});
        CONVERSION.store(&mut object);
        assert_eq!(
            object["spec"]["metrics"],
            json!([{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 70}}}])
        );
        assert!(object["spec"].get("targetCPUUtilizationPercentage").is_none());
    }

    #[test]
    fn other_metrics_alone_get_no_default_of_cpu() {
        let mut object = two();
        object["spec"]["metrics"].as_array_mut().unwrap().pop();
        CONVERSION.show(&mut object);
        assert!(object["spec"].get("targetCPUUtilizationPercentage").is_none(), "{object}");
        CONVERSION.store(&mut object);
        assert_eq!(object["spec"]["metrics"].as_array().map(Vec::len), Some(1));
    }
}
