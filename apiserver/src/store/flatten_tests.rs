//! Pods of their own whose document changes after they were made: labels, gates, a node named by another scheduler.

use crate::project::name;
use crate::registry::{Registry, ids};
use crate::store::{Store, body::unpack};
use crate::verbs::companion::write_new;
use crate::verbs::write::put;
use serde_json::{Value, json};
use skiff_engine::command::{Batch, Join, Transaction};
use skiff_engine::record::{Expect, Write};
use skiff_engine::wire::{NodeFacts, SandboxReport, SandboxState};
use std::sync::Arc;

fn store() -> Arc<Store> {
    let (store, _queue) = Store::new(Arc::new(Registry::new()), 1);
    store.begin(crate::clock::now_ms(), 0);
    let facts = NodeFacts { name: "n1".into(), cpu_milli: 64_000, memory_mib: 64_000, pods_max: 250, ..NodeFacts::default() };
    store.turn(|world, turn| world.join_node(turn, Join { session: 1, facts, sandboxes: Vec::new() })).unwrap();
    store
}

fn commit(store: &Store, write: Write) {
    let batch = Batch { floor: 0, ceiling: 0, transactions: vec![Transaction { writes: vec![write] }] };
    assert!(store.apply(&batch).iter().all(Result::is_ok));
}

fn pod(spec: Value) -> Value {
    let mut spec = spec;
    spec["containers"] = json!([{"name": "c", "image": "a", "ports": [{"containerPort": 80}]}]);
    json!({"metadata": {"name": "p", "namespace": "ns", "uid": name::uid_text(7), "labels": {"app": "b"}}, "spec": spec})
}

fn change(store: &Store, pod: &Value) {
    commit(store, Write { resource: ids::PODS, key: "ns/p".into(), expect: Expect::Present, put: Some(put(ids::PODS, pod)) });
}

fn is_placed(store: &Store) -> bool {
    store.read().own_sandbox_placed(7)
}

#[test]
fn a_label_put_on_later_lets_the_pod_into_a_service() {
    let store = store();
    let service = json!({"metadata": {"name": "s", "namespace": "ns", "uid": name::uid_text(9)},
        "spec": {"selector": {"app": "a"}, "ports": [{"port": 80, "protocol": "TCP"}]}});
    commit(&store, write_new(ids::SERVICES, &service));
    let mut pod = pod(json!({}));
    commit(&store, write_new(ids::PODS, &pod));
    let sandbox = {
        let core = store.read();
        let serial = core.world.documents.get(ids::PODS, "ns/p").unwrap().serial;
        core.own_sandbox(serial).unwrap().sandbox
    };
    let report = SandboxReport {
        key: sandbox.key(),
        generation: sandbox.generation(),
        state: SandboxState::Ready,
        at_ms: crate::clock::now_ms(),
        containers: Vec::new(),
        stages: None,
        slot: sandbox.slot(),
        created_s: 0,
    };
    store.turn(|world, turn| world.report_sandbox(turn, 0, &report));
    let addresses = || {
        let core = store.read();
        let item = core.item(ids::ENDPOINTS, "ns/s").unwrap();
        unpack(&core.render(ids::ENDPOINTS, &item.key, &item.view)).pointer("/subsets/0/addresses").is_some()
    };
    assert!(!addresses());
    for (label, within) in [("a", true), ("b", false)] {
        let seen = store.read().world.version;
        pod["metadata"]["labels"]["app"] = label.into();
        change(&store, &pod);
        assert_eq!(addresses(), within, "{label}");
        let heard = store.read().journal_ref(ids::ENDPOINT_SLICES).unwrap().after(seen, 9).unwrap().len();
        assert_eq!(heard, 1, "{label}: whoever watches slices hears of it");
    }
}

#[test]
fn a_pod_is_placed_when_its_gates_are_gone() {
    let store = store();
    commit(&store, write_new(ids::PODS, &pod(json!({"schedulingGates": [{"name": "g"}]}))));
    assert!(!is_placed(&store));
    change(&store, &pod(json!({})));
    assert!(is_placed(&store));
}

#[test]
fn a_pod_of_another_scheduler_waits_for_the_node_that_it_names() {
    let store = store();
    commit(&store, write_new(ids::PODS, &pod(json!({"schedulerName": "mine"}))));
    assert!(!is_placed(&store));
    change(&store, &pod(json!({"schedulerName": "mine", "nodeName": "n1"})));
    assert!(is_placed(&store));
}
