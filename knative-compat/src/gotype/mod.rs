//! The Go types of the Knative kinds, as tables: which fields there are, what the CRD keeps, what Go writes back. From these
//! tables follow pruning, the decoding errors of the mutating webhook, the round trip through Go that every write makes, and
//! the field diffs of immutable things. Fed by `admit`; must not know what a field means.

mod decode;
mod diff;
pub(crate) mod model;
mod pod;
mod serving;
mod volume;

pub use decode::{decode_error, normalise, prune};
pub use diff::short_diff;
pub(crate) use serving::{REVISION_SPEC, REVISION_TEMPLATE, table};
