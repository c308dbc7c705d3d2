//! Nodes that obey orders and say so, as `kubelet-shim` does; how soon, and whether at all, the test decides.

use skiff_engine::Order;
use skiff_engine::command::Join;
use skiff_engine::wire::{ContainerReport, ContainerState, NodeFacts, SandboxKey, SandboxReport, SandboxState, Stages};
use std::collections::BTreeMap;

/// One sandbox as its node sees it.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    pub generation: u32,
    pub state: SandboxState,
    pub slot: u16,
    pub created_ms: u64,
    /// When it was told to stop.
    pub stop_ms: Option<u64>,
}

#[derive(Default)]
pub struct Machine {
    pub facts: NodeFacts,
    pub number: u16,
    pub session: Option<u64>,
    pub sandboxes: BTreeMap<SandboxKey, Running>,
}

#[derive(Default)]
pub struct Fleet {
    pub machines: BTreeMap<String, Machine>,
    sessions: u64,
}

impl Fleet {
    pub fn add(&mut self, name: &str, cpu_milli: u32, memory_mib: u32, pods_max: u16) {
        let facts = NodeFacts { name: name.into(), cpu_milli, memory_mib, pods_max, ..NodeFacts::default() };
        self.machines.insert(name.into(), Machine { facts, ..Machine::default() });
    }

    pub fn names(&self) -> Vec<String> {
        self.machines.keys().cloned().collect()
    }

    /// The name of a connected node.
    pub fn name_of(&self, number: u16) -> Option<&str> {
        let found = self.machines.iter().find(|(_, m)| m.number == number && m.session.is_some());
        found.map(|(name, _)| name.as_str())
    }

    pub fn join(&mut self, name: &str, number: u16) -> Join {
        self.sessions += 1;
        let machine = self.machines.get_mut(name).expect("a machine of this name");
        machine.number = number;
        machine.session = Some(self.sessions);
        let sandboxes = machine.sandboxes.iter().map(|(key, running)| report(*key, running, 0)).collect();
        Join { session: self.sessions, facts: machine.facts.clone(), sandboxes }
    }

    pub fn end_session(&mut self, name: &str) -> Option<(u16, u64)> {
        let machine = self.machines.get_mut(name)?;
        Some((machine.number, machine.session.take()?))
    }

    pub fn end_sessions(&mut self) {
        self.machines.values_mut().for_each(|machine| machine.session = None);
    }

    /// What a connected node is told; one without a session hears nothing.
    pub fn obey(&mut self, number: u16, order: Order, now_ms: u64) {
        if std::env::var_os("SKIFF_TRACE").is_some() {
            println!("{now_ms}: node {number} {order:?}");
        }
        let Some(machine) = self.machines.values_mut().find(|m| m.number == number && m.session.is_some()) else { return };
        match order {
            Order::Create { key, generation, slot } => {
                if machine.sandboxes.contains_key(&key) {
                    return;
                }
                let taken = machine.sandboxes.iter().find(|(_, running)| running.slot == slot);
                assert!(taken.is_none(), "{key:?} is to use a slot of node {number} that is in use by {taken:?}");
                let running = Running { generation, state: SandboxState::Creating, slot, created_ms: now_ms, stop_ms: None };
                machine.sandboxes.insert(key, running);
            }
            Order::Delete { key, generation, .. } => {
                let Some(running) = machine.sandboxes.get_mut(&key) else { return };
                assert!(generation >= running.generation, "{key:?}: {generation} is older than {}", running.generation);
                running.generation = generation;
                running.stop_ms.get_or_insert(now_ms);
            }
        }
    }

    /// All sandboxes on connected nodes for which `pick` says a new state, moved there, as reports by node.
    pub fn advance(
        &mut self,
        now_ms: u64,
        mut pick: impl FnMut(SandboxKey, &Running) -> Option<SandboxState>,
    ) -> Vec<(u16, Vec<SandboxReport>)> {
        let mut all = Vec::new();
        for machine in self.machines.values_mut().filter(|m| m.session.is_some()) {
            let mut reports = Vec::new();
            machine.sandboxes.retain(|key, running| {
                let Some(state) = pick(*key, running) else { return true };
                running.state = state;
                reports.push(report(*key, running, now_ms));
                state != SandboxState::Gone
            });
            if !reports.is_empty() {
                all.push((machine.number, reports));
            }
        }
        all
    }
}

/// What a node says of one sandbox.
pub fn report(key: SandboxKey, running: &Running, at_ms: u64) -> SandboxReport {
    SandboxReport {
        key,
        generation: running.generation,
        state: running.state,
        at_ms,
        containers: Vec::new(),
        stages: (running.state == SandboxState::Ready).then(Stages::default),
        slot: running.slot,
        created_s: running.created_ms / 1000,
    }
}

/// A container that waits for a reason.
pub fn waiting(reason: &str, restarts: u32) -> ContainerReport {
    ContainerReport {
        name: "app".into(),
        init: false,
        ready: false,
        started: false,
        restarts,
        state: ContainerState::Waiting { reason: reason.into(), message: String::new() },
        last: None,
        container_id: String::new(),
        image: "app".into(),
        image_id: String::new(),
    }
}
