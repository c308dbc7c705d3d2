//! CustomResourceDefinitions: what a definition says, and what follows from it for objects of its kind.
//!
//! Fed by the glue in `skiff-apiserver` with documents; gives back trees compiled once per version, changed objects and field
//! errors in upstream's words. Pure: knows no store, no request and no other definition than the one at hand.
//!
//! ```text
//! definition, conditions        names, versions, columns; what the status says
//! tree                          openAPIV3Schema compiled: types, limits, rules
//! structural                    the same as nodes of skiff-schema, for pruning and apply
//! default, prune                what a write fills in and takes out
//! validate                      all errors of an object
//! cel                           x-kubernetes-validations
//! scale                         the scale subresource by its paths
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cel;
pub mod conditions;
pub mod default;
pub mod definition;
pub mod prune;
pub mod scale;
pub mod structural;
pub mod tree;
pub mod validate;

#[cfg(test)]
mod tests;

pub use definition::{Definition, Names, Version};
pub use scale::ScalePaths;
pub use tree::Tree;
