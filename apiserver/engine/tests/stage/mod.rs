//! Plays a script line by line and writes down what follows.

mod show;

use crate::support::{Stage, TICK_MS, fleet, shape};
use skiff_engine::command::{PutFunction, PutRevision};
use skiff_engine::policy::scale::ScaleSettings;
use skiff_engine::record::{Plan, Row};
use skiff_engine::wire::{LoadSample, SandboxKey, SandboxState};
use skiff_engine::{Outcome, Turn, World};
use std::collections::BTreeMap;

pub struct Player {
    pub stage: Stage,
    pub transcript: String,
    serials: BTreeMap<String, u32>,
    /// Sandboxes in order of their appearance, for short names.
    met: Vec<SandboxKey>,
    /// Seconds that a node takes to do what it is told.
    auto_ms: Option<u64>,
    traffic: BTreeMap<u32, u32>,
    /// Status lines by function or revision, to write down only what changed.
    shown: BTreeMap<u32, String>,
}

impl Default for Player {
    fn default() -> Player {
        Player {
            stage: Stage::new(1),
            transcript: String::new(),
            serials: BTreeMap::new(),
            met: Vec::new(),
            auto_ms: None,
            traffic: BTreeMap::new(),
            shown: BTreeMap::new(),
        }
    }
}

/// The words behind a command: plain ones, and `name=number`.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn word(&self, index: usize) -> &'a str {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn number(&self, name: &str, default: u32) -> u32 {
        let found = self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number")))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

impl Player {
    /// Plays a line: first time passes, then the command.
    pub fn play(&mut self, line: &str) {
        let (time, command) = line.trim().split_once(' ').unwrap_or((line, "wait"));
        let seconds: f64 = time.parse().unwrap_or_else(|_| panic!("{line:?} begins with no time"));
        self.pass(crate::support::BEGIN_MS + (seconds * 1000.0) as u64);
        self.write(&format!("{:>8.2} > {}", seconds, command.trim()));
        let mut words = command.split_whitespace();
        let verb = words.next().unwrap_or("wait");
        let outcome = self.command(verb, &Words(words.collect()));
        self.follow(&outcome);
    }

    fn write(&mut self, line: &str) {
        self.transcript.push_str(line.trim_end());
        self.transcript.push('\n');
    }

    fn pass(&mut self, until_ms: u64) {
        assert!(until_ms >= self.stage.now_ms, "time goes back");
        while self.stage.now_ms + TICK_MS <= until_ms {
            self.stage.now_ms += TICK_MS;
            self.reports();
            let whole = self.stage.now_ms.is_multiple_of(1000);
            let samples: Vec<(u32, u32)> = self.traffic.iter().filter(|_| whole).map(|(r, c)| (*r, *c)).collect();
            self.traffic.retain(|_, concurrency| !whole || *concurrency > 0);
            let connected: Vec<u16> =
                self.stage.fleet.machines.values().filter(|m| m.session.is_some()).map(|m| m.number).collect();
            let outcome = self.stage.turn(|world, turn| {
                connected.iter().for_each(|number| world.hear_node(*number, turn.now_ms));
                for (revision, concurrency) in samples {
                    let sample = LoadSample { revision, concurrency_milli: concurrency * 1000, rps_milli: concurrency * 1000 };
                    world.observe_load(turn, 1, sample);
                }
                world.tick(turn);
            });
            self.follow(&outcome);
        }
        self.stage.now_ms = until_ms;
    }

    /// What nodes say by themselves.
    fn reports(&mut self) {
        let (Some(auto_ms), now_ms) = (self.auto_ms, self.stage.now_ms) else { return };
        self.say(|_, running| match (running.stop_ms, running.state) {
            (Some(stop_ms), _) if stop_ms + auto_ms <= now_ms => Some(SandboxState::Gone),
            (None, SandboxState::Creating) if running.created_ms + auto_ms <= now_ms => Some(SandboxState::Ready),
            _ => None,
        });
    }

    fn say(&mut self, pick: impl FnMut(SandboxKey, &fleet::Running) -> Option<SandboxState>) {
        let reports = self.stage.fleet.advance(self.stage.now_ms, pick);
        if reports.is_empty() {
            return;
        }
        let outcome = self.stage.turn(|world, turn| {
            for (number, reports) in &reports {
                reports.iter().for_each(|report| world.report_sandbox(turn, *number, report));
            }
        });
        self.follow(&outcome);
    }

    fn serial(&mut self, name: &str) -> u32 {
        let next = self.serials.len() as u32 + 1;
        *self.serials.entry(name.to_owned()).or_insert(next)
    }

    fn key(&self, name: &str) -> SandboxKey {
        let found = self.met.iter().find(|key| self.short(**key) == name);
        *found.unwrap_or_else(|| panic!("no sandbox {name:?} was seen"))
    }

    fn row(&self, name: &str) -> Row {
        self.stage.world.sandboxes.find(self.key(name)).unwrap_or_else(|| panic!("{name} is gone"))
    }

    fn turn(&mut self, commands: impl FnOnce(&mut World, &mut Turn)) -> Outcome {
        self.stage.turn(commands)
    }

    fn command(&mut self, verb: &str, words: &Words) -> Outcome {
        let name = words.word(0);
        match verb {
            "wait" => Outcome::default(),
            "auto" => {
                self.auto_ms = name.parse::<u64>().ok().map(|seconds| seconds * 1000);
                Outcome::default()
            }
            "deploy" | "fixed" | "pod" | "scale" => self.put(verb, words),
            "drop" => {
                let serial = self.serial(name);
                self.stage.drop_function(serial)
            }
            "drop-revision" => {
                let serial = self.serial(name);
                self.stage.drop_revision(serial)
            }
            "delete" => {
                let row = self.row(name);
                self.turn(|world, turn| world.stop_sandbox(turn, row, 30))
            }
            "force" => {
                let row = self.row(name);
                self.turn(|world, turn| world.forget_sandbox(turn, row))
            }
            "ready" | "running" | "gone" | "fail" => {
                let key = self.key(name);
                let state = match verb {
                    "ready" => SandboxState::Ready,
                    "running" => SandboxState::Running,
                    "gone" => SandboxState::Gone,
                    _ => SandboxState::Failed,
                };
                self.say(|k, _| (k == key).then_some(state));
                Outcome::default()
            }
            "waits" => self.waits(name, words.word(1), words.number("restarts", 1)),
            "traffic" | "cold" => {
                let (serial, amount) = (self.serial(name), words.word(1).parse().unwrap_or(0));
                if verb == "cold" {
                    return self.turn(|world, turn| world.demand(turn, serial, amount));
                }
                self.traffic.insert(serial, amount);
                Outcome::default()
            }
            "gateway" if name == "joined" => self.turn(|world, turn| world.gateway_joined(turn)),
            "gateway" => self.turn(|world, turn| world.gateway_left(turn)),
            "restart" => self.stage.restart(),
            _ => self.node(verb, name, words),
        }
    }

    fn node(&mut self, verb: &str, name: &str, words: &Words) -> Outcome {
        match verb {
            "node" => {
                let number = |name, default| words.number(name, default);
                self.stage.fleet.add(name, number("cpu", 4_000), number("memory", 4_096), number("pods", 100) as u16);
                self.stage.join(name)
            }
            "join" => self.stage.join(name),
            "break" => self.stage.end_session(name),
            "reboot" => {
                if let Some(machine) = self.stage.fleet.machines.get_mut(name) {
                    machine.sandboxes.clear();
                }
                self.stage.join(name)
            }
            "drop-node" => {
                let outcome = self.turn(|world, turn| world.drop_node(turn, name));
                self.stage.fleet.end_session(name);
                outcome
            }
            "cordon" | "uncordon" => {
                let now_ms = self.stage.now_ms;
                self.turn(|world, turn| {
                    let number = world.node_number(name, now_ms).expect("a number");
                    world.close_node(turn, number, verb == "cordon");
                })
            }
            _ => panic!("what is {verb:?}?"),
        }
    }

    fn waits(&mut self, name: &str, reason: &str, restarts: u32) -> Outcome {
        let key = self.key(name);
        let now_ms = self.stage.now_ms;
        let found = self.stage.fleet.machines.values_mut().find(|m| m.sandboxes.contains_key(&key)).expect("its node");
        let (number, running) = (found.number, found.sandboxes.get_mut(&key).expect("there"));
        running.state = SandboxState::Running;
        let mut report = fleet::report(key, running, now_ms);
        report.containers = vec![fleet::waiting(reason, restarts)];
        self.turn(|world, turn| world.report_sandbox(turn, number, &report))
    }

    fn put(&mut self, verb: &str, words: &Words) -> Outcome {
        let number = |name, default| words.number(name, default);
        let function = self.serial(words.word(0));
        let current = if verb == "deploy" { self.serial(words.word(1)) } else { function };
        let wanted = number("wanted", 1);
        let plan = match verb {
            "deploy" => Plan::Rolling {
                wanted,
                surge: number("surge", 1),
                unavailable: number("unavailable", 0),
                recreate: words.has("recreate"),
                paused: words.has("paused"),
                deadline_s: number("deadline", 600),
            },
            "fixed" => Plan::Fixed { wanted },
            "pod" => Plan::Single,
            _ => Plan::Autoscaled(ScaleSettings {
                total_milli: number("target", 1) * 1000,
                utilization_milli: 1000,
                initial_scale: number("initial", 1),
                min_scale: number("min", 0),
                max_scale: number("max", 0),
                stable_window_s: number("window", 60),
                ..ScaleSettings::default()
            }),
        };
        let mut shape = shape(number("cpu", 100), verb != "pod");
        shape.min_ready_s = number("min-ready", 0);
        shape.held = words.has("held");
        // One turn, as the house does it: the Deployment's documents come together.
        let put = PutFunction { serial: function, plan, current };
        let revision = PutRevision { serial: current, function, shape };
        self.stage.papers.functions.insert(function, put.clone());
        self.stage.papers.revisions.insert(current, revision);
        self.turn(|world, turn| {
            world.put_function(turn, put);
            world.put_revision(turn, revision);
        })
    }
}
