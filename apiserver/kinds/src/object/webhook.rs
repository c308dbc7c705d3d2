//! ValidatingWebhookConfiguration and MutatingWebhookConfiguration, and the parts they share with admission policies and CRDs.
//!
//! Fed through the strategy table. Calls no webhook.

use super::at::{At, Faults};
use super::fill::{each, unset};
use super::lifecycle::{first_generation, next_generation};
use super::rule;
use crate::field::FieldError;
use crate::strategy::Strategy;
use crate::workload::syntax;
use serde_json::{Map, Value, json};

pub(super) const VALIDATING: Strategy = Strategy {
    default: |object| default(object, false),
    validate: |object| validate(object, false),
    validate_update: |new, _| validate(new, false),
    prepare_create: first_generation,
    prepare_update: next_generation,
};
pub(super) const MUTATING: Strategy = Strategy {
    default: |object| default(object, true),
    validate: |object| validate(object, true),
    validate_update: |new, _| validate(new, true),
    prepare_create: first_generation,
    prepare_update: next_generation,
};

const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SECONDS_MAX: i64 = 30;

fn default(object: &mut Value, mutating: bool) {
    let Some(map) = object.as_object_mut() else { return };
    each(map, "webhooks", |hook| {
        unset(hook, "failurePolicy", "Fail");
        unset(hook, "matchPolicy", "Equivalent");
        unset(hook, "namespaceSelector", json!({}));
        unset(hook, "objectSelector", json!({}));
        unset(hook, "timeoutSeconds", 10);
        if mutating {
            unset(hook, "reinvocationPolicy", "Never");
        }
        default_rules(hook, "rules");
        if let Some(config) = hook.get_mut("clientConfig").and_then(Value::as_object_mut) {
            default_port(config);
        }
    });
}

/// The scope of rules (of webhooks and policies).
pub(super) fn default_rules(map: &mut Map<String, Value>, field: &str) {
    each(map, field, |rule| unset(rule, "scope", "*"));
}

/// The port of a `clientConfig.service`.
pub(super) fn default_port(config: &mut Map<String, Value>) {
    if let Some(service) = config.get_mut("service").and_then(Value::as_object_mut) {
        unset(service, "port", 443);
    }
}

fn validate(object: &Value, mutating: bool) -> Vec<FieldError> {
    let mut out = Faults::new();
    let hooks = At::root(object).get("webhooks");
    let mut names = Vec::new();
    for hook in hooks.items() {
        validate_hook(&mut out, &hook, mutating);
        let name = hook.get("name");
        if !name.text().is_empty() && names.contains(&name.text()) {
            out.push(name.duplicate());
        }
        names.push(name.text());
    }
    out
}

fn validate_hook(out: &mut Faults, hook: &At, mutating: bool) {
    qualified_domain(out, &hook.get("name"), 3);
    validate_rules(out, &hook.get("rules"));
    rule::optional_choice(out, &hook.get("failurePolicy"), &["Fail", "Ignore"]);
    rule::optional_choice(out, &hook.get("matchPolicy"), &["Equivalent", "Exact"]);
    let effects = hook.get("sideEffects");
    if effects.is_set() {
        rule::optional_choice(out, &effects, &["None", "NoneOnDryRun"]);
    } else {
        out.push(effects.required("must specify one of None, NoneOnDryRun"));
    }
    let seconds = hook.get("timeoutSeconds");
    if seconds.int().is_some_and(|n| !(1..=SECONDS_MAX).contains(&n)) {
        out.push(seconds.invalid("the timeout value must be between 1 and 30 seconds"));
    }
    rule::selector(out, &hook.get("namespaceSelector"));
    rule::selector(out, &hook.get("objectSelector"));
    validate_client(out, &hook.get("clientConfig"));
    versions(out, &hook.get("admissionReviewVersions"));
    if mutating {
        rule::optional_choice(out, &hook.get("reinvocationPolicy"), &["IfNeeded", "Never"]);
    }
    conditions(out, &hook.get("matchConditions"));
}

/// At least `parts` labels of a domain.
fn qualified_domain(out: &mut Faults, at: &At, parts: usize) {
    if !rule::present(out, at) {
        return;
    }
    let faults = syntax::dns1123_subdomain_faults(at.text());
    if faults.is_empty() && at.text().split('.').count() < parts {
        out.push(at.invalid("should be a domain with at least three segments separated by dots"));
    }
    rule::each(out, at, faults);
}

/// Rules of webhooks and of policies.
pub(super) fn validate_rules(out: &mut Faults, rules: &At) {
    for entry in rules.items() {
        let operations = entry.get("operations");
        if operations.is_empty() {
            out.push(operations.required(""));
        }
        if operations.len() > 1 && operations.items().any(|o| o.text() == "*") {
            out.push(operations.invalid("if '*' is present, must not specify other operations"));
        }
        operations.items().for_each(|operation| rule::optional_choice(out, &operation, OPERATIONS));
        for (field, what) in [("apiGroups", "API groups"), ("apiVersions", "API versions")] {
            let list = entry.get(field);
            if list.is_empty() {
                out.push(list.required(""));
            }
            if list.len() > 1 && list.items().any(|v| v.text() == "*") {
                out.push(list.invalid(format!("if '*' is present, must not specify other {what}")));
            }
        }
        for version in entry.get("apiVersions").items().filter(|v| v.text().is_empty()) {
            out.push(version.required(""));
        }
        resources(out, &entry.get("resources"));
        rule::optional_choice(out, &entry.get("scope"), &["*", "Cluster", "Namespaced"]);
    }
}

fn resources(out: &mut Faults, at: &At) {
    if at.is_empty() {
        out.push(at.required(""));
    }
    let (mut whole, mut any_sub): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut both = false;
    for resource in at.items() {
        let text = resource.text();
        if text.is_empty() {
            out.push(resource.required(""));
            continue;
        }
        both |= text == "*/*";
        let (name, sub) = text.split_once('/').unwrap_or((text, ""));
        if sub == "*" {
            whole.push(name);
        }
        if name == "*" && !sub.is_empty() {
            any_sub.push(sub);
        }
        if whole.contains(&name) && !sub.is_empty() && sub != "*" {
            out.push(resource.invalid(format!("if '{name}/*' is present, must not specify {text}")));
        }
        if any_sub.contains(&sub) && name != "*" {
            out.push(resource.invalid(format!("if '*/{sub}' is present, must not specify {text}")));
        }
    }
    if both && at.len() > 1 {
        out.push(at.invalid("if '*/*' is present, must not specify other resources"));
    }
}

/// A webhook's address: a URL or a Service, not both (also of CRD conversion and API services).
pub(super) fn validate_client(out: &mut Faults, client: &At) {
    let (url, service) = (client.get("url"), client.get("service"));
    if url.is_set() == service.is_set() {
        out.push(client.required("exactly one of url or service is required"));
        return;
    }
    if url.is_set() {
        validate_url(out, &url);
    } else {
        validate_service(out, &service);
    }
}

fn validate_url(out: &mut Faults, url: &At) {
    let why = "url must be a valid URL: ";
    let Some((scheme, rest)) = rule::url_scheme(url.text()) else {
        let form = "\"https://host[:port][/path]\"; desired form: https://host[/path]";
        out.push(url.invalid(format!("{why}{form}")));
        return;
    };
    if scheme != "https" {
        out.push(url.invalid("'https' is the only allowed URL scheme; desired format: https://host[/path]"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.is_empty() {
        out.push(url.invalid("host must be specified; desired format: https://host[/path]"));
    }
    if authority.contains('@') {
        out.push(url.invalid("user information is not permitted in the URL; desired format: https://host[/path]"));
    }
    if rest.contains('#') {
        out.push(url.invalid("fragments are not permitted in the URL; desired format: https://host[/path]"));
    }
    if rest.contains('?') {
        out.push(url.invalid("query parameters are not permitted in the URL; desired format: https://host[/path]"));
    }
}

/// `clientConfig.service`.
pub(super) fn validate_service(out: &mut Faults, service: &At) {
    for (field, what) in [("name", "service name is required"), ("namespace", "service namespace is required")] {
        if service.get(field).text().is_empty() {
            out.push(service.get(field).required(what));
        }
    }
    let port = service.get("port");
    if port.is_set() && syntax::port_number(port.int().unwrap_or(0)).is_some() {
        out.push(port.invalid("port is not valid: must be between 1 and 65535, inclusive"));
    }
    let path = service.get("path");
    if !path.is_set() || path.text() == "/" {
        return;
    }
    if !path.text().starts_with('/') {
        out.push(path.invalid("must start with a '/'"));
        return;
    }
    let steps: Vec<&str> = path.text().trim_start_matches('/').split('/').collect();
    for (i, step) in steps.iter().enumerate() {
        if step.is_empty() && i + 1 < steps.len() {
            out.push(path.invalid(format!("segment[{i}] may not be empty")));
        }
        for fault in syntax::dns1123_subdomain_faults(step).into_iter().filter(|_| !step.is_empty()) {
            out.push(path.invalid(format!("segment[{i}]: {fault}")));
        }
    }
}

/// `admissionReviewVersions` and `conversionReviewVersions`: well formed, unique, at least one that is known.
pub(super) fn versions(out: &mut Faults, at: &At) {
    if at.is_empty() {
        out.push(at.required("must specify one of v1, v1beta1"));
        return;
    }
    let mut seen = Vec::new();
    for version in at.items() {
        if seen.contains(&version.text()) {
            out.push(FieldError::invalid(version.path(), version.text(), "duplicate version"));
        }
        rule::each(out, &version, syntax::dns1035_label_faults(version.text()));
        seen.push(version.text());
    }
    if !seen.iter().any(|v| matches!(*v, "v1" | "v1beta1")) {
        out.push(at.invalid("must include at least one of v1, v1beta1"));
    }
}

/// `matchConditions`: at most 64, named uniquely, with an expression. Expressions are compiled elsewhere.
pub(super) fn conditions(out: &mut Faults, at: &At) {
    if at.len() > 64 {
        out.push(at.too_many(64));
    }
    let mut seen = Vec::new();
    for condition in at.items() {
        let (name, expression) = (condition.get("name"), condition.get("expression"));
        if expression.text().trim().is_empty() {
            out.push(expression.required(""));
        }
        if rule::present(out, &name) {
            rule::qualified(out, &name);
            if seen.contains(&name.text()) {
                out.push(name.duplicate());
            }
        }
        seen.push(name.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> Value {
        json!({"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "s", "namespace": "n", "path": "/x"}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]})
    }

    #[test]
    fn hooks_default_and_pass() {
        let mut config = json!({"webhooks": [hook()]});
        default(&mut config, true);
        assert_eq!(validate(&config, true), []);
        let hook = &config["webhooks"][0];
        assert_eq!(hook["clientConfig"]["service"]["port"], 443);
        assert_eq!(hook["rules"][0]["scope"], "*");
        assert_eq!(hook["reinvocationPolicy"], "Never");
    }

    #[test]
    fn hooks_are_refused() {
        let cases = [
            (
                "name",
                json!("a.b"),
                "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots",
            ),
            (
                "sideEffects",
                json!("Some"),
                "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
            ),
            (
                "timeoutSeconds",
                json!(31),
                "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            ),
            ("clientConfig", json!({}), "webhooks[0].clientConfig: Required value: exactly one of url or service is required"),
        ];
        for (field, value, wanted) in cases {
            let mut hook = hook();
            hook[field] = value;
            assert_eq!(validate(&json!({"webhooks": [hook]}), false)[0].to_string(), wanted);
        }
    }
}
