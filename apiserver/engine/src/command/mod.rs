//! Every way the world may change, one file each: data, check, apply. `write_documents` is the only durable one; the others
//! are either derived from documents (`put_function`, `put_revision`) or from the fleet, and live in memory.

mod drive_sandbox;
mod drop_node;
mod join_node;
mod observe_load;
mod put_function;
mod put_revision;
mod report_sandbox;
mod tick;
mod write_documents;

pub use join_node::Join;
pub use put_function::PutFunction;
pub use put_revision::PutRevision;
pub use write_documents::{Applied, Batch, Clash, Transaction};
