//! Metrics, Events and published schemas: what the house says of itself. Reads and records, never decides.

pub mod events;
mod metrics;
pub mod openapi;
mod prose;

pub use metrics::Metrics;
