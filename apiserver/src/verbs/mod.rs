//! What can be done with the resource tree: one file per verb. From an Ask to a Reply, through the store.

pub mod access;
pub mod ask;
pub mod collect;
pub mod companion;
pub mod create;
pub mod delete;
pub mod dependents;
pub mod derived;
pub mod house;
pub mod intake;
pub mod knative;
pub mod list;
pub mod namespace;
pub mod patch;
pub mod pods;
pub mod propagation;
pub mod reply;
pub mod review;
pub mod scale;
pub mod select;
pub mod serve;
pub mod stream;
pub mod token;
pub mod update;
pub mod write;
