//! Tests of the whole crate: documents made by hand, documents made by Go, bytes made to harm.

mod by_hand;
mod go;
mod hostile;

use serde_json::Value;

use crate::{decode_object, encode_object};

/// There and back.
fn round(value: &Value) -> Value {
    decode_object(&encode_object(value).unwrap(), 100).unwrap()
}
