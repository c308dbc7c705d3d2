//! What a PATCH does to an object, and who owns which field afterwards: JSON patch, merge patch, strategic merge patch and
//! server-side apply with `managedFields`.
//!
//! Pure functions over JSON values and the type model of `skiff-schema`; time is an argument. Fed by the write path of the
//! server. Knows no socket, no storage and no rule of a single kind. Every error type says which HTTP code the client sees.
//!
//! ```text
//! json, merge, strategic      patch body + object       -> object
//! apply::track_update         live + new object         -> new object with managedFields
//! apply::apply                live + applied object     -> merged object with managedFields
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod apply;
pub mod field_manager;
pub mod go_text;
pub mod json;
pub mod merge;
pub mod strategic;
