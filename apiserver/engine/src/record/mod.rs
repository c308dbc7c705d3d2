//! Flat rows, one file per noun. A row contains no other row, only numbers.

mod document;
mod function;
mod members;
mod node;
mod overlay;
pub(crate) mod pending;
mod sandbox;
mod sandboxes;

pub use document::{Document, Documents, Expect, Put, ResourceId, Table, Write};
pub use function::{Counts, Failure, Function, Plan, Progress, Revision, Shape, Tally};
pub use members::Members;
pub use node::{Node, SLOT_FIRST};
pub use overlay::{Overlay, RecentStages, STAGES_MAX};
pub use sandbox::{GENERATION_LAST, NO_NODE, NODES_MAX, Phase, SEQ_MAX, SLOTS_MAX, Sandbox};
pub use sandboxes::{Row, Sandboxes};
