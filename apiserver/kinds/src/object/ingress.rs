//! Ingress and IngressClass.
//!
//! Fed through the strategy table. Knows no controller that would serve them.

use super::at::{At, Faults};
use super::fill::{made, object_at, unset};
use super::lifecycle::{self, first_generation, next_generation};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{Strategy, keep_status, reset_status};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const INGRESS: Strategy = Strategy {
    default,
    validate: |object| {
        let mut out = validate(object);
        class_agrees(&mut out, object);
        out
    },
    validate_update: |new, _| validate(new),
    prepare_create: |object| {
        reset_status(object);
        lifecycle::fresh_status(object, json!({"loadBalancer": {}}));
    },
    prepare_update: keep_status,
};
pub(super) const INGRESS_CLASS: Strategy = Strategy {
    default: default_class,
    validate: validate_class,
    validate_update: |new, old| {
        let mut out = Faults::new();
        let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
        rule::immutable_fields(&mut out, &now, &before, &["controller"]);
        out.extend(validate_class(new));
        out
    },
    prepare_create: first_generation,
    prepare_update: next_generation,
};

const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];
const CONTROLLER_BYTES_MAX: usize = 250;
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

fn default(object: &mut Value) {
    made(object, "spec");
    if let Some(status) = made(object, "status") {
        unset(status, "loadBalancer", json!({}));
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let (rules, backend) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.is_empty() && !backend.is_set() {
        let shown = if rules.is_set() { rules.value() } else { Value::Null };
        out.push(FieldError::invalid(spec.path(), shown, "either `defaultBackend` or `rules` must be specified"));
    }
    if backend.is_set() {
        validate_backend(&mut out, &backend);
    }
    for entry in rules.items() {
        validate_host(&mut out, &entry.get("host"));
        let http = entry.get("http");
        if http.is_set() {
            if http.get("paths").is_empty() {
                out.push(http.get("paths").required(""));
            }
            http.get("paths").items().for_each(|path| validate_path(&mut out, &path));
        }
    }
    for tls in spec.get("tls").items() {
        for host in tls.get("hosts").items() {
            dns_name(&mut out, &host);
        }
        if !tls.get("secretName").is_empty() {
            rule::subdomain(&mut out, &tls.get("secretName"));
        }
    }
    if spec.get("ingressClassName").is_set() {
        let class = spec.get("ingressClassName");
        rule::each(&mut out, &class, syntax::dns1123_subdomain_faults(class.text()));
    }
    out
}

fn class_agrees(out: &mut Faults, object: &Value) {
    let root = At::root(object);
    let annotation = root.get("metadata").get("annotations").key(CLASS_ANNOTATION);
    let class = root.get("spec").get("ingressClassName");
    if annotation.is_set() && class.is_set() && annotation.text() != class.text() {
        let why = "must match `ingressClassName` when both are specified";
        out.push(FieldError::invalid(format!("annotations.{CLASS_ANNOTATION}"), annotation.text(), why));
    }
}

fn dns_name(out: &mut Faults, host: &At) {
    let faults = if host.text().contains('*') {
        syntax::wildcard_subdomain(host.text())
    } else {
        syntax::dns1123_subdomain_faults(host.text())
    };
    rule::each(out, host, faults);
}

fn validate_host(out: &mut Faults, host: &At) {
    if host.text().is_empty() {
        return;
    }
    if syntax::parse_ip(host.text()).is_some() {
        out.push(host.invalid("must be a DNS name, not an IP address"));
    }
    dns_name(out, host);
}

fn validate_path(out: &mut Faults, entry: &At) {
    let (kind, path) = (entry.get("pathType"), entry.get("path"));
    if !kind.is_set() {
        out.push(kind.required("pathType must be specified"));
        return;
    }
    let absolute = path.text().starts_with('/');
    match kind.text() {
        "Exact" | "Prefix" => {
            if !absolute {
                out.push(path.invalid_text("must be an absolute path"));
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if path.text().contains(part) {
                    out.push(path.invalid(format!("must not contain '{part}'")));
                }
            }
            for end in ["/..", "/."] {
                if path.text().ends_with(end) {
                    out.push(path.invalid(format!("cannot end with '{end}'")));
                }
            }
        }
        "ImplementationSpecific" => {
            if !path.text().is_empty() && !absolute {
                out.push(path.invalid("must be an absolute path"));
            }
        }
        _ => out.push(kind.unsupported(PATH_TYPES)),
    }
    validate_backend(out, &entry.get("backend"));
}

fn validate_backend(out: &mut Faults, backend: &At) {
    let (service, resource) = (backend.get("service"), backend.get("resource"));
    let whole = |why: &str| FieldError::invalid(backend.path(), "", why);
    match (service.is_set(), resource.is_set()) {
        (true, true) => out.push(whole("cannot set both resource and service backends")),
        (false, true) => reference(out, &resource),
        (false, false) => out.push(whole("resource or service backend is required")),
        (true, false) => {
            if rule::present(out, &service.get("name")) {
                rule::label(out, &service.get("name"));
            }
            let (name, number) = (service.get("port").get("name"), service.get("port").get("number"));
            match (name.is_empty(), number.is_empty()) {
                (false, false) => out.push(whole("cannot set both port name & port number")),
                (false, true) => rule::each(out, &name, syntax::port_name(name.text())),
                (true, false) => rule::port(out, &number),
                (true, true) => out.push(backend.required("port name or number is required")),
            }
        }
    }
}

fn reference(out: &mut Faults, at: &At) {
    if at.get("apiGroup").is_set() {
        rule::each(out, &at.get("apiGroup"), syntax::dns1123_subdomain_faults(at.get("apiGroup").text()));
    }
    rule::path_segment(out, &at.get("kind"));
    rule::path_segment(out, &at.get("name"));
}

fn default_class(object: &mut Value) {
    made(object, "spec");
    if let Some(parameters) = object_at(object, "/spec/parameters") {
        unset(parameters, "scope", "Cluster");
    }
}

fn validate_class(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let controller = spec.get("controller");
    if rule::present(&mut out, &controller) {
        if controller.len() > CONTROLLER_BYTES_MAX {
            out.push(controller.too_long(CONTROLLER_BYTES_MAX));
        }
        domain_path(&mut out, &controller);
    }
    let parameters = spec.get("parameters");
    if !parameters.is_set() {
        return out;
    }
    reference(&mut out, &parameters);
    let (scope, namespace) = (parameters.get("scope"), parameters.get("namespace"));
    rule::choice(&mut out, &scope, &["Cluster", "Namespace"]);
    match (scope.text(), namespace.is_set()) {
        ("Namespace", false) => out.push(namespace.required("`parameters.scope` is set to 'Namespace'")),
        ("Namespace", true) => rule::label(&mut out, &namespace),
        ("Cluster", true) => out.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'")),
        _ => {}
    }
    out
}

/// `example.com/path`: a domain, then at least one step.
fn domain_path(out: &mut Faults, at: &At) {
    let Some((domain, path)) = at.text().split_once('/').filter(|(d, p)| !d.is_empty() && !p.is_empty()) else {
        out.push(at.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")"));
        return;
    };
    rule::each(out, at, syntax::dns1123_subdomain_faults(domain));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
    if !path.bytes().all(allowed) {
        let why = syntax::form("Invalid path", r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", &[]);
        out.push(at.invalid(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_backends() {
        let ingress = |path: Value| json!({"spec": {"rules": [{"http": {"paths": [path]}}]}});
        let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
        let at = "spec.rules[0].http.paths[0]";
        let cases = [
            (json!({"path": "/", "pathType": "Prefix", "backend": backend}), vec![]),
            (
                json!({"path": "/", "backend": backend}),
                vec![format!("{at}.pathType: Required value: pathType must be specified")],
            ),
            (
                json!({"path": "x", "pathType": "Exact", "backend": {}}),
                vec![
                    format!("{at}.path: Invalid value: \"x\": must be an absolute path"),
                    format!("{at}.backend: Invalid value: \"\": resource or service backend is required"),
                ],
            ),
        ];
        for (path, wanted) in cases {
            let got: Vec<String> = validate(&ingress(path)).iter().map(ToString::to_string).collect();
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn a_class_keeps_its_controller() {
        let class = |c: &str| json!({"spec": {"controller": c}});
        assert_eq!(validate_class(&class("a.io/x")), []);
        let faults = (INGRESS_CLASS.validate_update)(&class("a.io/y"), &class("a.io/x"));
        assert_eq!(faults[0].to_string(), "spec.controller: Invalid value: \"a.io/y\": field is immutable");
    }
}
