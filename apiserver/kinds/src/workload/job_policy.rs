//! What counts as failure and success of a Job, and who looks after it.
//!
//! Fed by `job`. Must not know the rest of a Job.

use super::container::too_many;
use super::read::{Faults, Read, each, unsupported};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

const RULES_MAX: usize = 20;
const CODES_MAX: usize = 255;
const PATTERNS_MAX: usize = 20;
const MANAGER_BYTES_MAX: usize = 63;

/// `managedBy` is a path under a domain.
pub(crate) fn managed_by(out: &mut Faults, spec: &Value, path: &str) {
    if !spec.has("managedBy") {
        return;
    }
    let (name, field) = (spec.text("managedBy"), format!("{path}.managedBy"));
    match name.split_once('/') {
        _ if name.is_empty() => out.push(FieldError::required(field.clone(), "")),
        Some((host, rest)) if !host.is_empty() && !rest.is_empty() => {
            each(out, &field, host, syntax::dns1123_subdomain_faults(host));
            let good = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
            if !rest.bytes().all(good) {
                let fault = syntax::form("Invalid path", "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+", &[]);
                out.push(FieldError::invalid(field.clone(), rest, fault));
            }
        }
        _ => {
            let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            out.push(FieldError::invalid(field.clone(), name, detail));
        }
    }
    if name.len() > MANAGER_BYTES_MAX {
        out.push(FieldError::too_long(field, MANAGER_BYTES_MAX));
    }
}

/// Every fault of `podFailurePolicy`.
pub(crate) fn failure(out: &mut Faults, spec: &Value, path: &str) {
    let Some(policy) = spec.at("podFailurePolicy") else { return };
    let path_rules = format!("{path}.podFailurePolicy.rules");
    let rules = policy.list("rules");
    if rules.len() > RULES_MAX {
        out.push(too_many(&path_rules, rules.len(), RULES_MAX));
    }
    let nothing = Value::Null;
    let pod = spec.pointer("/template/spec").unwrap_or(&nothing);
    let names: Vec<&str> = pod.list("containers").iter().chain(pod.list("initContainers")).map(|c| c.text("name")).collect();
    for (i, rule) in rules.iter().enumerate() {
        failure_rule(out, spec, rule, &format!("{path_rules}[{i}]"), &names);
    }
}

fn failure_rule(out: &mut Faults, spec: &Value, rule: &Value, path: &str, names: &[&str]) {
    let field = format!("{path}.action");
    match rule.text("action") {
        "" => {
            let detail = "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]";
            out.push(FieldError::required(field, detail));
        }
        "FailIndex" if !spec.has("backoffLimitPerIndex") => {
            let detail = "requires the backoffLimitPerIndex to be set";
            out.push(FieldError::invalid(field, "FailIndex", detail));
        }
        "Count" | "FailIndex" | "FailJob" | "Ignore" => {}
        other => out.push(unsupported(field, other, &["Count", "FailIndex", "FailJob", "Ignore"])),
    }
    if let Some(codes) = rule.at("onExitCodes") {
        exit_codes(out, codes, &format!("{path}.onExitCodes"), names);
    }
    let patterns = rule.list("onPodConditions");
    if patterns.len() > PATTERNS_MAX {
        out.push(too_many(&format!("{path}.onPodConditions"), patterns.len(), PATTERNS_MAX));
    }
    for (i, pattern) in patterns.iter().enumerate() {
        let item = format!("{path}.onPodConditions[{i}]");
        let (kind, status) = (pattern.text("type"), pattern.text("status"));
        each(out, &format!("{item}.type"), kind, syntax::qualified_name(kind));
        let known = ["False", "True", "Unknown"];
        if !known.contains(&status) {
            out.push(unsupported(format!("{item}.status"), status, &known));
        }
    }
    let shown = rule.clone();
    match (rule.has("onExitCodes"), !patterns.is_empty()) {
        (true, true) => {
            let detail = "specifying both OnExitCodes and OnPodConditions is not supported";
            out.push(FieldError::invalid(path, shown, detail));
        }
        (false, false) => {
            let detail = "specifying one of OnExitCodes and OnPodConditions is required";
            out.push(FieldError::invalid(path, shown, detail));
        }
        _ => {}
    }
}

fn exit_codes(out: &mut Faults, codes: &Value, path: &str, names: &[&str]) {
    let operator = codes.text("operator");
    if operator.is_empty() {
        out.push(FieldError::required(format!("{path}.operator"), "valid values: [\"In\" \"NotIn\"]"));
    } else if !matches!(operator, "In" | "NotIn") {
        out.push(unsupported(format!("{path}.operator"), operator, &["In", "NotIn"]));
    }
    let name = codes.text("containerName");
    if codes.has("containerName") && !names.contains(&name) {
        let detail = "must be one of the container or initContainer names in the pod template";
        out.push(FieldError::invalid(format!("{path}.containerName"), name, detail));
    }
    let field = format!("{path}.values");
    let values: Vec<i64> = codes.list("values").iter().filter_map(Value::as_i64).collect();
    if values.is_empty() {
        out.push(FieldError::invalid(field.clone(), codes.list("values").to_vec(), "at least one value is required"));
    } else if values.len() > CODES_MAX {
        out.push(too_many(&field, values.len(), CODES_MAX));
    }
    let mut ordered = true;
    for (i, code) in values.iter().enumerate() {
        let item = format!("{field}[{i}]");
        if operator == "In" && *code == 0 {
            out.push(FieldError::invalid(item.clone(), 0, "must not be 0 for the In operator"));
        }
        if values[..i].contains(code) {
            out.push(FieldError::duplicate(item, *code));
        } else if i > 0 && values[i - 1] > *code {
            ordered = false;
        }
    }
    if !ordered {
        out.push(FieldError::invalid(field, codes.list("values").to_vec(), "must be ordered"));
    }
}

/// Every fault of `successPolicy`.
pub(crate) fn success(out: &mut Faults, spec: &Value, path: &str) {
    let Some(policy) = spec.at("successPolicy") else { return };
    let path = format!("{path}.successPolicy");
    if spec.text("completionMode") != "Indexed" {
        out.push(FieldError::invalid(path, policy.clone(), "requires indexed completion mode"));
        return;
    }
    let rules = policy.list("rules");
    let field = format!("{path}.rules");
    if rules.is_empty() {
        out.push(FieldError::required(field.clone(), "at least one rules must be specified when the successPolicy is specified"));
    }
    if rules.len() > RULES_MAX {
        out.push(too_many(&field, rules.len(), RULES_MAX));
    }
    for (i, rule) in rules.iter().enumerate() {
        let item = format!("{field}[{i}]");
        if !rule.has("succeededCount") && !rule.has("succeededIndexes") {
            out.push(FieldError::required(item.clone(), "at least one of succeededCount or succeededIndexes must be specified"));
        }
        if let Some(count) = rule.int("succeededCount") {
            let total = spec.number("completions");
            if count < 0 {
                out.push(FieldError::invalid(format!("{item}.succeededCount"), count, super::read::NEGATIVE));
            } else if count > total {
                let detail = format!("must be less than or equal to {total} (the number of specified completions)");
                out.push(FieldError::invalid(format!("{item}.succeededCount"), count, detail));
            }
        }
    }
}
