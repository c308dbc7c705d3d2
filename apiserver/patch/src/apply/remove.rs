//! Takes the members of a set out of an object: what an applier no longer mentions.
//!
//! Fed by pruning; knows the schema, no managers.

use super::element::Element;
use super::fieldset::FieldSet;
use super::topology::{Place, Shape};
use serde_json::{Map, Value};

/// The value without the members of the set. A container that is emptied becomes null, as upstream has it while it prunes;
/// [`drop_emptied`] removes those nulls at the end.
pub(crate) fn without(place: &Place<'_>, value: &Value, set: &FieldSet) -> Value {
    if set.is_empty() {
        return value.clone();
    }
    let shape = place.shape();
    if let Shape::Scalar(_) = shape {
        return value.clone();
    }
    if shape.is_whole() {
        return Value::Null;
    }
    match value {
        Value::Object(map) => {
            let mut out = Map::with_capacity(map.len());
            for (name, value) in map {
                let left = match set.field(name) {
                    Some(entry) if entry.member => continue,
                    Some(entry) => match place.member(name) {
                        Some(member) => without(&member, value, &entry.below),
                        None => value.clone(),
                    },
                    None => value.clone(),
                };
                out.insert(name.clone(), left);
            }
            if out.is_empty() { Value::Null } else { Value::Object(out) }
        }
        Value::Array(items) if !matches!(shape, Shape::Undeclared) => {
            let left: Vec<Value> = items.iter().filter_map(|item| item_without(&shape, item, set)).collect();
            if left.is_empty() { Value::Null } else { Value::Array(left) }
        }
        Value::Array(_) => Value::Null,
        scalar => scalar.clone(),
    }
}

fn item_without(shape: &Shape<'_>, item: &Value, set: &FieldSet) -> Option<Value> {
    let element: Option<Element> = shape.item(item).and_then(Result::ok);
    match element.and_then(|element| set.get(&element)) {
        Some(entry) if entry.member => None,
        Some(entry) => Some(match shape.item_place() {
            Some(place) => without(&place, item, &entry.below),
            None => item.clone(),
        }),
        None => Some(item.clone()),
    }
}

/// Removes the nulls that pruning has left, but none that was there before it.
pub(crate) fn drop_emptied(pruned: &mut Value, before: &Value) {
    match (pruned, before) {
        (Value::Object(map), Value::Object(before)) => {
            map.retain(|name, value| !value.is_null() || before.get(name).is_none_or(Value::is_null));
            for (name, value) in map.iter_mut() {
                if let Some(before) = before.get(name) {
                    drop_emptied(value, before);
                }
            }
        }
        (Value::Array(items), Value::Array(before)) => {
            if items.len() != before.len() && before.iter().all(|item| !item.is_null()) {
                items.retain(|item| !item.is_null());
            }
            if items.len() == before.len() {
                for (item, before) in items.iter_mut().zip(before) {
                    drop_emptied(item, before);
                }
            } else {
                // Items have gone, so positions no longer match; their own emptied members are nulls that nobody sent.
                items.iter_mut().for_each(|item| *item = crate::merge::without_nulls(item.take()));
            }
        }
        _ => {}
    }
}
