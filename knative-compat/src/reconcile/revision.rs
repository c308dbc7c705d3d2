//! The Revision of a Configuration.

use super::{ChildWrite, Context};
use crate::kind::Kind;
use crate::{doc, keys, names};
use serde_json::{Map, Value, json};

/// The Revision that a Configuration's current generation asks for, unless it is there. `revisions` are those of the namespace.
/// A name of the user's own that is taken makes nothing: whether that is a way back or a conflict is `status::latest`'s to say.
#[must_use]
pub fn reconcile_configuration(ctx: &Context<'_>, configuration: &Value, revisions: &[&Value]) -> Vec<ChildWrite> {
    let own = doc::text(configuration, "/spec/template/metadata/name");
    let name = if own.is_empty() {
        names::child(doc::name(configuration), &format!("-{:05}", doc::generation(configuration)))
    } else {
        own.to_owned()
    };
    if revisions.iter().any(|r| doc::name(r) == name) {
        return Vec::new();
    }
    vec![ChildWrite::Create(Kind::Revision, revision(ctx, configuration, name))]
}

fn revision(ctx: &Context<'_>, configuration: &Value, name: String) -> Value {
    let template = configuration.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    let generation = doc::generation(configuration).to_string();
    let mut labels = vec![
        (keys::CONFIGURATION.to_owned(), doc::name(configuration).to_owned()),
        (keys::CONFIGURATION_GENERATION.to_owned(), generation),
        (keys::CONFIGURATION_UID.to_owned(), doc::uid(configuration).to_owned()),
        (keys::ROUTING_STATE.to_owned(), "pending".to_owned()),
    ];
    for key in [keys::SERVICE, keys::SERVICE_UID] {
        labels.extend(doc::label(configuration, key).map(|value| (key.to_owned(), value.to_owned())));
    }
    let mut annotations = vec![(keys::ROUTING_STATE_MODIFIED.to_owned(), ctx.now.to_owned())];
    // Who changed the Configuration last has made this revision.
    let maker = doc::annotation(configuration, keys::LAST_MODIFIER);
    annotations.extend(maker.map(|name| (keys::CREATOR.to_owned(), name.to_owned())));
    let mut meta: Map<String, Value> = template.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    meta.shift_remove("creationTimestamp");
    meta.insert("annotations".into(), merged(&template, "/metadata/annotations", annotations));
    meta.insert("labels".into(), merged(&template, "/metadata/labels", labels));
    meta.insert("generation".into(), 1.into());
    meta.insert("name".into(), name.into());
    meta.insert("namespace".into(), doc::namespace(configuration).into());
    meta.insert("ownerReferences".into(), json!([doc::owner_reference(Kind::Configuration, configuration)]));
    meta.sort_keys();
    let spec = template.get("spec").cloned().unwrap_or_else(|| json!({}));
    json!({"apiVersion": Kind::Revision.api_version(), "kind": "Revision", "metadata": meta, "spec": spec})
}

/// The template's own entries, and ours over them.
fn merged(template: &Value, pointer: &str, ours: Vec<(String, String)>) -> Value {
    let mut map = Map::new();
    for (key, value) in doc::entries(template, pointer).chain(ours) {
        map.insert(key, value.into());
    }
    map.sort_keys();
    Value::Object(map)
}
