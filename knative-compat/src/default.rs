//! The mutating webhook: what a document gets that its writer left out. Fed by `admit` with documents that Go could decode and
//! that were written back as Go does; must not refuse anything.

use crate::admit::{Operation, Request};
use crate::config::Config;
use crate::kind::Kind;
use crate::{doc, keys, podspec};
use serde_json::{Value, json};

/// Fills in the defaults of one document.
pub fn apply(request: &Request<'_>, config: &Config, object: &mut Value) {
    match request.kind {
        Kind::Service => {
            template(request, config, object);
            traffic(object, true);
        }
        Kind::Configuration => template(request, config, object),
        Kind::Route => traffic(object, false),
        Kind::Revision => revision(request, config, object),
        Kind::DomainMapping => mapping(object),
        Kind::PodAutoscaler => autoscaler(config, object),
        Kind::Ingress => ingress(object),
        _ => {}
    }
    sign(request, object);
}

/// The template of a ksvc or a Configuration. One whose own name stays is immutable, so it is not touched again: otherwise
/// changed defaults would look like a change by the user.
fn template(request: &Request<'_>, config: &Config, object: &mut Value) {
    let own = doc::text(object, "/spec/template/metadata/name");
    if let Operation::Update(old) = request.operation
        && !own.is_empty()
        && own == doc::text(old, "/spec/template/metadata/name")
    {
        return;
    }
    let parent = object.clone();
    if let Some(spec) = object.pointer_mut("/spec/template/spec") {
        podspec::default(spec, &parent, config, request.operation.is_create());
    }
}

fn revision(request: &Request<'_>, config: &Config, object: &mut Value) {
    if request.operation.is_create() {
        let parent = object.clone();
        if let Some(spec) = object.get_mut("spec") {
            podspec::default(spec, &parent, config, true);
        }
    }
}

/// Traffic of a ksvc or a Route. Only a ksvc knows where traffic goes when nothing is said.
fn traffic(object: &mut Value, implied: bool) {
    let Some(spec) = doc::object(object, "spec") else { return };
    let empty = spec.get("traffic").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if empty && implied {
        spec.insert("traffic".into(), json!([{"latestRevision": true, "percent": 100}]));
        spec.sort_keys();
    }
    for target in spec.get_mut("traffic").and_then(Value::as_array_mut).into_iter().flatten() {
        let pinned = !doc::text(target, "/revisionName").is_empty();
        if let Some(map) = target.as_object_mut() {
            map.entry("latestRevision").or_insert_with(|| (!pinned).into());
            map.entry("percent").or_insert_with(|| 0.into());
            map.sort_keys();
        }
    }
}

fn mapping(object: &mut Value) {
    let namespace = doc::namespace(object).to_owned();
    if let Some(reference) = object.pointer_mut("/spec/ref").and_then(Value::as_object_mut) {
        reference.entry("namespace").or_insert_with(|| namespace.into());
        reference.sort_keys();
    }
}

fn autoscaler(config: &Config, object: &mut Value) {
    let class = keys::CLASS.of(object).map_or_else(|| config.autoscaler.class.clone(), str::to_owned);
    let metric = match class.as_str() {
        keys::KPA => Some("concurrency"),
        keys::HPA => Some("cpu"),
        _ => None,
    };
    if keys::METRIC.of(object).is_none() && metric.is_some() {
        doc::set_meta(object, "annotations", keys::METRIC.0[0], metric);
    }
    doc::set_meta(object, "annotations", keys::CLASS.0[0], Some(&class));
}

fn ingress(object: &mut Value) {
    for rule in object.pointer_mut("/spec/rules").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(map) = rule.as_object_mut() {
            map.entry("visibility").or_insert_with(|| "ExternalIP".into());
        }
        let paths = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut).into_iter().flatten();
        for splits in paths.filter_map(|path| path.get_mut("splits").and_then(Value::as_array_mut)) {
            if let [only] = splits.as_mut_slice()
                && let Some(map) = only.as_object_mut()
            {
                map.entry("percent").or_insert_with(|| 100.into());
            }
        }
    }
}

/// Writes who made a document and who changed its spec last. Children are not signed: they carry their owner's names.
fn sign(request: &Request<'_>, object: &mut Value) {
    let signed = match request.kind {
        Kind::Service | Kind::DomainMapping => true,
        Kind::Configuration | Kind::Route => doc::items(object, "/metadata/ownerReferences").next().is_none(),
        _ => false,
    };
    if !signed {
        return;
    }
    match request.operation {
        Operation::Create => {
            doc::set_meta(object, "annotations", keys::CREATOR, Some(request.user));
            doc::set_meta(object, "annotations", keys::LAST_MODIFIER, Some(request.user));
        }
        Operation::Update(old) if old.get("spec") != object.get("spec") => {
            doc::set_meta(object, "annotations", keys::LAST_MODIFIER, Some(request.user));
        }
        Operation::Update(_) => {}
    }
}
