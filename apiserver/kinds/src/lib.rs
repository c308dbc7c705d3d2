//! What is peculiar to each built-in kind, and nothing else: the resource table, defaults, validation, columns, selectable fields.
//!
//! Fed by the generic stations (decode, admit, project). Knows no socket, no storage and no record. Everything is a pure
//! function of JSON values; time is an argument.

pub mod convert;
pub mod field;
pub mod object;
pub mod show;
pub mod strategy;
pub mod table;
pub mod workload;

pub use convert::{Conversion, conversion};
pub use field::{FieldError, Why};
pub use strategy::{Strategy, strategy};
