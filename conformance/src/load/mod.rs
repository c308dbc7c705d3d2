//! Load on a running server, and what it measures. One module per figure; each prints one Markdown table and how it was made.
//!
//! Fed by the `load` program's arguments. Shares the machine with the server, so it parses no more than it must and keeps its
//! connections. Latencies count from the moment a request was due, not from when the generator got round to it.

pub mod cold;
pub mod coldstart;
pub mod creations;
pub mod documents;
mod functions;
pub mod idle;
pub mod lists;
pub mod memory;
mod pace;
mod pool;
pub mod posts;
mod site;
mod slices;
mod stages;
mod table;
pub mod watchers;

pub use site::SiteArgs;
