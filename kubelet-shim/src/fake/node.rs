//! One fake node: orders in, reports out. Pure: no socket, and time is an argument.
//!
//! Fed by `session`. A sandbox costs some 40 bytes, so that one process can pretend to run a million of them.

use super::behaviour::Behaviour;
use skiff_engine::wire::{
    Create, Delete, NodeFacts, Order, Report, SandboxKey, SandboxReport, SandboxState, Stages, StreamRequest,
};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Why an order is not obeyed; ends the session.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its epoch {given} is older than {seen}, which was seen before")]
pub(super) struct OldEpoch {
    given: u64,
    seen: u64,
}

struct Sandbox {
    generation: u32,
    slot: u16,
    /// Its start is over (well or badly); until then it is `Creating`.
    settled: bool,
    since_ms: u64,
    created_ms: u64,
}

/// A sandbox whose start is over at a certain time.
struct Due {
    at_ms: u64,
    key: SandboxKey,
    generation: u32,
}

/// A node that only pretends.
pub(super) struct FakeNode {
    facts: NodeFacts,
    ready_after_ms: u64,
    epoch: u64,
    revisions: HashMap<u32, Arc<Behaviour>>,
    sandboxes: HashMap<SandboxKey, Sandbox>,
    // All wait equally long, so the queue is in order of time. At most one entry per sandbox that was ever ordered and is
    // not settled: bounded by `pods_max` and how many deletions fit into `ready_after_ms`.
    due: VecDeque<Due>,
}

impl FakeNode {
    pub(super) fn new(facts: NodeFacts, ready_after_ms: u64) -> Self {
        let (revisions, sandboxes) = (HashMap::new(), HashMap::new());
        Self { facts, ready_after_ms, epoch: 0, revisions, sandboxes, due: VecDeque::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.facts.name
    }

    /// Everything that the node runs: the first frame of a session.
    pub(super) fn full(&self) -> Report {
        let sandboxes = self.sandboxes.iter().map(|(key, sandbox)| self.report(*key, sandbox)).collect();
        Report::Full(self.facts.clone(), sandboxes)
    }

    /// Whose sandbox it is, for a stream: whether this node runs it.
    pub(super) fn runs(&self, request: &StreamRequest) -> bool {
        let (StreamRequest::Log { key, .. }
        | StreamRequest::Exec { key, .. }
        | StreamRequest::Attach { key, .. }
        | StreamRequest::Forward { key, .. }) = request;
        self.sandboxes.contains_key(key)
    }

    /// Does what it is told and adds what there is to report to `out`. `Ping` and `Open` are the session's business.
    pub(super) fn obey(&mut self, order: Order, now_ms: u64, out: &mut Vec<SandboxReport>) -> Result<(), OldEpoch> {
        match order {
            Order::Welcome { epoch, .. } if epoch < self.epoch => return Err(OldEpoch { given: epoch, seen: self.epoch }),
            Order::Welcome { epoch, .. } => self.epoch = epoch,
            Order::Template(template) => {
                let behaviour = Behaviour::of(&template.pod).unwrap_or_else(|error| {
                    tracing::error!(%error, revision = template.revision, "template is no Pod; taken for a plain one");
                    Behaviour::default()
                });
                self.revisions.insert(template.revision, Arc::new(behaviour));
            }
            // Sandboxes that still run may be reported again, so the behaviour stays as long as any does.
            Order::DropTemplate { revision } if self.sandboxes.keys().any(|key| key.revision == revision) => {}
            Order::DropTemplate { revision } => drop(self.revisions.remove(&revision)),
            Order::Create(list) => list.iter().for_each(|create| self.create(create, now_ms, out)),
            Order::Delete(list) => list.iter().for_each(|delete| self.delete(delete, now_ms, out)),
            Order::Open { .. } | Order::Service(_) | Order::Ping => {}
        }
        Ok(())
    }

    fn create(&mut self, create: &Create, now_ms: u64, out: &mut Vec<SandboxReport>) {
        let key = create.key;
        if self.sandboxes.get(&key).is_some_and(|known| known.generation >= create.generation) {
            return;
        }
        let settled = self.ready_after_ms == 0;
        let sandbox = Sandbox { generation: create.generation, slot: create.slot, settled, since_ms: now_ms, created_ms: now_ms };
        if !settled {
            self.due.push_back(Due { at_ms: now_ms + self.ready_after_ms, key, generation: create.generation });
        }
        out.push(SandboxReport { stages: settled.then(Stages::default), ..self.report(key, &sandbox) });
        self.sandboxes.insert(key, sandbox);
    }

    fn delete(&mut self, delete: &Delete, now_ms: u64, out: &mut Vec<SandboxReport>) {
        if self.sandboxes.get(&delete.key).is_some_and(|known| known.generation > delete.generation) {
            return;
        }
        self.sandboxes.remove(&delete.key);
        out.push(SandboxReport {
            key: delete.key,
            generation: delete.generation,
            state: SandboxState::Gone,
            at_ms: now_ms,
            containers: Vec::new(),
            stages: None,
            slot: 0,
            created_s: 0,
        });
    }

    /// When [`FakeNode::settle`] has something to do.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.due.front().map(|due| due.at_ms)
    }

    /// Ends the starts whose time has come.
    pub(super) fn settle(&mut self, now_ms: u64, out: &mut Vec<SandboxReport>) {
        while let Some(due) = self.due.pop_front_if(|due| due.at_ms <= now_ms) {
            let Some(sandbox) = self.sandboxes.get_mut(&due.key).filter(|s| s.generation == due.generation) else { continue };
            sandbox.settled = true;
            sandbox.since_ms = now_ms;
            let ready_us = u32::try_from(now_ms.saturating_sub(sandbox.created_ms).saturating_mul(1000)).unwrap_or(u32::MAX);
            let stages = Some(Stages { ready_us, ..Stages::default() });
            if let Some(sandbox) = self.sandboxes.get(&due.key) {
                out.push(SandboxReport { stages, ..self.report(due.key, sandbox) });
            }
        }
    }

    fn report(&self, key: SandboxKey, sandbox: &Sandbox) -> SandboxReport {
        let behaviour = self.revisions.get(&key.revision).filter(|_| sandbox.settled);
        let settled = || behaviour.map_or(SandboxState::Ready, |b| b.state());
        SandboxReport {
            key,
            generation: sandbox.generation,
            state: if sandbox.settled { settled() } else { SandboxState::Creating },
            at_ms: sandbox.since_ms,
            containers: behaviour.map(|b| b.containers(sandbox.since_ms)).unwrap_or_default(),
            stages: None,
            slot: sandbox.slot,
            created_s: sandbox.created_ms / 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skiff_engine::wire::{Material, Template};

    const KEY: SandboxKey = SandboxKey { revision: 1, seq: 2 };

    fn node(image: &str, ready_after_ms: u64) -> FakeNode {
        let mut node = FakeNode::new(NodeFacts::default(), ready_after_ms);
        let pod = format!(r#"{{"spec":{{"containers":[{{"name":"a","image":"{image}"}}]}}}}"#).into_bytes();
        let template = Template { revision: 1, pod, material: Material::default() };
        node.obey(Order::Template(template), 0, &mut Vec::new()).expect("template");
        node
    }

    fn create(generation: u32) -> Order {
        let (name, uid) = ("pod".to_owned(), "uid".to_owned());
        Order::Create(vec![Create { key: KEY, generation, slot: 9, name, uid, decided_ms: 0 }])
    }

    fn delete(generation: u32) -> Order {
        Order::Delete(vec![Delete { key: KEY, generation, grace_seconds: 0 }])
    }

    #[test]
    fn a_sandbox_is_ready_at_once_and_gone_at_once() {
        let (mut node, mut out) = (node("web", 0), Vec::new());
        for order in [create(1), create(1), delete(2)] {
            node.obey(order, 5_000, &mut out).expect("order");
        }
        let states: Vec<_> = out.iter().map(|r| (r.state, r.generation)).collect();
        assert_eq!(states, [(SandboxState::Ready, 1), (SandboxState::Gone, 2)], "a repeated order says nothing");
        assert_eq!((out[0].at_ms, out[0].slot, out[0].created_s), (5_000, 9, 5));
    }

    #[test]
    fn a_slow_fleet_reports_twice() {
        let (mut node, mut out) = (node("web", 20), Vec::new());
        node.obey(create(1), 100, &mut out).expect("order");
        node.settle(119, &mut out);
        assert_eq!((out.len(), out[0].state, node.next_due_ms()), (1, SandboxState::Creating, Some(120)));
        node.settle(120, &mut out);
        assert_eq!((out[1].state, out[1].stages.map(|s| s.ready_us)), (SandboxState::Ready, Some(20_000)));
        assert_eq!(node.next_due_ms(), None);
    }

    #[test]
    fn old_generations_and_epochs_are_refused() {
        let (mut node, mut out) = (node("web", 0), Vec::new());
        node.obey(create(3), 0, &mut out).expect("order");
        node.obey(delete(2), 0, &mut out).expect("order");
        assert_eq!(out.len(), 1);
        let welcome =
            |epoch| Order::Welcome { epoch, node: 1, pod_network: 0, pod_prefix: 20, service_network: 0, service_prefix: 12 };
        node.obey(welcome(7), 0, &mut out).expect("welcome");
        assert_eq!(node.obey(welcome(6), 0, &mut out), Err(OldEpoch { given: 6, seen: 7 }));
    }

    #[test]
    fn a_full_report_repeats_what_was_said() {
        let (mut node, mut out) = (node("exits", 0), Vec::new());
        node.obey(create(1), 1_000, &mut out).expect("order");
        let Report::Full(_, all) = node.full() else { panic!("full") };
        assert_eq!((all[0].state, all[0].containers.len(), all[0].slot), (SandboxState::Running, 1, 9));
    }
}
