//! Bytes and headers to an Ask: what is wanted, in which form, with which options. Knows no record and no storage.

pub mod accept;
pub mod bytes;
pub mod route;
mod tape;

pub use accept::{Encoding, Form, Shape};
pub use route::{Address, Query, Target};
