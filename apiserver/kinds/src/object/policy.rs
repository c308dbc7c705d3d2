//! ValidatingAdmissionPolicy, MutatingAdmissionPolicy and their bindings.
//!
//! Fed through the strategy table. Expressions are compiled and run elsewhere; here they only have to be there.

use super::at::{At, Faults};
use super::fill::{each, made, object_at, unset};
use super::lifecycle::{first_generation, fresh_status, next_generation};
use super::{rule, webhook};
use crate::field::FieldError;
use crate::strategy::{Strategy, keep_status, reset_status};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const VALIDATING: Strategy = Strategy {
    default: |object| {
        default(object);
        made(object, "status");
    },
    validate: validate_validating,
    validate_update: |new, _| validate_validating(new),
    prepare_create: |object| {
        reset_status(object);
        fresh_status(object, json!({}));
    },
    prepare_update: keep_status,
};
pub(super) const MUTATING: Strategy = Strategy {
    default,
    validate: validate_mutating,
    validate_update: |new, _| validate_mutating(new),
    prepare_create: first_generation,
    prepare_update: next_generation,
};
pub(super) const VALIDATING_BINDING: Strategy = Strategy {
    default: default_binding,
    validate: |object| validate_binding(object, true),
    validate_update: |new, _| validate_binding(new, true),
    prepare_create: first_generation,
    prepare_update: next_generation,
};
pub(super) const MUTATING_BINDING: Strategy = Strategy {
    default: default_binding,
    validate: |object| validate_binding(object, false),
    validate_update: |new, _| validate_binding(new, false),
    prepare_create: first_generation,
    prepare_update: next_generation,
};

const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];
const ACTIONS: &[&str] = &["Audit", "Deny", "Warn"];

fn default(object: &mut Value) {
    if let Some(spec) = made(object, "spec") {
        unset(spec, "failurePolicy", "Fail");
    }
    default_match(object, "/spec/matchConstraints");
}

fn default_match(object: &mut Value, pointer: &str) {
    let Some(constraints) = object_at(object, pointer) else { return };
    unset(constraints, "matchPolicy", "Equivalent");
    unset(constraints, "namespaceSelector", json!({}));
    unset(constraints, "objectSelector", json!({}));
    for rules in ["resourceRules", "excludeResourceRules"] {
        each(constraints, rules, |rule| unset(rule, "scope", "*"));
    }
}

fn default_binding(object: &mut Value) {
    made(object, "spec");
    default_match(object, "/spec/matchResources");
}

/// What both kinds of policy have in common.
fn validate_common(out: &mut Faults, spec: &At) {
    rule::optional_choice(out, &spec.get("failurePolicy"), &["Fail", "Ignore"]);
    let kind = spec.get("paramKind");
    if kind.is_set() {
        let version = kind.get("apiVersion");
        if rule::present(out, &version) && version.text().split('/').count() > 2 {
            out.push(version.invalid(format!("unexpected GroupVersion string: {}", version.text())));
        }
        if rule::present(out, &kind.get("kind")) {
            rule::each(out, &kind.get("kind"), syntax::dns1035_label_faults(&kind.get("kind").text().to_lowercase()));
        }
    }
    let constraints = spec.get("matchConstraints");
    if constraints.is_set() {
        if constraints.get("resourceRules").is_empty() {
            out.push(constraints.get("resourceRules").required(""));
        }
        validate_match(out, &constraints);
    } else {
        out.push(constraints.required(""));
    }
    webhook::conditions(out, &spec.get("matchConditions"));
    let mut names = Vec::new();
    for variable in spec.get("variables").items() {
        let name = variable.get("name");
        if rule::present(out, &name) {
            let good = name
                .text()
                .bytes()
                .enumerate()
                .all(|(i, b)| b == b'_' || b.is_ascii_alphabetic() || (i > 0 && b.is_ascii_digit()));
            if !good {
                out.push(name.invalid("name is not a valid CEL identifier"));
            }
            if names.contains(&name.text()) {
                out.push(name.duplicate());
            }
        }
        names.push(name.text());
        expression(out, &variable.get("expression"), "expression is not specified");
    }
}

fn validate_match(out: &mut Faults, constraints: &At) {
    rule::optional_choice(out, &constraints.get("matchPolicy"), &["Equivalent", "Exact"]);
    rule::selector(out, &constraints.get("namespaceSelector"));
    rule::selector(out, &constraints.get("objectSelector"));
    for rules in ["resourceRules", "excludeResourceRules"] {
        webhook::validate_rules(out, &constraints.get(rules));
    }
}

fn expression(out: &mut Faults, at: &At, why: &str) {
    if at.text().trim().is_empty() {
        out.push(at.required(why));
    }
}

fn validate_validating(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    validate_common(&mut out, &spec);
    let (validations, audits) = (spec.get("validations"), spec.get("auditAnnotations"));
    if validations.is_empty() && audits.is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        out.push(validations.required(why));
        out.push(audits.required(why));
    }
    for validation in validations.items() {
        expression(&mut out, &validation.get("expression"), "expression is not specified");
        let message = validation.get("message");
        if message.is_set() && message.text().trim().is_empty() {
            out.push(message.invalid("message must be non-empty if specified"));
        } else if message.text().trim().contains('\n') {
            out.push(message.invalid("message must not contain line breaks"));
        }
        rule::optional_choice(&mut out, &validation.get("reason"), REASONS);
    }
    let mut keys = Vec::new();
    for audit in audits.items() {
        let key = audit.get("key");
        if rule::present(&mut out, &key) {
            rule::qualified(&mut out, &key);
            if keys.contains(&key.text()) {
                out.push(key.duplicate());
            }
        }
        keys.push(key.text());
        expression(&mut out, &audit.get("valueExpression"), "valueExpression is not specified");
    }
    out
}

fn validate_mutating(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    validate_common(&mut out, &spec);
    rule::choice(&mut out, &spec.get("reinvocationPolicy"), &["IfNeeded", "Never"]);
    let mutations = spec.get("mutations");
    if mutations.is_empty() {
        out.push(mutations.required("mutations must contain at least one item"));
    }
    for mutation in mutations.items() {
        let kind = mutation.get("patchType");
        rule::choice(&mut out, &kind, &["ApplyConfiguration", "JSONPatch"]);
        let (wanted, other) = match kind.text() {
            "ApplyConfiguration" => ("applyConfiguration", "jsonPatch"),
            "JSONPatch" => ("jsonPatch", "applyConfiguration"),
            _ => continue,
        };
        if mutation.get(wanted).is_set() {
            expression(&mut out, &mutation.get(wanted).get("expression"), "expression is not specified");
        } else {
            out.push(mutation.get(wanted).required(&format!("must be specified when patchType is {}", kind.text())));
        }
        if mutation.get(other).is_set() {
            out.push(mutation.get(other).forbidden(format!("must not be specified when patchType is {}", kind.text())));
        }
    }
    out
}

fn validate_binding(object: &Value, validating: bool) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    rule::subdomain(&mut out, &spec.get("policyName"));
    let param = spec.get("paramRef");
    if param.is_set() {
        let (name, selector) = (param.get("name"), param.get("selector"));
        match (name.is_empty(), selector.is_set()) {
            (false, true) => out.push(name.forbidden("name and selector are mutually exclusive")),
            (true, false) => out.push(param.required("one of name or selector must be specified")),
            _ => {}
        }
        rule::selector(&mut out, &selector);
        rule::choice(&mut out, &param.get("parameterNotFoundAction"), &["Allow", "Deny"]);
    }
    let scope = spec.get("matchResources");
    if scope.is_set() {
        validate_match(&mut out, &scope);
    }
    if !validating {
        return out;
    }
    let actions = spec.get("validationActions");
    if actions.is_empty() {
        out.push(actions.required(""));
    }
    let mut seen = Vec::new();
    for action in actions.items() {
        rule::optional_choice(&mut out, &action, ACTIONS);
        if seen.contains(&action.text()) {
            out.push(action.duplicate());
        }
        seen.push(action.text());
    }
    if seen.contains(&"Deny") && seen.contains(&"Warn") {
        out.push(actions.invalid("must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_matches_and_checks_something() {
        let mut policy = json!({"spec": {"matchConstraints": {"resourceRules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]}, "validations": [{"expression": "true"}]}});
        default(&mut policy);
        assert_eq!(validate_validating(&policy), []);
        assert_eq!(policy["spec"]["matchConstraints"]["resourceRules"][0]["scope"], "*");
        assert_eq!(validate_validating(&json!({"spec": {}})).len(), 3);
    }

    #[test]
    fn bindings_act() {
        let binding = |actions: Value| json!({"spec": {"policyName": "p", "validationActions": actions}});
        assert_eq!(validate_binding(&binding(json!(["Deny"])), true), []);
        assert_eq!(validate_binding(&binding(json!(["Deny", "Warn"])), true).len(), 1);
        assert_eq!(validate_binding(&binding(json!([])), false), []);
    }
}
