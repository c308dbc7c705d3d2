//! What is always true between two turns: one named property per file, each with where the claim is made. Used by scripts,
//! random walks and simulators after every turn; each looks at everything, so none runs in a turn.

mod counts;
mod members;
mod nodes;
mod pending;
mod scaling;
mod slots;
mod versions;

pub use versions::Versions;

use crate::world::World;
use alloc::{format, string::String};

/// A property that did not hold: its name, and where.
pub type Broken = String;

/// A named property.
type Property = (&'static str, fn(&World) -> Result<(), String>);

const PROPERTIES: [Property; 6] = [
    ("counts equal a recount", counts::hold),
    ("members and rows name each other", members::hold),
    ("no slot is used twice", slots::hold),
    ("what a node has used is the sum of what runs on it", nodes::hold),
    ("pending means without a node", pending::hold),
    ("an autoscaler that decides has a state", scaling::hold),
];

/// Looks at all properties of one moment.
///
/// # Errors
/// The first that does not hold.
pub fn check(world: &World) -> Result<(), Broken> {
    for (name, hold) in PROPERTIES {
        hold(world).map_err(|what| format!("{name}: {what}"))?;
    }
    Ok(())
}

/// `Err` with the text unless the condition holds.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
