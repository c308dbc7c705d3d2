//! More tests of the same world, by room.

mod archive;
mod services;
mod streams;
