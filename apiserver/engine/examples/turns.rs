//! How many commands a second the engine takes: `cargo run --release -p skiff-engine --example turns [sandboxes]`.
//!
//! Each line is one thread; events and orders are made and thrown away, as the store would after journalling them.

use skiff_engine::command::{Join, PutFunction, PutRevision};
use skiff_engine::record::{NO_NODE, Phase, Plan, Shape};
use skiff_engine::wire::{NodeFacts, SandboxReport, SandboxState};
use skiff_engine::{Order, Outcome, Turn, World};
use std::time::Instant;

const NODES: u16 = 1_000;

struct Bench {
    world: World,
    now_ms: u64,
    seed: u64,
}

impl Bench {
    fn turn(&mut self, commands: impl FnOnce(&mut World, &mut Turn)) -> Outcome {
        // Time stands still unless a test moves it, or the nodes would seem to be silent.
        self.seed += 1;
        let mut turn = Turn::new(self.now_ms, self.seed);
        commands(&mut self.world, &mut turn);
        self.world.react(&mut turn);
        turn.out
    }

    /// Turns until nothing is left to be ordered; all orders.
    fn drain(&mut self, first: Outcome) -> Vec<(u16, Order)> {
        let mut orders = first.orders;
        loop {
            let more = self.turn(World::tick).orders;
            if more.is_empty() {
                return orders;
            }
            orders.extend(more);
        }
    }

    /// Nodes say the same of all these sandboxes, `batch` in one turn.
    fn report(&mut self, orders: &[(u16, Order)], state: SandboxState, batch: usize) {
        for chunk in orders.chunks(batch) {
            let at_ms = self.now_ms;
            self.turn(|world, turn| {
                for (node, order) in chunk {
                    let (Order::Create { key, generation, .. } | Order::Delete { key, generation, .. }) = *order;
                    let report = SandboxReport {
                        key,
                        generation,
                        state,
                        at_ms,
                        containers: Vec::new(),
                        stages: None,
                        slot: 0,
                        created_s: 0,
                    };
                    world.report_sandbox(turn, *node, &report);
                }
            });
        }
    }
}

fn say(what: &str, count: usize, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    println!("{what:<44} {count:>9}  {:>8.0} ms  {:>10.0} a second", seconds * 1000.0, count as f64 / seconds);
}

fn shape() -> Shape {
    Shape { cpu_milli: 1, memory_mib: 1, grace_s: 0, min_ready_s: 0, replaced: true, node: NO_NODE, held: false }
}

/// One revision grows to all sandboxes, becomes ready, loses one after the other, and goes.
fn one_of_many(bench: &mut Bench, sandboxes: u32, batch: usize) {
    let since = Instant::now();
    let first = bench.turn(|world, turn| {
        world.put_function(turn, PutFunction { serial: 1, plan: Plan::Fixed { wanted: sandboxes }, current: 1 });
        world.put_revision(turn, PutRevision { serial: 1, function: 1, shape: shape() });
    });
    let created = bench.drain(first);
    say("create (one revision)", created.len(), since);
    let since = Instant::now();
    bench.report(&created, SandboxState::Ready, batch);
    say("ready", created.len(), since);
    let since = Instant::now();
    let some: Vec<_> = bench.world.revisions[&1].members.latest(Phase::Ready).step_by(7).collect();
    for row in &some {
        bench.turn(|world, turn| world.stop_sandbox(turn, *row, 0));
    }
    say("delete one, replaced in its turn", some.len(), since);
    let since = Instant::now();
    for wanted in (sandboxes - 10_000.min(sandboxes / 2)..sandboxes).rev() {
        bench.turn(|world, turn| world.put_function(turn, PutFunction { serial: 1, plan: Plan::Fixed { wanted }, current: 1 }));
    }
    say("scale down by one", 10_000.min(sandboxes as usize / 2), since);
    let since = Instant::now();
    let first = bench.turn(|world, turn| world.drop_function(turn, 1));
    let deleted = bench.drain(first);
    say("drop", deleted.len(), since);
    let since = Instant::now();
    let rows: Vec<_> = bench.world.nodes.iter().flat_map(|node| node.rows().map(|row| (node.number, row))).collect();
    let left: Vec<_> = rows
        .into_iter()
        .map(|(node, row)| (node, Order::Delete { key: bench.world.sandboxes.get(row).key(), generation: 1, grace_s: 0 }))
        .collect();
    bench.report(&left, SandboxState::Gone, batch);
    say("gone", left.len(), since);
    assert!(bench.world.sandboxes.is_empty());
}

/// Many functions that are scaled to zero: a cold start of each, alone in its turn; and ticks while all of them wait.
fn many_of_one(bench: &mut Bench, functions: u32) {
    let settings = skiff_engine::policy::scale::ScaleSettings { initial_scale: 0, ..Default::default() };
    let since = Instant::now();
    for serial in 2..2 + functions {
        bench.turn(|world, turn| {
            world.put_function(turn, PutFunction { serial, plan: Plan::Autoscaled(settings), current: serial });
            world.put_revision(turn, PutRevision { serial, function: serial, shape: shape() });
        });
    }
    say("put an autoscaled function", functions as usize, since);
    bench.turn(|world, turn| world.gateway_joined(turn));
    for _ in 0..20 {
        bench.now_ms += 1_000;
        bench.turn(World::tick);
    }
    let since = Instant::now();
    for _ in 0..10_000 {
        bench.turn(World::tick);
    }
    say("tick with nothing due", 10_000, since);
    let since = Instant::now();
    let mut orders = Vec::new();
    for serial in 2..2 + functions {
        orders.extend(bench.turn(|world, turn| world.demand(turn, serial, 1)).orders);
    }
    say("cold start, from the request to the order", orders.len(), since);
    let since = Instant::now();
    bench.report(&orders, SandboxState::Ready, 1);
    say("ready, each in its turn", orders.len(), since);
}

fn main() {
    let sandboxes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut bench = Bench { world: World::default(), now_ms: 1_000_000_000, seed: 0 };
    for node in 0..NODES {
        let facts = NodeFacts {
            name: format!("n{node}"),
            cpu_milli: 1_000_000,
            memory_mib: 1_000_000,
            pods_max: 4_000,
            ..NodeFacts::default()
        };
        bench.turn(|world, turn| {
            world.join_node(turn, Join { session: 1, facts, sandboxes: Vec::new() });
        });
    }
    one_of_many(&mut bench, sandboxes, 64);
    many_of_one(&mut bench, 100_000.min(sandboxes));
}
