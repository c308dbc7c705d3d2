//! What a LimitRange does to a new pod or claim: fills in defaults, then refuses what lies outside.
//!
//! Called by admission with one LimitRange of the namespace after the other. Must not look for them itself.

use super::at::At;
use super::fill::{object_at, unset};
use crate::field::FieldError;
use serde_json::{Map, Value};
use skiff_schema::quantity::{Format, Quantity};
use std::collections::BTreeMap;

/// The annotation in which upstream records what it filled in.
const NOTE: &str = "kubernetes.io/limit-ranger";

/// Applies one LimitRange to a new pod. Each error's `detail` is one sentence of upstream's refusal: the caller answers 403,
/// `pods "x" is forbidden: ` with the sentences (several in brackets, comma separated).
#[must_use]
pub fn apply_limit_range(limit_range: &Value, pod: &mut Value) -> Vec<FieldError> {
    fill(limit_range, pod);
    let mut out = Vec::new();
    let spec = At::root(pod).get("spec");
    for limit in At::root(limit_range).get("spec").get("limits").items() {
        match limit.get("type").text() {
            "Container" => {
                for container in spec.get("containers").items().chain(spec.get("initContainers").items()) {
                    let resources = container.get("resources");
                    check(&mut out, &limit, &amounts(&resources.get("requests")), &amounts(&resources.get("limits")));
                }
            }
            "Pod" => check(&mut out, &limit, &pod_total(&spec, "requests"), &pod_total(&spec, "limits")),
            _ => {}
        }
    }
    out
}

/// Applies one LimitRange to a new or grown claim; the errors are as of [`apply_limit_range`].
#[must_use]
pub fn check_claim(limit_range: &Value, claim: &Value) -> Vec<FieldError> {
    let mut out = Vec::new();
    let asked = amounts(&At::root(claim).get("spec").get("resources").get("requests"));
    for limit in At::root(limit_range).get("spec").get("limits").items() {
        if limit.get("type").text() != "PersistentVolumeClaim" {
            continue;
        }
        for (resource, bound) in amounts(&limit.get("min")) {
            out.extend(minimum("PersistentVolumeClaim", &resource, &bound, asked.get(&resource), None));
        }
        for (resource, bound) in amounts(&limit.get("max")) {
            // For a claim the request itself is what is bounded from above.
            let text = match asked.get(&resource) {
                None => Some("No request is specified".to_owned()),
                Some(have) if have.amount > bound.amount => Some(format!("but request is {}", have.text)),
                Some(_) => None,
            };
            out.extend(text.map(|t| sentence("maximum", "PersistentVolumeClaim", &resource, &bound, &t)));
        }
    }
    out
}

/// A quantity and how it was written.
#[derive(Clone)]
struct Shown {
    amount: Quantity,
    text: String,
}

fn amounts(list: &At) -> BTreeMap<String, Shown> {
    let read = |value: &At| {
        let amount = Quantity::of_json(value.raw()?)?;
        Some(Shown { amount, text: value.raw().and_then(Value::as_str).map_or_else(|| amount.to_string(), str::to_owned) })
    };
    list.entries().filter_map(|(name, value)| Some((name.to_owned(), read(&value)?))).collect()
}

/// Puts the LimitRange's defaults into every container that says nothing about the resource.
fn fill(limit_range: &Value, pod: &mut Value) {
    let mut defaults: BTreeMap<(&str, String), Value> = BTreeMap::new();
    for limit in At::root(limit_range).get("spec").get("limits").items() {
        if limit.get("type").text() != "Container" {
            continue;
        }
        for (into, from) in [("requests", "defaultRequest"), ("limits", "default")] {
            for (resource, value) in limit.get(from).entries() {
                defaults.insert((into, resource.to_owned()), value.value());
            }
        }
    }
    if defaults.is_empty() {
        return;
    }
    let mut notes = Vec::new();
    for (list, word) in [("containers", "container"), ("initContainers", "init container")] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            fill_container(container, &defaults, word, &mut notes);
        }
    }
    if notes.is_empty() {
        return;
    }
    let Some(meta) = object_at(pod, "/metadata") else { return };
    unset(meta, "annotations", Map::new());
    if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.insert(NOTE.into(), format!("LimitRanger plugin set: {}", notes.join("; ")).into());
    }
}

fn fill_container(container: &mut Value, defaults: &BTreeMap<(&str, String), Value>, word: &str, notes: &mut Vec<String>) {
    let name = container.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
    let Some(resources) = super::fill::made(container, "resources") else { return };
    for (into, said) in [("requests", "request"), ("limits", "limit")] {
        let mut set = Vec::new();
        for ((_, resource), value) in defaults.iter().filter(|((list, _), _)| *list == into) {
            unset(resources, into, Map::new());
            let Some(map) = resources.get_mut(into).and_then(Value::as_object_mut) else { continue };
            if !map.contains_key(resource) {
                map.insert(resource.clone(), value.clone());
                set.push(resource.as_str());
            }
        }
        if !set.is_empty() {
            notes.push(format!("{} {said} for {word} {name}", set.join(", ")));
        }
    }
}

/// What a pod asks for as a whole: its containers together, or the largest init container if that is more. A resource that
/// not every container names is not bounded.
fn pod_total(spec: &At, list: &str) -> BTreeMap<String, Shown> {
    let each: Vec<_> = spec.get("containers").items().map(|c| amounts(&c.get("resources").get(list))).collect();
    let mut total: BTreeMap<String, Shown> = BTreeMap::new();
    for name in each.iter().flat_map(BTreeMap::keys) {
        if total.contains_key(name) || !each.iter().all(|c| c.contains_key(name)) {
            continue;
        }
        let sum = each.iter().filter_map(|c| c.get(name)).fold(Quantity::default(), |sum, a| sum.plus(a.amount));
        let text = match each.as_slice() {
            [only] => only.get(name).map_or_else(String::new, |a| a.text.clone()),
            _ => sum.to_string(),
        };
        total.insert(name.clone(), Shown { amount: sum, text });
    }
    for init in spec.get("initContainers").items() {
        for (name, have) in amounts(&init.get("resources").get(list)) {
            if total.get(&name).is_none_or(|sum| sum.amount < have.amount) {
                total.insert(name, have);
            }
        }
    }
    total
}

fn check(out: &mut Vec<FieldError>, limit: &At, requests: &BTreeMap<String, Shown>, limits: &BTreeMap<String, Shown>) {
    let kind = limit.get("type").text();
    for (resource, bound) in amounts(&limit.get("min")) {
        out.extend(minimum(kind, &resource, &bound, requests.get(&resource), limits.get(&resource)));
    }
    for (resource, bound) in amounts(&limit.get("max")) {
        let text = match (limits.get(&resource), requests.get(&resource)) {
            (None, _) => Some("No limit is specified".to_owned()),
            (Some(have), _) if have.amount > bound.amount => Some(format!("but limit is {}", have.text)),
            (_, Some(have)) if have.amount > bound.amount => Some(format!("but request is {}", have.text)),
            _ => None,
        };
        out.extend(text.map(|t| sentence("maximum", kind, &resource, &bound, &t)));
    }
    for (resource, bound) in amounts(&limit.get("maxLimitRequestRatio")) {
        let given = |list: &BTreeMap<String, Shown>| list.get(&resource).filter(|a| !a.amount.is_zero()).cloned();
        let text = match (given(requests), given(limits)) {
            (None, _) => Some("no request is specified or request is 0".to_owned()),
            (_, None) => Some("no limit is specified or limit is 0".to_owned()),
            (Some(asked), Some(most)) => {
                let ratio = most.amount.over(asked.amount);
                let allowed = bound.amount.over(Quantity::from_units(1, Format::Decimal));
                (ratio > allowed).then(|| format!("provided ratio is {ratio:.6}"))
            }
        };
        let text = text.map(|t| format!("{resource} max limit to request ratio per {kind} is {}, but {t}", bound.text));
        out.extend(text.map(|t| FieldError::forbidden("", t)));
    }
}

fn minimum(kind: &str, resource: &str, bound: &Shown, asked: Option<&Shown>, most: Option<&Shown>) -> Option<FieldError> {
    let text = match (asked, most) {
        (None, _) => "No request is specified".to_owned(),
        (Some(have), _) if have.amount < bound.amount => format!("but request is {}", have.text),
        (_, Some(have)) if have.amount < bound.amount => format!("but limit is {}", have.text),
        _ => return None,
    };
    Some(sentence("minimum", kind, resource, bound, &text))
}

/// `minimum cpu usage per Container is 1, but request is 500m`; a missing value is a sentence of its own.
fn sentence(which: &str, kind: &str, resource: &str, bound: &Shown, end: &str) -> FieldError {
    let joint = if end.starts_with("No ") { ".  " } else { ", " };
    FieldError::forbidden("", format!("{which} {resource} usage per {kind} is {}{joint}{end}", bound.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(resources: &Value) -> Value {
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": resources}]}})
    }

    fn range(limit: &Value) -> Value {
        json!({"spec": {"limits": [limit]}})
    }

    #[test]
    fn defaults_are_filled_and_noted() {
        let range =
            range(&json!({"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}));
        let mut pod = pod(&json!({"limits": {"memory": "2Gi"}}));
        assert_eq!(apply_limit_range(&range, &mut pod), []);
        assert_eq!(
            pod["spec"]["containers"][0]["resources"],
            json!({"limits": {"memory": "2Gi", "cpu": "1"}, "requests": {"cpu": "100m"}})
        );
        assert_eq!(
            pod["metadata"]["annotations"][NOTE],
            "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
        );
    }

    #[test]
    fn bounds_are_kept() {
        let cases = [
            (
                json!({"type": "Container", "max": {"cpu": "1"}}),
                json!({"limits": {"cpu": "2"}}),
                "maximum cpu usage per Container is 1, but limit is 2",
            ),
            (
                json!({"type": "Container", "max": {"cpu": "1"}}),
                json!({}),
                "maximum cpu usage per Container is 1.  No limit is specified",
            ),
            (
                json!({"type": "Pod", "min": {"memory": "1Gi"}}),
                json!({"requests": {"memory": "1Mi"}}),
                "minimum memory usage per Pod is 1Gi, but request is 1Mi",
            ),
            (
                json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}),
                "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
            ),
        ];
        for (limit, resources, wanted) in cases {
            let faults = apply_limit_range(&range(&limit), &mut pod(&resources));
            assert_eq!(faults.first().map(|f| f.detail.as_str()), Some(wanted));
        }
    }

    #[test]
    fn claims_are_bounded() {
        let range = range(&json!({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}));
        let claim = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
        assert_eq!(
            check_claim(&range, &claim)[0].detail,
            "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"
        );
    }
}
