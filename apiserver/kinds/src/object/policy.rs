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
use skiff_schema::cel::RESERVED;

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

const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge"];
/// Mutating policies see no deletions.
const MUTABLE: &[&str] = &["*", "CONNECT", "CREATE", "UPDATE"];
/// Most audit annotations of a policy.
const AUDITS_MAX: usize = 20;
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
    for variable in spec.get("variables").items() {
        let name = variable.get("name");
        if name.text().trim().is_empty() {
            out.push(name.required("name is not specified"));
        } else if !is_identifier(name.text()) {
            out.push(name.invalid("must be a valid CEL identifier"));
        }
        expression(out, &variable.get("expression"), "expression is not specified");
    }
}

/// A name that expressions can use.
fn is_identifier(name: &str) -> bool {
    let legal = |(i, b): (usize, u8)| b == b'_' || b.is_ascii_alphabetic() || (i > 0 && b.is_ascii_digit());
    !RESERVED.contains(&name) && name.bytes().enumerate().all(legal)
}

/// A mutating policy's rules name only what it can change.
fn validate_operations(out: &mut Faults, constraints: &At) {
    for rule in constraints.get("resourceRules").items() {
        for operation in rule.get("operations").items().filter(|o| !MUTABLE.contains(&o.text())) {
            // Upstream names the list, not the place in it.
            let at = format!("{}.resourceRules.operations", constraints.path());
            out.push(FieldError::not_supported(at, operation.text(), MUTABLE));
        }
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
        let computed = validation.get("messageExpression");
        if !computed.text().is_empty() && computed.text().trim().is_empty() {
            out.push(computed.invalid("must be non-empty if specified"));
        }
        if !message.text().is_empty() && message.text().trim().is_empty() {
            out.push(message.invalid("must be non-empty if specified"));
        } else if message.text().trim().contains(['\n', '\r']) {
            out.push(message.invalid("must not contain line breaks"));
        }
        rule::optional_choice(&mut out, &validation.get("reason"), REASONS);
    }
    validate_audits(&mut out, At::root(object).get("metadata").get("name").text(), &audits);
    out
}

fn validate_audits(out: &mut Faults, policy: &str, audits: &At) {
    let mut keys = Vec::new();
    let all: Vec<At> = audits.items().collect();
    if all.len() > AUDITS_MAX {
        out.push(audits.invalid(format!("must not have more than {AUDITS_MAX} auditAnnotations")));
    }
    for audit in all {
        let key = audit.get("key");
        let full = Value::from(format!("{policy}/{}", key.text()));
        rule::qualified(out, &At::new(Some(&full), key.path()));
        if keys.contains(&key.text()) {
            out.push(key.duplicate());
        }
        keys.push(key.text());
        expression(out, &audit.get("valueExpression"), "valueExpression is not specified");
    }
}

fn validate_mutating(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    validate_common(&mut out, &spec);
    validate_operations(&mut out, &spec.get("matchConstraints"));
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
            expression(&mut out, &mutation.get(wanted).get("expression"), "");
        } else {
            out.push(mutation.get(wanted).required(&format!("must be specified when patchType is {}", kind.text())));
        }
        if mutation.get(other).is_set() {
            let why = format!("must not be specified when patchType is {}", kind.text());
            out.push(FieldError::invalid(mutation.get(other).path(), format!("{{{other}}}"), why));
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
            (false, true) => {
                out.push(name.forbidden("name and selector are mutually exclusive"));
                out.push(selector.forbidden("name and selector are mutually exclusive"));
            }
            (true, false) => out.push(param.required("one of name or selector must be specified")),
            _ => {}
        }
        if !name.is_empty() {
            rule::each(&mut out, &name, syntax::path_segment(name.text()));
        }
        rule::selector(&mut out, &selector);
        rule::choice(&mut out, &param.get("parameterNotFoundAction"), &["Allow", "Deny"]);
    }
    let scope = spec.get("matchResources");
    if scope.is_set() {
        validate_match(&mut out, &scope);
    }
    if !validating {
        validate_operations(&mut out, &scope);
        return out;
    }
    let actions = spec.get("validationActions");
    if actions.is_empty() {
        out.push(actions.required("at least one validation action is required"));
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
