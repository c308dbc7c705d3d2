//! What the Go zero value of a built-in type holds where JSON has nothing.
//!
//! Upstream compares Go structs. A struct that is embedded by value, or a field without `omitempty`, is there before anyone
//! sets it; whoever fills it owns the content but not the field. Fed by comparison only; knows what the schema tells of the
//! Go field behind a field.

use super::topology::{Place, Shape};
use serde_json::{Map, Value};
use skiff_schema::model::Empty;
use skiff_schema::{Field, Scalar};
use std::sync::LazyLock;

static EMPTY_OBJECT: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
static ZERO_QUANTITY: LazyLock<Value> = LazyLock::new(|| Value::from("0"));
static ZERO_DURATION: LazyLock<Value> = LazyLock::new(|| Value::from("0s"));
static ZERO: LazyLock<Value> = LazyLock::new(|| Value::from(0));
static EMPTY_TEXT: Value = Value::String(String::new());
static FALSE: Value = Value::Bool(false);
static NULL: Value = Value::Null;

/// The empty object.
pub(crate) fn empty_object() -> &'static Value {
    &EMPTY_OBJECT
}

/// The zero value of a field that a built-in struct always has; `None` if an absent field is absent.
pub(crate) fn of_field(owner: &Place<'_>, field: &Field) -> Option<&'static Value> {
    let shape = owner.of_field(field).shape();
    match field.go.empty {
        Empty::Write if field.go.pointer => Some(&NULL),
        Empty::Write => Some(of_shape(shape)),
        // `omitempty` never leaves out a struct.
        Empty::Omit if !field.go.pointer && is_go_struct(shape) => Some(of_shape(shape)),
        Empty::Omit | Empty::OmitZero | Empty::Unknown => None,
    }
}

fn is_go_struct(shape: Shape<'_>) -> bool {
    match shape {
        Shape::Struct { .. } => true,
        Shape::Scalar(scalar) => {
            matches!(scalar, Scalar::Time | Scalar::MicroTime | Scalar::Duration | Scalar::Quantity | Scalar::IntOrString)
        }
        _ => false,
    }
}

fn of_shape(shape: Shape<'_>) -> &'static Value {
    match shape {
        Shape::Struct { .. } => &EMPTY_OBJECT,
        Shape::Scalar(scalar) => match scalar {
            Scalar::String => &EMPTY_TEXT,
            Scalar::Boolean => &FALSE,
            Scalar::Int32 | Scalar::Int64 | Scalar::Number | Scalar::IntOrString => &ZERO,
            Scalar::Quantity => &ZERO_QUANTITY,
            Scalar::Duration => &ZERO_DURATION,
            Scalar::Time | Scalar::MicroTime | Scalar::Bytes => &NULL,
        },
        _ => &NULL,
    }
}
