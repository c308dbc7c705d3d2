//! skiff-proto: documents of built-in kinds to and from the protobuf of Kubernetes, driven by a table of its messages.
//!
//! Fed by decode with request bodies and by project with what is answered. Knows the wire format, the field numbers and
//! the envelope; no socket, no media type, no rule of a kind. What Go would print comes from the facts of skiff-schema.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod decode;
mod encode;
mod error;
mod frame;
mod leaf;
mod list;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use serde_json::Value;
use skiff_schema::Tree;

pub use error::ProtoError;
pub use frame::watch_frame;
pub use list::List;

/// What every enveloped object starts with.
const MAGIC: &[u8; 4] = b"k8s\0";

/// Levels that are followed whatever a caller allows: the stack is what ends here, upstream's limits are on the body.
const DEPTH_CEILING: u32 = 256;

/// Decodes an enveloped object (`k8s\0`, then `runtime.Unknown`) into the document that a JSON client would have sent,
/// with `apiVersion` and `kind`. Messages and JSON inside the object may nest `depth_max` levels.
///
/// # Errors
/// The bytes are no object of a kind that has a protobuf form; the text is upstream's where upstream has one.
pub fn decode_object(bytes: &[u8], depth_max: u32) -> Result<Value, ProtoError> {
    decode::object(bytes, depth_max.min(DEPTH_CEILING))
}

/// Encodes a document with `apiVersion` and `kind` (an object, a list, a Status, a WatchEvent) into its envelope, byte for
/// byte as a Go server does. Fields that the message does not have are left out.
///
/// # Errors
/// The kind has no protobuf form, or a value is not what its field holds.
pub fn encode_object(value: &Value) -> Result<Vec<u8>, ProtoError> {
    encode_tree(&Tree::from(value))
}

/// [`encode_object`] of a document that borrows from its bytes.
///
/// # Errors
/// As [`encode_object`].
pub fn encode_tree(tree: &Tree<'_>) -> Result<Vec<u8>, ProtoError> {
    let mut out = Vec::with_capacity(1_024);
    encode::object(tree, DEPTH_CEILING, &mut out)?;
    Ok(out)
}

/// Whether a kind has a protobuf form: built-in kinds do, custom resources and Table do not.
#[must_use]
pub fn has_kind(api_version: &str, kind: &str) -> bool {
    table::table().kind(api_version, kind).is_some()
}
