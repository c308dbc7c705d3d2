//! The fields that an object mentions, as a set: what an applied configuration claims.
//!
//! Fed by apply; knows the schema, no managers. Unlike a comparison it leaves out the fields of structs that lead to other
//! fields: who sets `spec.replicas` does not claim `spec`.

use super::compare::UNOWNED_METADATA;
use super::element::Element;
use super::fieldset::{Entry, FieldSet};
use super::topology::{Place, Shape};
use serde_json::Value;

/// All fields of an object.
pub(crate) fn set_of(place: &Place<'_>, value: &Value) -> FieldSet {
    entry_of(place, value).below
}

/// Takes out what nobody ever owns: type and server-owned metadata.
pub(crate) fn strip(set: &mut FieldSet) {
    set.retain(|element, entry| {
        let Element::Field(name) = element else { return true };
        match &**name {
            "apiVersion" | "kind" => entry.member = false,
            "metadata" => {
                entry.member = false;
                entry.below.retain(|element, entry| {
                    if matches!(element, Element::Field(name) if UNOWNED_METADATA.contains(&&**name)) {
                        entry.member = false;
                    }
                    true
                });
            }
            _ => {}
        }
        true
    });
}

fn entry_of(place: &Place<'_>, value: &Value) -> Entry {
    let shape = place.shape();
    if shape.is_whole() {
        return Entry::leaf();
    }
    match value {
        Value::Object(map) => {
            let nodes = map.iter().filter_map(|(name, value)| {
                let member = place.member(name)?;
                let mut entry = entry_of(&member, value);
                entry.member |= claims_itself(&shape, name, value);
                Some((Element::field(name), entry))
            });
            Entry { member: false, below: FieldSet::gather(nodes.collect()) }
        }
        Value::Array(items) if !matches!(shape, Shape::Undeclared) => Entry { member: false, below: items_of(&shape, items) },
        // An empty list map claims nothing, null is claimed by the field that holds it.
        Value::Null => Entry::default(),
        _ => Entry::leaf(),
    }
}

/// Empty values and keys of maps are claimed themselves, fields of structs only through what they hold.
fn claims_itself(shape: &Shape<'_>, name: &str, value: &Value) -> bool {
    let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    empty
        || match shape {
            Shape::Struct { fields, .. } => !fields.contains_key(name),
            _ => true,
        }
}

fn items_of(shape: &Shape<'_>, items: &[Value]) -> FieldSet {
    let mut found: Vec<(Element, &Value)> = items.iter().filter_map(|item| Some((shape.item(item)?.ok()?, item))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let mut nodes: Vec<(Element, Entry)> = Vec::with_capacity(found.len());
    for (element, item) in found {
        match nodes.last_mut() {
            // Items of one key that occur twice are claimed as one.
            Some(last) if last.0 == element => last.1 = Entry::leaf(),
            _ => {
                let mut entry = shape.item_place().map_or_else(Entry::leaf, |place| entry_of(&place, item));
                entry.member = true;
                nodes.push((element, entry));
            }
        }
    }
    FieldSet::gather(nodes)
}

/// The set with all declared fields that lead to its members, which makes "everything below is gone" visible.
pub(crate) fn with_named_fields(place: &Place<'_>, set: &FieldSet) -> FieldSet {
    let shape = place.shape();
    let nodes = set.iter().map(|(element, entry)| {
        let (below, declared) = match (element, &shape) {
            (Element::Field(name), Shape::Struct { fields, .. }) => (place.member(name), fields.contains_key(name)),
            (Element::Field(name), _) => (place.member(name), false),
            (Element::Key(_), _) => (shape.item_place(), false),
            _ => (None, false),
        };
        let below = below.map_or_else(|| entry.below.clone(), |place| with_named_fields(&place, &entry.below));
        let member = entry.member || declared && !below.is_empty();
        (element.clone(), Entry { member, below })
    });
    FieldSet::gather(nodes.collect())
}

/// Adapts a stored set to the schema of today: what has become a whole since is owned as a whole.
pub(crate) fn reconcile(place: &Place<'_>, set: &mut FieldSet) -> bool {
    let shape = place.shape();
    let mut changed = false;
    set.retain(|element, entry| {
        let below = match element {
            Element::Field(name) => place.member(name),
            _ => shape.item_place(),
        };
        let Some(below) = below else { return true };
        if entry.below.is_empty() {
            return true;
        }
        if below.shape().is_whole() {
            *entry = Entry::leaf();
            changed = true;
        } else {
            changed |= reconcile(&below, &mut entry.below);
        }
        true
    });
    changed
}
