//! Events and orders as lines that one can read.

use super::Player;
use skiff_engine::record::Plan;
use skiff_engine::wire::SandboxKey;
use skiff_engine::{Event, Order, Outcome, Said, SandboxAt};
use std::collections::BTreeSet;

impl Player {
    fn name(&self, serial: u32) -> String {
        let found = self.serials.iter().find(|(_, s)| **s == serial);
        found.map_or_else(|| format!("?{serial}"), |(name, _)| name.clone())
    }

    /// `v1#2`: the second sandbox of this revision that the script saw.
    pub(super) fn short(&self, key: SandboxKey) -> String {
        let of = self.met.iter().filter(|k| k.revision == key.revision);
        let at = of.clone().position(|k| *k == key).unwrap_or_default();
        format!("{}#{}", self.name(key.revision), at + 1)
    }

    fn node_name(&self, number: u16) -> String {
        let node = self.stage.world.nodes.get(number as usize);
        node.map_or_else(|| "no node".to_owned(), |node| node.name.clone())
    }

    fn place(&self, at: &SandboxAt) -> String {
        let sandbox = at.sandbox;
        let place = if sandbox.is_placed() {
            format!(" on {}/{}", self.node_name(sandbox.node()), sandbox.slot())
        } else {
            String::new()
        };
        format!("{:?}{place}", sandbox.phase())
    }

    /// Writes down what a turn left behind, then the status of what it touched, if that changed.
    pub(super) fn follow(&mut self, outcome: &Outcome) {
        let mut touched = BTreeSet::new();
        let mut lines = Vec::new();
        for (_, event) in &outcome.events {
            match event {
                Event::Sandbox { before, after } => {
                    let Some(key) = before.as_ref().or(after.as_ref()).map(|at| at.sandbox.key()) else { continue };
                    if !self.met.contains(&key) {
                        self.met.push(key);
                    }
                    let name = self.short(key);
                    lines.push(match (before, after) {
                        (None, Some(after)) => format!("+ {name} {}", self.place(after)),
                        (Some(before), Some(after)) => {
                            let (before, after) = (self.place(before), self.place(after));
                            format!("~ {name} {before} → {after}")
                        }
                        (Some(before), None) => format!("- {name} {}", self.place(before)),
                        (None, None) => continue,
                    });
                }
                Event::Revision { serial, .. } | Event::Function { serial } => drop(touched.insert(*serial)),
                Event::Node { number } => {
                    let Some(node) = self.stage.world.nodes.get(*number as usize) else { continue };
                    let state = match (node.dropped, node.ready, node.closed) {
                        (true, ..) => "dropped",
                        (_, false, _) => "not ready",
                        (_, _, true) => "closed",
                        _ => "ready",
                    };
                    lines.push(format!("node {} {state}", node.name));
                }
                Event::Said(Said::NoRoom(key)) => lines.push(format!("! {} finds no room", self.short(*key))),
                _ => {}
            }
        }
        for (node, order) in &outcome.orders {
            let node = self.node_name(*node);
            lines.push(match order {
                Order::Create { key, generation, slot } => {
                    format!("{node} ← create {} slot {slot}, {}", self.short(*key), number(*generation))
                }
                Order::Delete { key, generation, grace_s } => {
                    format!("{node} ← delete {} in {grace_s} s, {}", self.short(*key), number(*generation))
                }
            });
        }
        for serial in touched {
            let status = self.status(serial);
            if self.shown.get(&serial) != Some(&status) {
                lines.push(format!("= {status}"));
                self.shown.insert(serial, status);
            }
        }
        let seconds = (self.stage.now_ms - crate::support::BEGIN_MS) as f64 / 1000.0;
        for line in lines {
            self.write(&format!("{seconds:>8.2}   {line}"));
        }
    }

    fn status(&self, serial: u32) -> String {
        let name = self.name(serial);
        let world = &self.stage.world;
        let mut status = name.clone();
        if let Some(revision) = world.revisions.get(&serial) {
            let counts = revision.counts;
            status.push_str(&format!(
                " desired {} active {} ready {} available {} stopping {}",
                revision.desired, counts.active, counts.ready, counts.available, counts.stopping
            ));
            if let Some(failure) = &revision.failure {
                status.push_str(&format!(" failing {:?}", failure.container.state));
            }
        }
        match world.functions.get(&serial) {
            Some(function) if matches!(function.plan, Plan::Rolling { .. }) => {
                let available = if function.available { "available" } else { "unavailable" };
                status.push_str(&format!(" {:?} {available}", function.progress));
            }
            None if !world.revisions.contains_key(&serial) => status.push_str(" dropped"),
            _ => {}
        }
        status
    }
}

fn number(generation: u32) -> String {
    if generation == u32::MAX { "last generation".into() } else { format!("generation {generation}") }
}
