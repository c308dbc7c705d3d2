//! skiff-knative: what is peculiar to Knative Serving, as pure functions over JSON documents: the webhooks' defaulting and
//! validation, what a ksvc leads to, the status of everything, and what the gateway and the scaler need to know of it.
//! Fed by the API server in the turn of a write and at each read; must not know sockets, storage, the clock or chance.

pub mod admit;
pub mod config;
pub mod default;
pub mod doc;
pub mod duration;
pub mod gotype;
pub mod hosts;
pub mod keys;
pub mod kind;
pub mod names;
pub mod pod;
pub mod podspec;
pub mod reconcile;
pub mod scale;
pub mod status;
pub mod traffic;
pub mod validate;

pub use admit::{Admitted, Operation, Refusal, Request, admit};
pub use config::Config;
pub use kind::Kind;
pub use scale::ScaleSettings;
