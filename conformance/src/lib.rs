//! The proof that Skiff does what it says, from outside: a server under test, a runner for recorded exchanges, and load.
//!
//! Fed by the tests in `tests/e2e` and by the programs in `src/bin`. Nothing depends on it, and it knows no crate of the
//! product: whatever it learns about the server, it learns through its sockets, its files and `/proc`.

pub mod exchange;
pub mod leftovers;
pub mod link;
pub mod load;
pub mod processes;
pub mod server;
