//! ResourceQuota and PriorityClass: what a namespace may use, and whose pods go first.
//!
//! Fed through the strategy table. Counting usage is a controller's business.

use super::amount;
use super::at::{At, Faults, same};
use super::fill::{made, unset};
use super::lifecycle::{drop_status, first_generation, fresh_status, hold_status, next_generation};
use super::rule;
use crate::field::FieldError;
use crate::strategy::Strategy;
use serde_json::{Value, json};
use skiff_schema::Quantity;

pub(super) const QUOTA: Strategy = Strategy {
    default: |object| {
        made(object, "spec");
        made(object, "status");
    },
    validate: validate_quota,
    validate_update: |new, old| {
        let mut out = validate_quota(new);
        let scopes = At::root(new).get("spec").get("scopes");
        if !same(scopes.raw(), old.pointer("/spec/scopes")) {
            out.push(scopes.invalid("field is immutable"));
        }
        out
    },
    prepare_create: |object| {
        drop_status(object);
        fresh_status(object, json!({}));
    },
    prepare_update: hold_status,
};
pub(super) const PRIORITY_CLASS: Strategy = Strategy {
    default: |object| {
        if let Some(map) = object.as_object_mut() {
            unset(map, "preemptionPolicy", "PreemptLowerPriority");
            unset(map, "value", 0);
        }
    },
    validate: validate_priority,
    validate_update: update_priority,
    prepare_create: first_generation,
    prepare_update: next_generation,
};

const SCOPES: &[&str] = &[
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];
const OPERATORS: &[&str] = &["DoesNotExist", "Exists", "In", "NotIn"];
/// Resources a quota may name without a domain.
const PLAIN_RESOURCES: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];
const USER_PRIORITY_MAX: i64 = 1_000_000_000;

fn validate_quota(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    for list in [spec.get("hard"), root.get("status").get("hard"), root.get("status").get("used")] {
        for (name, value) in list.entries() {
            resource_name(&mut out, &value, name);
            amount::not_negative(&mut out, &value);
            if is_count(name) && value.raw().and_then(Quantity::of_json).is_some_and(|a| !a.is_whole()) {
                out.push(value.invalid("must be an integer"));
            }
        }
    }
    let scopes = spec.get("scopes");
    let named: Vec<&str> = scopes.items().map(|s| s.text()).collect();
    for scope in named.iter().filter(|s| !SCOPES.contains(s)) {
        out.push(FieldError::invalid(scopes.path(), *scope, "unsupported scope"));
    }
    for (a, b) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if named.contains(&a) && named.contains(&b) {
            out.push(scopes.invalid("conflicting scopes"));
        }
    }
    for term in spec.get("scopeSelector").get("matchExpressions").items() {
        validate_term(&mut out, &term);
    }
    out
}

fn is_count(name: &str) -> bool {
    name.starts_with("count/")
        || matches!(
            name,
            "pods"
                | "services"
                | "secrets"
                | "configmaps"
                | "replicationcontrollers"
                | "resourcequotas"
                | "persistentvolumeclaims"
                | "services.nodeports"
                | "services.loadbalancers"
        )
}

fn resource_name(out: &mut Faults, at: &At, name: &str) {
    let faults = crate::workload::syntax::qualified_name(name);
    let qualified = faults.is_empty();
    out.extend(faults.into_iter().map(|m| FieldError::invalid(at.path(), name, m)));
    if qualified
        && !name.contains('/')
        && !PLAIN_RESOURCES.contains(&name)
        && !name.starts_with("hugepages-")
        && !name.starts_with("requests.hugepages-")
    {
        // Upstream asks twice, first of any resource, then of those that a quota counts.
        out.push(FieldError::invalid(at.path(), name, "must be a standard resource type or fully qualified"));
        out.push(FieldError::invalid(at.path(), name, "must be a standard resource for quota"));
    }
}

fn validate_term(out: &mut Faults, term: &At) {
    let (scope, operator, values) = (term.get("scopeName"), term.get("operator"), term.get("values"));
    if !SCOPES.contains(&scope.text()) {
        out.push(scope.invalid_text("unsupported scope"));
    }
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            out.push(values.required("must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            out.push(values.invalid("must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"));
        }
        text if !OPERATORS.contains(&text) => out.push(operator.invalid_text("not a valid selector operator")),
        text => {
            let by_value = matches!(scope.text(), "PriorityClass" | "CrossNamespacePodAffinity" | "VolumeAttributesClass");
            if !by_value && text != "Exists" {
                out.push(operator.invalid("must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"));
            }
        }
    }
}

fn validate_priority(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let name = root.get("metadata").get("name");
    let value = root.get("value");
    let system = [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
    if name.text().starts_with("system-") {
        let known = system.contains(&(name.text(), value.int().unwrap_or(0)));
        if !known || root.get("globalDefault").is_true() {
            out.push(name.forbidden(
                "priority class names with 'system-' prefix are reserved for system use only. error: one of the known system priority classes must be used",
            ));
        }
    } else if value.int().is_some_and(|n| n > USER_PRIORITY_MAX) {
        out.push(value.forbidden(format!("maximum allowed value of a user defined priority is {USER_PRIORITY_MAX}")));
    }
    rule::optional_choice(&mut out, &root.get("preemptionPolicy"), &["Never", "PreemptLowerPriority"]);
    out
}

fn update_priority(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let (now, before) = (At::root(new), At::root(old));
    if !same(now.get("value").raw(), before.get("value").raw()) {
        out.push(now.get("value").forbidden("may not be changed in an update."));
    }
    rule::immutable_fields(&mut out, &now, &before, &["preemptionPolicy"]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_names_and_amounts() {
        let cases = [
            (json!({"hard": {"pods": "10", "limits.cpu": "2", "count/deployments.apps": "3"}}), None),
            (json!({"hard": {"pods": "500m"}}), Some("spec.hard[pods]: Invalid value: \"500m\": must be an integer")),
            (
                json!({"hard": {"cpus": "1"}}),
                Some("spec.hard[cpus]: Invalid value: \"cpus\": must be a standard resource type or fully qualified"),
            ),
            (json!({"scopes": ["Odd"]}), Some("spec.scopes: Invalid value: \"Odd\": unsupported scope")),
        ];
        for (spec, wanted) in cases {
            let faults = validate_quota(&json!({"spec": spec}));
            assert_eq!(faults.first().map(ToString::to_string).as_deref(), wanted);
        }
    }

    #[test]
    fn priorities() {
        let class = |name: &str, value: i64| json!({"metadata": {"name": name}, "value": value});
        assert_eq!(validate_priority(&class("system-node-critical", 2_000_001_000)), []);
        assert_eq!(validate_priority(&class("a", 2_000_001_000)).len(), 1);
        assert_eq!(update_priority(&class("a", 2), &class("a", 1))[0].body(), "Forbidden: may not be changed in an update.");
    }
}
