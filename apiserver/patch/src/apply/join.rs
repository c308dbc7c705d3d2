//! Lays an applied configuration over a live object: nothing is removed, what both have comes from the configuration, and
//! lists keep the order upstream gives them.
//!
//! Fed by apply with a checked configuration; knows the schema, no managers.

use super::element::Element;
use super::topology::{Place, Shape};
use serde_json::{Map, Value};

/// The live value with the configuration on top.
pub(crate) fn join(place: &Place<'_>, live: Option<&Value>, config: Option<&Value>) -> Value {
    let (live, config) = match (live, config) {
        (Some(live), Some(config)) => (live, config),
        (Some(one), None) | (None, Some(one)) => return one.clone(),
        (None, None) => return Value::Null,
    };
    let shape = place.shape();
    if shape.is_whole() {
        return config.clone();
    }
    match (live, config) {
        // Null is the empty container here; only null over an empty one is told apart.
        (Value::Object(map), Value::Null) if !map.is_empty() => live.clone(),
        (Value::Array(items), Value::Null) if !items.is_empty() && !matches!(shape, Shape::Undeclared) => live.clone(),
        (Value::Object(live), Value::Object(config)) if !(live.is_empty() && config.is_empty()) => {
            join_members(place, live, config)
        }
        (Value::Array(live), Value::Array(config)) if !matches!(shape, Shape::Undeclared) => {
            Value::Array(join_items(&shape, live, config))
        }
        _ => config.clone(),
    }
}

fn join_members(place: &Place<'_>, live: &Map<String, Value>, config: &Map<String, Value>) -> Value {
    let mut out = Map::with_capacity(live.len().max(config.len()));
    for (name, old) in live {
        let value = match (config.get(name), place.member(name)) {
            (Some(new), Some(member)) => join(&member, Some(old), Some(new)),
            (Some(new), None) => new.clone(),
            (None, _) => old.clone(),
        };
        out.insert(name.clone(), value);
    }
    for (name, new) in config {
        if !live.contains_key(name) {
            out.insert(name.clone(), new.clone());
        }
    }
    Value::Object(out)
}

/// One side of a list merge, item by item.
struct Side<'a> {
    items: Vec<(Element, &'a Value)>,
}

impl<'a> Side<'a> {
    fn of(shape: &Shape<'_>, list: &'a [Value]) -> Side<'a> {
        Side { items: list.iter().filter_map(|item| Some((shape.item(item)?.ok()?, item))).collect() }
    }

    fn has(&self, element: &Element) -> bool {
        self.items.iter().any(|item| item.0 == *element)
    }

    /// The item of a key; one that occurs twice is merged with nothing.
    fn only(&self, element: &Element) -> Option<&'a Value> {
        let mut found = self.items.iter().filter(|item| item.0 == *element);
        let first = found.next().map(|item| item.1);
        if found.next().is_some() { Some(&Value::Null) } else { first }
    }
}

/// Items of both sides come in the configuration's order, live ones keep their place between their neighbours.
fn join_items(shape: &Shape<'_>, live: &[Value], config: &[Value]) -> Vec<Value> {
    let (live, config) = (Side::of(shape, live), Side::of(shape, config));
    let mut shared = config.items.iter().map(|item| &item.0).filter(|element| live.has(element)).peekable();
    let mut out = Vec::with_capacity(live.items.len().max(config.items.len()));
    let mut taken: Vec<&Element> = Vec::with_capacity(config.items.len());
    let both = |element: &Element, new: &Value| match shape.item_place() {
        Some(place) => join(&place, live.only(element), Some(new)),
        None => new.clone(),
    };
    let (mut l, mut c) = (0, 0);
    while l < live.items.len() || c < config.items.len() {
        if let (Some((left, _)), Some((right, new))) = (live.items.get(l), config.items.get(c)) {
            if left == right {
                out.push(both(right, new));
                taken.push(right);
                l += 1;
                c += 1;
                shared.next();
                continue;
            }
            if config.has(left) && shared.peek().is_some_and(|next| *next != left) {
                // A shared item whose turn comes later, in the configuration's order.
                l += 1;
                continue;
            }
        }
        if let Some((left, old)) = live.items.get(l) {
            if !config.has(left) {
                out.push((*old).clone());
                l += 1;
                continue;
            }
            if taken.contains(&left) {
                l += 1;
            }
        }
        if let Some((right, new)) = config.items.get(c) {
            out.push(both(right, new));
            taken.push(right);
            c += 1;
            if shared.peek().is_some_and(|next| *next == right) {
                shared.next();
            }
        }
    }
    out
}
