//! What the types of the API look like, as data: one arena of nodes for built-in kinds and custom resources alike.
//!
//! Fed by the facts table under `facts/` and by the structural schemas of CustomResourceDefinitions; used by every generic
//! room (decode, patch, kinds, project). Knows no socket, no storage and no rule of a single kind.

pub mod gvk;
pub mod model;

pub use gvk::Gvk;
pub use model::{Field, Form, ListType, Node, NodeId, Scalar, Schema};
