//! Frames of a protobuf watch.
//!
//! Fed by the serving of watches with events whose object is encoded already, once for all watchers. Knows no connection.

use crate::wire::{LENGTH_DELIMITED, put_tag, put_varint, varint_size};

/// One frame of a watch: four bytes of length, then `WatchEvent{1: type, 2: RawExtension{1: object}}` without the prefix
/// that objects have; `object` is enveloped and keeps its own.
#[must_use]
pub fn watch_frame(event_type: &str, object: &[u8]) -> Vec<u8> {
    let raw = 1 + varint_size(object.len() as u64) + object.len();
    let body = 1 + varint_size(event_type.len() as u64) + event_type.len() + 1 + varint_size(raw as u64) + raw;
    let mut out = Vec::with_capacity(4 + body);
    // A frame of 4 GiB cannot be: objects are bounded far below.
    out.extend_from_slice(&u32::try_from(body).unwrap_or(u32::MAX).to_be_bytes());
    put_tag(&mut out, 1, LENGTH_DELIMITED);
    put_varint(&mut out, event_type.len() as u64);
    out.extend_from_slice(event_type.as_bytes());
    put_tag(&mut out, 2, LENGTH_DELIMITED);
    put_varint(&mut out, raw as u64);
    put_tag(&mut out, 1, LENGTH_DELIMITED);
    put_varint(&mut out, object.len() as u64);
    out.extend_from_slice(object);
    out
}
