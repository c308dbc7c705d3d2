//! Records to objects: what clients see. Reads only; nothing here can change anything.

pub mod endpoints;
pub mod kept;
pub mod knative;
pub mod mirror;
pub mod name;
pub mod node;
pub mod pod;
pub mod read;
mod stencil;
pub mod template;
pub mod workload;

pub use read::{Compacted, Item};
