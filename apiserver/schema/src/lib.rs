//! What the types of the API look like, as data: one arena of nodes for built-in kinds and custom resources alike.
//!
//! Fed by the facts table under `facts/` and by the structural schemas of CustomResourceDefinitions; used by every generic
//! room (decode, patch, kinds, project). Knows no socket, no storage and no rule of a single kind.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cel;
pub mod check;
pub mod facts;
pub mod gvk;
pub mod model;
pub mod openapi;
pub mod quantity;
pub mod select;
pub mod time;
pub mod tree;

pub use check::json_kind;
pub use facts::{BuiltIn, built_in};
pub use gvk::Gvk;
pub use model::{Empty, Field, Form, GoField, ListType, Node, NodeId, Scalar, Schema};
pub use quantity::Quantity;
pub use tree::Tree;
