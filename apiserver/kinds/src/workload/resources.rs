//! Requests, limits and claims of containers and pods: names, amounts, and how the two sides agree.
//!
//! Fed by the container and pod checks and by the defaults. Must not know what a node has to offer.

use super::read::{Faults, NEGATIVE, Read, each};
use super::syntax;
use crate::field::FieldError;
use serde_json::{Map, Value};
use skiff_schema::Quantity;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Names without a prefix that mean something to some kind of object.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// Which names are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// In a container.
    Container,
    /// For the pod as a whole.
    Pod,
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && syntax::qualified_name(&format!("requests.{name}")).is_empty()
}

fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn check_name(out: &mut Faults, name: &str, path: &str, level: Level) {
    if level == Level::Pod {
        if !(matches!(name, "cpu" | "memory") || is_huge_page(name)) {
            out.push(FieldError::not_supported(path, name, &["cpu", "memory", "hugepages-"]));
        }
        return;
    }
    let faults = syntax::qualified_name(name);
    let spelled = faults.is_empty();
    each(out, path, name, faults);
    if name.contains('/') {
        if !is_native(name) && !is_extended(name) {
            out.push(FieldError::invalid(path, name, "doesn't follow extended resource name standard"));
        }
        return;
    }
    if spelled && !STANDARD.contains(&name) && !is_huge_page(name) {
        out.push(FieldError::invalid(path, name, "must be a standard resource type or fully qualified"));
    }
    if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_page(name) {
        out.push(FieldError::invalid(path, name, "must be a standard resource for containers"));
    }
}

fn check_amount(out: &mut Faults, name: &str, amount: &str, path: &str) {
    let Some(value) = amount.parse::<Quantity>().ok() else { return };
    if value.is_negative() {
        out.push(FieldError::invalid(path, amount, NEGATIVE));
    }
    if is_extended(name) && !value.is_whole() {
        out.push(FieldError::invalid(path, amount, "must be an integer"));
    }
    if let Some(size) = name.strip_prefix("hugepages-") {
        let divisible = size.parse::<Quantity>().is_ok_and(|step| value.is_multiple_of(step) && !value.is_negative());
        if !divisible {
            out.push(FieldError::invalid(path, amount, format!("{amount} is not positive integer multiple of {name}")));
        }
    }
}

fn check_agreement(out: &mut Faults, name: &str, asked: &str, limits: &Map<String, Value>, path: &str) {
    let field = format!("{path}.requests");
    let Some(limit) = limits.get(name).and_then(Value::as_str) else {
        if !may_overcommit(name) {
            let detail = "Limit must be set for non overcommitable resources";
            out.push(FieldError::required(format!("{path}.limits"), detail));
        }
        return;
    };
    let order = Quantity::compare(asked, limit);
    if order != Ordering::Equal && !may_overcommit(name) {
        out.push(FieldError::invalid(field, asked, format!("must be equal to {name} limit of {limit}")));
    } else if order == Ordering::Greater {
        out.push(FieldError::invalid(field, asked, format!("must be less than or equal to {name} limit of {limit}")));
    }
}

/// Every fault of a `ResourceRequirements`; `claims` are the names in `spec.resourceClaims`.
pub(crate) fn check(out: &mut Faults, resources: Option<&Value>, path: &str, level: Level, claims: &[&str]) {
    let Some(resources) = resources else { return };
    let nothing = Map::new();
    let limits = resources.at("limits").and_then(Value::as_object).unwrap_or(&nothing);
    let requests = resources.at("requests").and_then(Value::as_object).unwrap_or(&nothing);
    for (kind, side) in [("limits", limits), ("requests", requests)] {
        for (name, amount) in side {
            let field = format!("{path}.{kind}[{name}]");
            let amount = amount.as_str().unwrap_or("");
            check_name(out, name, &field, level);
            check_amount(out, name, amount, &field);
            if kind == "requests" {
                check_agreement(out, name, amount, limits, path);
            }
        }
    }
    let named = |wanted: fn(&str) -> bool| limits.keys().chain(requests.keys()).any(|n| wanted(n));
    if named(is_huge_page) && !named(|n| matches!(n, "cpu" | "memory")) {
        out.push(FieldError::forbidden(path, "HugePages require cpu or memory"));
    }
    check_claims(out, resources.list("claims"), &format!("{path}.claims"), claims);
}

fn check_claims(out: &mut Faults, list: &[Value], path: &str, known: &[&str]) {
    let mut seen: Vec<String> = Vec::new();
    for (i, claim) in list.iter().enumerate() {
        let field = format!("{path}[{i}]");
        let (name, request) = (claim.text("name"), claim.text("request"));
        if name.is_empty() {
            out.push(FieldError::required(field, ""));
            continue;
        }
        if !request.is_empty() {
            each(out, &format!("{field}.request"), request, syntax::dns1123_label_faults(request));
        }
        let key = if request.is_empty() { name.to_owned() } else { format!("{name}/{request}") };
        // A whole claim and one of its requests overlap, whichever comes first.
        let overlaps =
            |other: &String| *other == key || *other == name || (request.is_empty() && other.split('/').next() == Some(name));
        if seen.iter().any(overlaps) {
            out.push(FieldError::duplicate(field.clone(), key.clone()));
        }
        seen.push(key);
        if !known.contains(&name) {
            let mut fault = FieldError::not_found(field, name);
            fault.detail = if known.is_empty() {
                "must be one of the names in pod.spec.resourceClaims which is empty".to_owned()
            } else {
                format!("must be one of the names in pod.spec.resourceClaims: {}", known.join(", "))
            };
            out.push(fault);
        }
    }
}

/// Checks the resources of the whole pod against those of its containers.
pub(crate) fn check_pod(out: &mut Faults, spec: &Value, path: &str) {
    let Some(resources) = spec.at("resources") else { return };
    if resources.has("claims") {
        out.push(FieldError::forbidden(format!("{path}.claims"), "claims cannot be set for Resources at pod-level"));
    }
    check(out, Some(resources), path, Level::Pod, &[]);
    for (name, asked) in total_requests(spec) {
        let Some(given) = resources.at("requests").map(|r| r.text(&name)).filter(|g| !g.is_empty()) else { continue };
        if Quantity::compare(&asked, given) == Ordering::Greater {
            let detail = format!("must be greater than or equal to aggregate container requests of {asked}");
            out.push(FieldError::invalid(format!("{path}.requests[{name}]"), given, detail));
        }
    }
    let Some(limits) = resources.at("limits") else { return };
    for (i, container) in spec.list("containers").iter().enumerate() {
        for (name, limit) in container.at("resources").map(|r| r.pairs("limits")).unwrap_or_default() {
            let (limit, whole) = (limit.as_str().unwrap_or(""), limits.text(name));
            if !whole.is_empty() && Quantity::compare(limit, whole) == Ordering::Greater {
                let detail = format!("must be less than or equal to pod limits of {whole}");
                out.push(FieldError::invalid(format!("{path}.containers[{i}][{name}].limits"), limit, detail));
            }
        }
    }
}

/// What the containers of a pod ask for together: all regular ones and sidecars, or the greediest init container.
pub(crate) fn total_requests(spec: &Value) -> BTreeMap<String, String> {
    let mut sums: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let sidecars = spec.list("initContainers").iter().filter(|c| c.text("restartPolicy") == "Always");
    for container in spec.list("containers").iter().chain(sidecars) {
        for (name, amount) in container.at("resources").map(|r| r.pairs("requests")).unwrap_or_default() {
            sums.entry(name.to_owned()).or_default().extend(amount.as_str());
        }
    }
    let mut totals: BTreeMap<String, String> = sums.into_iter().map(|(name, parts)| (name, sum(&parts))).collect();
    for container in spec.list("initContainers").iter().filter(|c| c.text("restartPolicy") != "Always") {
        for (name, amount) in container.at("resources").map(|r| r.pairs("requests")).unwrap_or_default() {
            let amount = amount.as_str().unwrap_or("0");
            let held = totals.entry(name.to_owned()).or_insert_with(|| "0".to_owned());
            if Quantity::compare(amount, held) == Ordering::Greater {
                amount.clone_into(held);
            }
        }
    }
    totals
}

fn sum(parts: &[&str]) -> String {
    if let [one] = parts {
        return (*one).to_owned();
    }
    parts.iter().filter_map(|p| p.parse::<Quantity>().ok()).fold(Quantity::ZERO, Quantity::plus).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(resources: Value) -> Vec<String> {
        let mut out = Faults::new();
        check(&mut out, Some(&resources), "r", Level::Container, &[]);
        out.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_amounts_and_agreement() {
        assert!(shown(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1000m", "memory": "1Gi"}})).is_empty());
        assert_eq!(
            shown(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})),
            ["r.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1"]
        );
        assert_eq!(
            shown(json!({"requests": {"cpu": "-1"}})),
            ["r.requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"]
        );
        assert_eq!(
            shown(json!({"limits": {"gold": "1"}})),
            [
                "r.limits[gold]: Invalid value: \"gold\": must be a standard resource type or fully qualified",
                "r.limits[gold]: Invalid value: \"gold\": must be a standard resource for containers"
            ]
        );
        assert_eq!(
            shown(json!({"requests": {"example.com/gpu": "1"}})),
            ["r.limits: Required value: Limit must be set for non overcommitable resources"]
        );
    }

    #[test]
    fn totals() {
        let spec = json!({"containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Mi"}}},
            {"resources": {"requests": {"cpu": "1500m", "memory": "1Mi"}}}],
            "initContainers": [{"resources": {"requests": {"cpu": "3"}}}]});
        let want: BTreeMap<String, String> = [("cpu", "3"), ("memory", "2Mi")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(total_requests(&spec), want);
    }
}
