//! Random walks: thousands of commands of all kinds in any order, with invariants looked at after each turn. A walk is its seed;
//! `SKIFF_WALK=seed` repeats one, `SKIFF_WALKS=count` walks more.

mod support;

use skiff_engine::command::{PutFunction, PutRevision};
use skiff_engine::policy::scale::ScaleSettings;
use skiff_engine::policy::scatter;
use skiff_engine::record::{NO_NODE, Phase, Plan, Row};
use skiff_engine::wire::{LoadSample, SandboxState};
use support::{Stage, shape};

const STEPS: u32 = 1_500;
const WALKS: u64 = 24;

/// What is put under one name; a number is never used for anything else, so after a drop it gets another.
struct Walk {
    stage: Stage,
    chance: u64,
    /// By name: the function's number, and the numbers of its revisions.
    numbers: Vec<(u32, Vec<u32>)>,
    last: u32,
}

/// Names of functions that roll (the last one by recreation), that are fixed, pods, and autoscaled.
const NAMES: u32 = 12;

impl Walk {
    fn below(&mut self, bound: u64) -> u64 {
        self.chance += 1;
        scatter(self.chance) % bound
    }

    fn number(&mut self, bound: u32) -> u32 {
        self.below(u64::from(bound)) as u32
    }

    fn fresh(&mut self, name: u32) {
        let revisions = if name < 4 { 3 } else { 1 };
        let first = self.last + 1;
        self.last += 4;
        // One that stands for itself is its own revision.
        let all = if name < 4 { (first + 1..=first + revisions).collect() } else { vec![first] };
        self.numbers[name as usize] = (first, all);
    }

    fn plan(&mut self, name: u32) -> Plan {
        match name {
            0..=3 => Plan::Rolling {
                wanted: self.number(12),
                surge: self.number(3),
                unavailable: 1 + self.number(2),
                recreate: name == 3,
                paused: self.number(6) == 0,
                deadline_s: self.number(3) * 20,
            },
            4 | 5 => Plan::Fixed { wanted: self.number(15) },
            6 | 7 => Plan::Single,
            _ => Plan::Autoscaled(ScaleSettings {
                total_milli: 1_000,
                min_scale: self.number(3),
                max_scale: if self.number(2) == 0 { 0 } else { 5 },
                initial_scale: self.number(3),
                stable_window_s: 6,
                panic_window_s: 1,
                reachable: self.number(5) > 0,
                ..ScaleSettings::default()
            }),
        }
    }

    fn put(&mut self) {
        let name = self.number(NAMES);
        let plan = self.plan(name);
        let revision = self.revision(name);
        let serial = self.numbers[name as usize].0;
        let mut shape = shape(100 + 100 * self.number(3), !matches!(plan, Plan::Single));
        shape.min_ready_s = self.number(2) * 5;
        shape.held = self.number(12) == 0;
        if self.number(12) == 0 {
            shape.node = self.number(3) as u16;
        }
        self.stage.put_function(PutFunction { serial, plan, current: revision });
        self.stage.put_revision(PutRevision { serial: revision, function: serial, shape });
    }

    fn revision(&mut self, name: u32) -> u32 {
        let count = self.numbers[name as usize].1.len() as u32;
        let index = self.number(count) as usize;
        self.numbers[name as usize].1[index]
    }

    fn row(&mut self) -> Option<Row> {
        let rows: Vec<Row> = self.stage.world.sandboxes.rows().collect();
        (!rows.is_empty()).then(|| rows[self.below(rows.len() as u64) as usize])
    }

    fn node(&mut self) -> String {
        format!("n{}", self.number(5))
    }

    fn report(&mut self) {
        let (chance, now_ms) = (self.below(u64::MAX), self.stage.now_ms);
        let reports = self.stage.fleet.advance(now_ms, |key, running| {
            let dice = scatter(chance ^ u64::from(key.seq)) % 16;
            match (running.stop_ms, dice) {
                (_, 0) => Some(SandboxState::Gone),
                (Some(_), 1..=7) => Some(SandboxState::Gone),
                (None, 1) => Some(SandboxState::Failed),
                (None, 2) => Some(SandboxState::Succeeded),
                (None, 3) => Some(SandboxState::Running),
                (None, 4..=9) => Some(SandboxState::Ready),
                _ => None,
            }
        });
        self.stage.turn(|world, turn| {
            for (number, reports) in &reports {
                world.hear_node(*number, turn.now_ms);
                reports.iter().for_each(|report| world.report_sandbox(turn, *number, report));
            }
        });
    }

    fn touch_node(&mut self) {
        let name = self.node();
        match self.below(10) {
            0..=4 => drop(self.stage.join(&name)),
            5 | 6 => drop(self.stage.end_session(&name)),
            7 => {
                self.stage.fleet.end_session(&name);
                self.stage.turn(|world, turn| world.drop_node(turn, &name));
            }
            8 => {
                // It loses all it ran and comes back.
                self.stage.end_session(&name);
                self.stage.fleet.machines.get_mut(&name).expect("a machine").sandboxes.clear();
                self.stage.join(&name);
            }
            _ => {
                let closed = self.number(2) == 0;
                let number = self.stage.world.node_number(&name, self.stage.now_ms).expect("a number");
                self.stage.turn(|world, turn| world.close_node(turn, number, closed));
            }
        }
    }

    fn traffic(&mut self) {
        let name = 8 + self.number(4);
        let revision = self.revision(name);
        let some = self.number(6);
        let dice = self.below(8);
        self.stage.turn(|world, turn| match dice {
            0 => world.gateway_joined(turn),
            1 if world.gateways > 0 => world.gateway_left(turn),
            2..=4 => world.demand(turn, revision, some),
            _ => {
                let sample = LoadSample { revision, concurrency_milli: some * 500, rps_milli: some * 1000 };
                world.observe_load(turn, 1, sample);
            }
        });
    }

    fn step(&mut self) {
        let dice = self.below(100);
        if std::env::var_os("SKIFF_TRACE").is_some() {
            println!("{}: step {dice}", self.stage.now_ms);
        }
        match dice {
            0..=9 => self.put(),
            10 => {
                let name = self.number(NAMES);
                let serial = self.numbers[name as usize].0;
                self.stage.drop_function(serial);
                self.fresh(name);
            }
            11 => {
                let name = self.number(4);
                let revision = self.revision(name);
                self.stage.drop_revision(revision);
                self.last += 1;
                let fresh = self.last;
                self.numbers[name as usize].1.iter_mut().filter(|r| **r == revision).for_each(|r| *r = fresh);
            }
            12..=15 => {
                let Some(row) = self.row() else { return };
                let force = self.number(3) == 0;
                self.stage
                    .turn(|world, turn| if force { world.forget_sandbox(turn, row) } else { world.stop_sandbox(turn, row, 5) });
            }
            16..=25 => self.touch_node(),
            26..=40 => self.traffic(),
            41 => drop(self.stage.restart()),
            42..=70 => self.report(),
            71 => self.stage.now_ms += 45_000,
            72 => self.stage.now_ms += self.below(400_000),
            _ => {
                self.stage.now_ms += self.below(2_000);
                self.stage.turn(|world, turn| world.tick(turn));
            }
        }
    }
}

fn walk(seed: u64) {
    let numbers = vec![(0, Vec::new()); NAMES as usize];
    let mut walk = Walk { stage: Stage::new(seed), chance: scatter(seed), numbers, last: 0 };
    (0..NAMES).for_each(|name| walk.fresh(name));
    for node in 0..5 {
        walk.stage.fleet.add(&format!("n{node}"), 1_000, 512, 6);
        walk.stage.join(&format!("n{node}"));
    }
    for _ in 0..STEPS {
        walk.step();
    }
    calm(walk);
}

/// After any walk, undisturbed nodes bring everything to what is wanted.
fn calm(mut walk: Walk) {
    for node in 0..12 {
        walk.stage.fleet.add(&format!("calm{node}"), 10_000, 8_192, 100);
        walk.stage.join(&format!("calm{node}"));
    }
    for _ in 0..2_000 {
        walk.stage.now_ms += 1_000;
        let now_ms = walk.stage.now_ms;
        let reports = walk.stage.fleet.advance(now_ms, |_, running| match (running.stop_ms, running.state) {
            (Some(_), _) => Some(SandboxState::Gone),
            (None, SandboxState::Creating | SandboxState::Running) => Some(SandboxState::Ready),
            _ => None,
        });
        let connected: Vec<u16> = walk.stage.fleet.machines.values().filter(|m| m.session.is_some()).map(|m| m.number).collect();
        walk.stage.turn(|world, turn| {
            connected.iter().for_each(|number| world.hear_node(*number, turn.now_ms));
            for (number, reports) in &reports {
                reports.iter().for_each(|report| world.report_sandbox(turn, *number, report));
            }
            world.tick(turn);
        });
    }
    for function in walk.stage.world.functions.values() {
        let revisions = function.revisions.iter().filter_map(|r| walk.stage.world.revisions.get(r));
        for revision in revisions {
            let free = revision.shape.replaced && !revision.shape.held && revision.shape.node == NO_NODE;
            assert!(!revision.shape.replaced || revision.counts.active == revision.desired, "{revision:?}");
            assert_eq!(revision.counts.stopping, 0, "{revision:?}");
            assert!(!free || revision.members.count(Phase::Pending) == 0, "{revision:?}");
        }
        if let Plan::Rolling { wanted, paused: false, .. } | Plan::Fixed { wanted } = function.plan {
            let desired: u32 =
                function.revisions.iter().filter_map(|r| walk.stage.world.revisions.get(r)).map(|r| r.desired).sum();
            let stuck = |r: &u32| walk.stage.world.revisions.get(r).is_some_and(|r| r.members.count(Phase::Pending) > 0);
            // Without its current revision, or with sandboxes that nobody may place, a rollout stands.
            let moves = function.revisions.contains(&function.current) && !function.revisions.iter().any(stuck);
            assert!(!moves || desired == wanted, "{function:?} desires {desired}");
        }
    }
}

#[test]
fn invariants_hold_on_any_walk_and_the_wanted_is_reached_after_it() {
    let from = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = from("SKIFF_WALK") {
        return walk(seed);
    }
    for seed in 0..from("SKIFF_WALKS").unwrap_or(WALKS) {
        std::println!("walk {seed}");
        walk(seed);
    }
}
