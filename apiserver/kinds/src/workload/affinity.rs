//! Where a pod wants to be: node affinity, affinity and anti-affinity to pods, spreading.
//!
//! Fed by the pod checks. Must not know nodes.

use super::meta;
use super::read::{Faults, NOT_POSITIVE, Read, each};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Every fault of `affinity`.
pub(crate) fn affinity(out: &mut Faults, affinity: &Value, path: &str) {
    if let Some(nodes) = affinity.at("nodeAffinity") {
        node_affinity(out, nodes, &format!("{path}.nodeAffinity"));
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = affinity.at(kind) else { continue };
        for (i, term) in pods.list(REQUIRED).iter().enumerate() {
            pod_term(out, term, &format!("{path}.{kind}.{REQUIRED}[{i}]"));
        }
        for (i, weighted) in pods.list(PREFERRED).iter().enumerate() {
            let item = format!("{path}.{kind}.{PREFERRED}[{i}]");
            weight(out, weighted, &item);
            pod_term(out, weighted.at("podAffinityTerm").unwrap_or(&Value::Null), &format!("{item}.podAffinityTerm"));
        }
    }
}

fn weight(out: &mut Faults, term: &Value, path: &str) {
    let weight = term.number("weight");
    if !(1..=100).contains(&weight) {
        out.push(FieldError::invalid(format!("{path}.weight"), weight, "must be in the range 1-100"));
    }
}

fn node_affinity(out: &mut Faults, nodes: &Value, path: &str) {
    if let Some(required) = nodes.at(REQUIRED) {
        node_selector(out, required, &format!("{path}.{REQUIRED}"));
    }
    for (i, preferred) in nodes.list(PREFERRED).iter().enumerate() {
        let item = format!("{path}.{PREFERRED}[{i}]");
        weight(out, preferred, &item);
        let term = preferred.at("preference").unwrap_or(&Value::Null);
        // Odd label values are let through here: on a single node they do no harm.
        node_term(out, term, &format!("{item}.preference"), false);
    }
}

/// Every fault of a `NodeSelector`.
pub fn node_selector(out: &mut Vec<FieldError>, selector: &Value, path: &str) {
    let terms = selector.list("nodeSelectorTerms");
    let field = format!("{path}.nodeSelectorTerms");
    if terms.is_empty() {
        out.push(FieldError::required(field, "must have at least one node selector term"));
        return;
    }
    for (i, term) in terms.iter().enumerate() {
        node_term(out, term, &format!("{field}[{i}]"), true);
    }
}

fn node_term(out: &mut Faults, term: &Value, path: &str, strict: bool) {
    for (i, rule) in term.list("matchExpressions").iter().enumerate() {
        node_rule(out, rule, &format!("{path}.matchExpressions[{i}]"), strict);
    }
    for (i, rule) in term.list("matchFields").iter().enumerate() {
        node_field(out, rule, &format!("{path}.matchFields[{i}]"));
    }
}

fn node_rule(out: &mut Faults, rule: &Value, path: &str, strict: bool) {
    let values = rule.list("values");
    let field = format!("{path}.values");
    match rule.text("operator") {
        "In" | "NotIn" if values.is_empty() => {
            out.push(FieldError::required(field.clone(), "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            out.push(FieldError::forbidden(field.clone(), detail));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            out.push(FieldError::required(field.clone(), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => out.push(FieldError::invalid(format!("{path}.operator"), other, "not a valid selector operator")),
    }
    let key = rule.text("key");
    each(out, &format!("{path}.key"), key, syntax::qualified_name(key));
    if strict {
        for (i, value) in values.iter().filter_map(Value::as_str).enumerate() {
            each(out, &format!("{field}[{i}]"), value, syntax::label_value(value));
        }
    }
}

fn node_field(out: &mut Faults, rule: &Value, path: &str) {
    let values = rule.list("values");
    match rule.text("operator") {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => out.push(FieldError::required(
            format!("{path}.values"),
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        )),
        other => out.push(FieldError::invalid(format!("{path}.operator"), other, "not a valid selector operator")),
    }
    let key = rule.text("key");
    if key != "metadata.name" {
        out.push(FieldError::invalid(format!("{path}.key"), key, "not a valid field selector key"));
        return;
    }
    for (i, value) in values.iter().filter_map(Value::as_str).enumerate() {
        each(out, &format!("{path}.values[{i}]"), value, syntax::dns1123_subdomain_faults(value));
    }
}

fn pod_term(out: &mut Faults, term: &Value, path: &str) {
    for key in ["labelSelector", "namespaceSelector"] {
        if let Some(selector) = term.at(key) {
            out.extend(meta::label_selector(selector, &format!("{path}.{key}")));
        }
    }
    for name in term.list("namespaces").iter().filter_map(Value::as_str) {
        each(out, &format!("{path}.namespace"), name, syntax::dns1123_label_faults(name));
    }
    match_label_keys(out, term, path);
    let key = term.text("topologyKey");
    let field = format!("{path}.topologyKey");
    if key.is_empty() {
        out.push(FieldError::required(field.clone(), "can not be empty"));
    }
    each(out, &field, key, syntax::qualified_name(key));
}

fn match_label_keys(out: &mut Faults, term: &Value, path: &str) {
    for kind in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = term.list(kind);
        let field = format!("{path}.{kind}");
        if keys.is_empty() {
            continue;
        }
        if !term.has("labelSelector") {
            out.push(FieldError::forbidden(field, "must not be specified when labelSelector is not set"));
            continue;
        }
        for (i, key) in keys.iter().filter_map(Value::as_str).enumerate() {
            each(out, &format!("{field}[{i}]"), key, syntax::qualified_name(key));
        }
    }
    let mismatched = term.list("mismatchLabelKeys");
    for (i, key) in term.list("matchLabelKeys").iter().enumerate().filter(|(_, k)| mismatched.contains(k)) {
        let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
        out.push(FieldError::invalid(format!("{path}.matchLabelKeys[{i}]"), key.clone(), detail));
    }
}

/// Every fault of `topologySpreadConstraints`.
pub(crate) fn spread(out: &mut Faults, list: &[Value], path: &str) {
    for (i, rule) in list.iter().enumerate() {
        let item = format!("{path}[{i}]");
        let (key, action) = (rule.text("topologyKey"), rule.text("whenUnsatisfiable"));
        let skew = rule.number("maxSkew");
        if skew <= 0 {
            out.push(FieldError::invalid(format!("{item}.maxSkew"), skew, NOT_POSITIVE));
        }
        if key.is_empty() {
            out.push(FieldError::required(format!("{item}.topologyKey"), "can not be empty"));
        }
        let actions = ["DoNotSchedule", "ScheduleAnyway"];
        if !actions.contains(&action) {
            out.push(FieldError::not_supported(format!("{item}.whenUnsatisfiable"), action, &actions));
        }
        let twin = |o: &Value| o.text("topologyKey") == key && o.text("whenUnsatisfiable") == action;
        if list.iter().skip(i + 1).any(twin) {
            let field = format!("{item}.{{topologyKey, whenUnsatisfiable}}");
            out.push(FieldError::duplicate(field, format!("{{{key}, {action}}}")));
        }
        if let Some(domains) = rule.int("minDomains") {
            let field = format!("{item}.minDomains");
            if domains <= 0 {
                out.push(FieldError::invalid(field.clone(), domains, NOT_POSITIVE));
            }
            if action != "DoNotSchedule" {
                let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                out.push(FieldError::invalid(field, domains, detail));
            }
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            let value = rule.text(policy);
            if rule.has(policy) && !matches!(value, "Honor" | "Ignore") {
                out.push(FieldError::not_supported(format!("{item}.{policy}"), value, &["Honor", "Ignore"]));
            }
        }
        spread_keys(out, rule, &item);
        if let Some(selector) = rule.at("labelSelector") {
            out.extend(meta::label_selector(selector, &format!("{item}.labelSelector")));
        }
    }
}

fn spread_keys(out: &mut Faults, rule: &Value, path: &str) {
    let keys = rule.list("matchLabelKeys");
    if keys.is_empty() {
        return;
    }
    let field = format!("{path}.matchLabelKeys");
    let mut held: Vec<&str> = Vec::new();
    match rule.at("labelSelector") {
        None => out.push(FieldError::forbidden(field.clone(), "must not be specified when labelSelector is not set")),
        Some(selector) => {
            held.extend(selector.pairs("matchLabels").iter().map(|(k, _)| *k));
            held.extend(selector.list("matchExpressions").iter().map(|t| t.text("key")));
        }
    }
    for (i, key) in keys.iter().filter_map(Value::as_str).enumerate() {
        each(out, &format!("{field}[{i}]"), key, syntax::qualified_name(key));
        if held.contains(&key) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            out.push(FieldError::invalid(format!("{field}[{i}]"), key, detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn terms_and_spread() {
        let mut out = Faults::new();
        affinity(
            &mut out,
            &json!({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Gt"}]}]}},
            "podAffinity": {PREFERRED: [{"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}]}}),
            "a",
        );
        spread(
            &mut out,
            &[json!({"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1})],
            "s",
        );
        let shown: Vec<String> = out.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                format!("a.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"),
                format!("a.podAffinity.{PREFERRED}[0].weight: Invalid value: 101: must be in the range 1-100"),
                "s[0].maxSkew: Invalid value: 0: must be greater than zero".to_owned(),
                "s[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway".to_owned(),
            ]
        );
    }
}
