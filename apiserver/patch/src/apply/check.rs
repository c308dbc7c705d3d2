//! Whether an applied configuration fits its type: declared fields, right types, no duplicate list items.
//!
//! Fed by apply before anything else happens; knows the schema. Error texts are upstream's, because clients print them.

use super::topology::{Place, Shape, value_of};
use crate::go_text::plain;
use serde_json::Value;
use skiff_schema::Scalar;

/// One complaint, with the path to it.
pub(crate) struct Complaint {
    path: String,
    text: String,
}

/// All complaints about a value as upstream words them; `None` if there are none.
pub(crate) fn complaints(place: &Place<'_>, value: &Value) -> Option<String> {
    let mut found = Vec::new();
    check(place, value, &mut String::new(), &mut found);
    let lines: Vec<String> = found
        .into_iter()
        .map(|one: Complaint| if one.path.is_empty() { one.text } else { format!("{}: {}", one.path, one.text) })
        .collect();
    match lines.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn check(place: &Place<'_>, value: &Value, path: &mut String, found: &mut Vec<Complaint>) {
    let mut complain = |text: String| found.push(Complaint { path: path.clone(), text });
    if value.is_null() {
        return;
    }
    let shape = place.shape();
    match shape {
        Shape::Any | Shape::Undeclared => {}
        Shape::Scalar(scalar) => {
            if let Some(text) = scalar_complaint(scalar, value) {
                complain(text);
            }
        }
        Shape::Struct { .. } | Shape::Map { .. } => match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let length = path.len();
                    path.push('.');
                    path.push_str(name);
                    match place.member(name) {
                        Some(member) => check(&member, value, path, found),
                        None => {
                            found.push(Complaint { path: path.clone(), text: "field not declared in schema".into() });
                            path.truncate(length);
                            // Upstream stops at the first undeclared field of an object.
                            break;
                        }
                    }
                    path.truncate(length);
                }
            }
            other => complain(format!("expected map, got &{{{}}}", plain(other))),
        },
        Shape::Keyed { .. } | Shape::Set | Shape::List { .. } => match value {
            Value::Array(items) => check_items(&shape, items, path, found),
            other => complain(format!("expected list, got &{{{}}}", plain(other))),
        },
    }
}

fn check_items(shape: &Shape<'_>, items: &[Value], path: &mut String, found: &mut Vec<Complaint>) {
    let mut seen = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let (step, place) = match shape {
            Shape::List { item: place } => (format!("[{i}]"), Some(*place)),
            _ => {
                let element = match shape {
                    Shape::Keyed { keys, item: place } => place.key_of(keys, item),
                    _ => value_of(item),
                };
                let element = match element {
                    Ok(element) => element,
                    Err(text) => {
                        found.push(Complaint { path: path.clone(), text: format!("element {i}: {text}") });
                        return;
                    }
                };
                let step = element.to_string();
                if seen.contains(&element) {
                    let text = format!("duplicate entries for key {step}");
                    found.push(Complaint { path: path.clone(), text });
                }
                seen.push(element);
                (step, shape.item_place())
            }
        };
        if let Some(place) = place {
            let length = path.len();
            path.push_str(&step);
            check(&place, item, path, found);
            path.truncate(length);
        }
    }
}

fn scalar_complaint(scalar: Scalar, value: &Value) -> Option<String> {
    let any = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    match scalar {
        Scalar::IntOrString | Scalar::Quantity => (!any).then(|| format!("expected any scalar, got &{{{}}}", plain(value))),
        Scalar::Boolean => (!value.is_boolean()).then(|| format!("expected boolean, got &{{{}}}", plain(value))),
        Scalar::Int32 | Scalar::Int64 | Scalar::Number => {
            (!value.is_number()).then(|| format!("expected numeric (int or float), got {}", crate::go_text::go_type(value)))
        }
        Scalar::String | Scalar::Time | Scalar::MicroTime | Scalar::Duration | Scalar::Bytes => {
            (!value.is_string()).then(|| format!("expected string, got &value.valueUnstructured{{Value:{}}}", plain(value)))
        }
    }
}
