//! A world with fake neighbours: nodes that obey orders, gateways that measure, documents that outlive a restart. Every turn
//! is followed by a look at all invariants.
#![allow(dead_code)] // each test uses a part of it

pub mod fleet;

use fleet::Fleet;
use skiff_engine::command::{PutFunction, PutRevision};
use skiff_engine::invariant::{self, Versions};
use skiff_engine::record::{NO_NODE, Plan, Shape};
use skiff_engine::{Outcome, Turn, World};
use std::collections::BTreeMap;

/// Unix milliseconds at the begin of a run.
pub const BEGIN_MS: u64 = 1_000_000_000;
/// Time between two ticks.
pub const TICK_MS: u64 = 250;

/// What outlives a restart.
#[derive(Default)]
pub struct Papers {
    pub functions: BTreeMap<u32, PutFunction>,
    pub revisions: BTreeMap<u32, PutRevision>,
}

pub struct Stage {
    pub world: World,
    pub fleet: Fleet,
    pub papers: Papers,
    pub now_ms: u64,
    pub epoch: u32,
    seed: u64,
    versions: Versions,
}

impl Stage {
    pub fn new(seed: u64) -> Stage {
        Stage {
            world: World::default(),
            fleet: Fleet::default(),
            papers: Papers::default(),
            now_ms: BEGIN_MS,
            epoch: 1,
            seed,
            versions: Versions::default(),
        }
    }

    /// One turn, carried out and checked.
    pub fn turn(&mut self, commands: impl FnOnce(&mut World, &mut Turn)) -> Outcome {
        self.seed += 1;
        let mut turn = Turn::new(self.now_ms, self.seed);
        commands(&mut self.world, &mut turn);
        self.world.react(&mut turn);
        let outcome = std::mem::take(&mut turn.out);
        if let Err(broken) = self.versions.follow(&self.world, &outcome).and_then(|()| invariant::check(&self.world)) {
            panic!("at {} ms, seed {}: {broken}", self.now_ms - BEGIN_MS, self.seed);
        }
        for (node, order) in &outcome.orders {
            self.fleet.obey(*node, *order, self.now_ms);
        }
        outcome
    }

    pub fn put_function(&mut self, put: PutFunction) -> Outcome {
        self.papers.functions.insert(put.serial, put.clone());
        self.turn(|world, turn| world.put_function(turn, put))
    }

    pub fn put_revision(&mut self, put: PutRevision) -> Outcome {
        self.papers.revisions.insert(put.serial, put);
        self.turn(|world, turn| world.put_revision(turn, put))
    }

    pub fn drop_function(&mut self, serial: u32) -> Outcome {
        self.papers.functions.remove(&serial);
        self.papers.revisions.retain(|_, put| put.function != serial);
        self.turn(|world, turn| world.drop_function(turn, serial))
    }

    pub fn drop_revision(&mut self, serial: u32) -> Outcome {
        self.papers.revisions.remove(&serial);
        self.turn(|world, turn| world.drop_revision(turn, serial))
    }

    /// The control plane is started anew: memory is lost, documents and nodes are not.
    pub fn restart(&mut self) -> Outcome {
        let version = self.world.version;
        self.world = World::default();
        self.world.raise_version(version + 1_000);
        self.epoch += 1;
        let (epoch, until_ms) = (self.epoch, self.now_ms + 3_000);
        let names = self.fleet.names();
        self.fleet.end_sessions();
        let (functions, revisions) = (self.papers.functions.clone(), self.papers.revisions.clone());
        self.turn(|world, turn| {
            world.settle(until_ms, epoch);
            for name in &names {
                world.node_number(name, turn.now_ms);
            }
            functions.into_values().for_each(|put| world.put_function(turn, put));
            revisions.into_values().for_each(|put| world.put_revision(turn, put));
        })
    }

    /// A node begins a session with all that it runs.
    pub fn join(&mut self, name: &str) -> Outcome {
        let now_ms = self.now_ms;
        let number = self.world.node_number(name, now_ms).expect("a number for a node");
        let join = self.fleet.join(name, number);
        self.turn(|world, turn| {
            world.join_node(turn, join);
        })
    }

    pub fn end_session(&mut self, name: &str) -> Outcome {
        let Some((number, session)) = self.fleet.end_session(name) else { return Outcome::default() };
        self.turn(|world, turn| world.lose_node(turn, number, session))
    }
}

/// A shape in the usual size.
pub fn shape(cpu_milli: u32, replaced: bool) -> Shape {
    Shape { cpu_milli, memory_mib: 64, grace_s: 30, min_ready_s: 0, replaced, node: NO_NODE, held: false }
}

/// A plan that rolls.
pub fn rolling(wanted: u32, surge: u32, unavailable: u32) -> Plan {
    Plan::Rolling { wanted, surge, unavailable, recreate: false, paused: false, deadline_s: 600 }
}
