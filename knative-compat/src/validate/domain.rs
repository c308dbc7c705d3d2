//! Rules on `DomainMapping`: the name is the domain, the reference stays in the namespace.

use super::{Faults, metadata};
use crate::admit::Request;
use crate::config::Config;
use crate::{doc, names};
use serde_json::Value;

/// A `DomainMapping`.
pub(super) fn mapping(request: &Request<'_>, config: &Config, object: &Value) -> Faults {
    let mut out = Faults::none();
    if !doc::text(object, "/metadata/generateName").is_empty() {
        out.also(Faults::disallowed(&["generateName"]));
    }
    let name = doc::name(object);
    for wrong in domain_errors(name) {
        out.also(Faults::generic(format!("invalid name {name:?}: {wrong}"), &["name"]));
    }
    let local = &config.network.cluster_domain;
    if name.ends_with(&format!(".{local}")) {
        let text = format!("invalid name {name:?}: must not be a subdomain of cluster local domain {local:?}");
        out.also(Faults::generic(text, &["name"]));
    }
    let mut out = out.via("metadata");
    out.also(metadata::signatures(request, object));
    let reference = object.pointer("/spec/ref").unwrap_or(&Value::Null);
    out.also(self::reference(reference, doc::namespace(object)).via("ref").via("spec"));
    out
}

/// What is wrong with a fully qualified domain name.
fn domain_errors(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["name: Required value".into()];
    }
    let shown = |why: &str| format!("name: Invalid value: {name:?}: {why}");
    let bare = name.strip_suffix('.').unwrap_or(name);
    let wrong = names::subdomain(bare);
    if !wrong.is_empty() {
        return wrong.iter().map(|why| shown(why)).collect();
    }
    if bare.split('.').count() < 2 {
        return vec![shown("should be a domain with at least two segments separated by dots")];
    }
    Vec::new()
}

fn reference(reference: &Value, namespace: &str) -> Faults {
    let mut missing = Vec::new();
    for key in ["name", "apiVersion", "kind"] {
        let grouped = key == "apiVersion" && !doc::text(reference, "/group").is_empty();
        if doc::text(reference, &format!("/{key}")).is_empty() && !grouped {
            missing.push(key);
        }
    }
    let mut out = if missing.is_empty() { Faults::none() } else { Faults::missing(&missing) };
    let named = doc::text(reference, "/namespace");
    if !named.is_empty() && named != namespace {
        let details = format!("parent namespace: {namespace:?} does not match ref: {named:?}");
        out.also(Faults::generic("mismatched namespaces", &["namespace"]).details(details));
    }
    out
}
