//! The Configuration and the Route of a ksvc.

use super::{ChildWrite, Children, Context};
use crate::kind::Kind;
use crate::{doc, keys};
use serde_json::{Map, Value, json};

/// The writes that bring Configuration and Route to what the ksvc says; none when they are there already. Children of others
/// are not touched. While the revision name that the template asks for is taken, the caller leaves the Route's write out by
/// looking at `status::latest(..).conflict`, as `service_turn` does.
#[must_use]
pub fn reconcile_service(_ctx: &Context<'_>, ksvc: &Value, existing: &Children) -> Vec<ChildWrite> {
    let mut writes = Vec::new();
    let configuration = existing.configuration.as_ref();
    if configuration.is_some_and(|c| !doc::controlled_by(c, ksvc)) {
        // Upstream stops here: no Route either.
        return writes;
    }
    writes.extend(settle(Kind::Configuration, self::configuration(ksvc), configuration, ksvc));
    writes.extend(settle(Kind::Route, route(ksvc), existing.route.as_ref(), ksvc));
    writes
}

fn configuration(ksvc: &Value) -> Value {
    let labels = [(keys::SERVICE, doc::name(ksvc)), (keys::SERVICE_UID, doc::uid(ksvc))];
    let handed_on = |key: &str| key != keys::LAST_APPLIED && !keys::ROLLOUT_DURATION.0.contains(&key);
    let template = ksvc.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    child(Kind::Configuration, ksvc, &labels, handed_on, json!({"template": template}))
}

fn route(ksvc: &Value) -> Value {
    let labels = [(keys::SERVICE, doc::name(ksvc))];
    let targets: Vec<Value> = doc::items(ksvc, "/spec/traffic")
        .map(|target| {
            let mut target = target.as_object().cloned().unwrap_or_default();
            let pinned = target.get("revisionName").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
            if !pinned {
                target.insert("configurationName".into(), doc::name(ksvc).into());
                target.sort_keys();
            }
            Value::Object(target)
        })
        .collect();
    child(Kind::Route, ksvc, &labels, |key| key != keys::LAST_APPLIED, json!({"traffic": targets}))
}

fn child(kind: Kind, ksvc: &Value, labels: &[(&str, &str)], handed_on: impl Fn(&str) -> bool, spec: Value) -> Value {
    let own = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let annotations = doc::strings(doc::entries(ksvc, "/metadata/annotations").filter(|(key, _)| handed_on(key)));
    let mut meta = Map::new();
    if !annotations.is_empty() {
        meta.insert("annotations".into(), Value::Object(annotations));
    }
    meta.insert("generation".into(), 1.into());
    let all: Vec<(String, String)> = doc::entries(ksvc, "/metadata/labels").chain(own).collect();
    // The child's own labels win over labels of the same name on the ksvc.
    let mut merged = Map::new();
    for (key, value) in all {
        merged.insert(key, value.into());
    }
    merged.sort_keys();
    meta.insert("labels".into(), Value::Object(merged));
    meta.insert("name".into(), doc::name(ksvc).into());
    meta.insert("namespace".into(), doc::namespace(ksvc).into());
    meta.insert("ownerReferences".into(), json!([doc::owner_reference(Kind::Service, ksvc)]));
    json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": meta, "spec": spec})
}

/// Creates the wanted child, or changes the existing one into it; nothing when it is that already or not ours.
fn settle(kind: Kind, wanted: Value, existing: Option<&Value>, ksvc: &Value) -> Option<ChildWrite> {
    let Some(existing) = existing else { return Some(ChildWrite::Create(kind, wanted)) };
    if !doc::controlled_by(existing, ksvc) {
        return None;
    }
    let mut next = existing.clone();
    let routes = doc::annotation(existing, keys::ROUTES).map(str::to_owned);
    for part in ["labels", "annotations"] {
        let value = wanted.pointer(&format!("/metadata/{part}")).cloned();
        if let Some(meta) = doc::object(&mut next, "metadata") {
            match value {
                Some(value) => meta.insert(part.into(), value),
                None => meta.shift_remove(part),
            };
        }
    }
    // The routes that point at a Configuration are the router's to say, not the ksvc's.
    if let Some(routes) = routes {
        doc::set_meta(&mut next, "annotations", keys::ROUTES, Some(&routes));
    }
    if next.get("spec") != wanted.get("spec")
        && let Some(map) = next.as_object_mut()
    {
        map.insert("spec".into(), wanted.get("spec").cloned().unwrap_or_else(|| json!({})));
        if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.insert("generation".into(), (doc::generation(existing) + 1).into());
        }
    }
    (next != *existing).then_some(ChildWrite::Update(kind, next))
}
