//! Versions grow: within a turn, from turn to turn, and for each row. Claimed by `World::next_version`; a watch that resumes
//! from a version would lose what comes below it.

use super::ensure;
use crate::event::{Event, Outcome};
use crate::world::World;
use alloc::{format, string::String};

/// The last version that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Versions(u64);

impl Versions {
    /// Looks at what a turn left behind.
    ///
    /// # Errors
    /// Which version went back, or was given twice to changes of one sandbox.
    pub fn follow(&mut self, world: &World, outcome: &Outcome) -> Result<(), String> {
        let begin = self.0;
        for (version, event) in &outcome.events {
            let said = matches!(event, Event::Said(_));
            ensure(*version >= self.0 && (said || *version > begin), || format!("{version} after {}: {event:?}", self.0))?;
            self.0 = *version;
            if let Event::Sandbox { before, after } = event {
                let old = before.as_ref().map_or(0, |at| at.version);
                let new = after.as_ref().map_or(*version, |at| at.version);
                ensure(old < new && new == *version, || format!("a sandbox goes from {old} to {new} at {version}"))?;
            }
        }
        ensure(self.0 <= world.version, || format!("{} was given out, the last is {}", self.0, world.version))?;
        self.0 = world.version;
        Ok(())
    }
}
