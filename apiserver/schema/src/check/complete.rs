//! What Go writes without having been given it: structs that are no pointers, and fields without `omitempty`.
//!
//! For callers that want a document to read back as a Go server would print it (`status: {}`, `rules: null`).

use serde_json::{Map, Value};

use crate::model::{Empty, Form, NodeId, Scalar, Schema};

use super::MAX_DEPTH;

/// Adds what Go would write anyway to a document that has been admitted and defaulted. Custom resources, of which no Go
/// side is known, stay as they are.
pub fn complete(schema: &Schema, root: NodeId, value: &mut Value) {
    fill(schema, root, value, 0);
}

fn fill(schema: &Schema, id: NodeId, value: &mut Value, depth: u32) {
    if depth > MAX_DEPTH {
        return;
    }
    match (&schema.node(id).form, value) {
        (Form::List(element), Value::Array(items)) => {
            items.iter_mut().for_each(|item| fill(schema, *element, item, depth + 1));
        }
        (Form::Map(element), Value::Object(map)) => {
            map.values_mut().for_each(|item| fill(schema, *element, item, depth + 1));
        }
        (Form::Object { fields, .. }, Value::Object(map)) => {
            for (name, field) in fields {
                if let Some(present) = map.get_mut(&**name) {
                    fill(schema, field.node, present, depth + 1);
                    continue;
                }
                let Some(mut zero) = written_when_absent(schema, field) else { continue };
                fill(schema, field.node, &mut zero, depth + 1);
                map.insert(name.to_string(), zero);
            }
        }
        _ => {}
    }
}

fn written_when_absent(schema: &Schema, field: &crate::model::Field) -> Option<Value> {
    let form = &schema.node(field.node).form;
    let is_struct = matches!(
        form,
        Form::Object { .. } | Form::Scalar(Scalar::Time | Scalar::MicroTime | Scalar::Quantity | Scalar::IntOrString)
    );
    match field.go.empty {
        Empty::Unknown | Empty::OmitZero => None,
        Empty::Omit if field.go.pointer || !is_struct => None,
        Empty::Write if field.go.pointer => Some(Value::Null),
        Empty::Omit | Empty::Write => Some(zero(schema, field.node).unwrap_or(Value::Null)),
    }
}

/// The zero value of a type as Go writes it; `None` where that is null.
pub(super) fn zero(schema: &Schema, id: NodeId) -> Option<Value> {
    match &schema.node(id).form {
        Form::Object { .. } => Some(Value::Object(Map::new())),
        Form::Map(_) | Form::List(_) | Form::Any => None,
        Form::Scalar(scalar) => match scalar {
            Scalar::String => Some(Value::String(String::new())),
            Scalar::Boolean => Some(Value::Bool(false)),
            Scalar::Int32 | Scalar::Int64 | Scalar::Number | Scalar::IntOrString => Some(Value::from(0)),
            Scalar::Quantity => Some(Value::from("0")),
            Scalar::Duration => Some(Value::from("0s")),
            Scalar::Time | Scalar::MicroTime | Scalar::Bytes => None,
        },
    }
}
