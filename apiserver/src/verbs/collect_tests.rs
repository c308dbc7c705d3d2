//! Foreground deletion over a store without a log, and what an orphaned ReplicaSet becomes.

use super::*;
use crate::project::name;
use crate::registry::{Registry, ids};
use crate::store::Store;
use crate::verbs::companion::write_new;
use serde_json::json;
use skiff_engine::command::{Batch, Join};
use skiff_engine::wire::{NodeFacts, SandboxReport, SandboxState};

const THING: ResourceId = ids::CONFIG_MAPS;

struct Bench {
    store: Arc<Store>,
}

impl Bench {
    fn new() -> Bench {
        let (store, _queue) = Store::new(Arc::new(Registry::new()), 1);
        store.begin(crate::clock::now_ms(), 0);
        Bench { store }
    }

    fn commit(&self, writes: Vec<Write>) {
        let batch = Batch { floor: 0, ceiling: 0, transactions: vec![Transaction { writes }] };
        assert!(self.store.apply(&batch).iter().all(Result::is_ok));
    }

    /// A thing; each owner with its `blockOwnerDeletion`.
    fn thing(&self, number: u128, owners: &[(u128, bool)], finalizers: &[&str], deleting: bool) {
        let references = owners.iter().map(|(uid, blocks)| json!({"uid": name::uid_text(*uid), "blockOwnerDeletion": blocks}));
        let mut object = json!({"metadata": {"name": number.to_string(), "namespace": "n", "uid": name::uid_text(number),
            "ownerReferences": references.collect::<Vec<_>>(), "finalizers": finalizers}});
        if deleting {
            object = mark(&object, 0);
        }
        self.commit(vec![write_new(THING, &object)]);
    }

    fn read(&self, resource: ResourceId, key: &str) -> Option<Value> {
        let core = self.store.read();
        let item = core.item(resource, key)?;
        Some(unpack(&core.render(resource, &item.key, &item.view)))
    }

    fn finalizers(&self, number: u128) -> Option<Vec<String>> {
        let object = self.read(THING, &format!("n/{number}"))?;
        Some(finalizers(&object).map(str::to_owned).collect())
    }

    /// One pass over a thing that waits.
    fn pass(&self, resource: ResourceId, key: &str) -> bool {
        let (transaction, over) = plan(&self.store.read(), resource, key);
        self.commit(transaction.writes);
        over
    }
}

#[test]
fn an_owner_goes_after_what_blocks_it() {
    let bench = Bench::new();
    bench.thing(1, &[], &[FOREGROUND], true);
    bench.thing(2, &[(1, true)], &["x.io/held"], false);
    bench.thing(3, &[(1, false)], &["x.io/held"], false);
    bench.thing(4, &[(1, true)], &[], false);
    assert!(!bench.pass(THING, "n/1"), "2 blocks");
    assert_eq!(bench.finalizers(4), None);
    assert!(crate::store::is_deleting(&bench.read(THING, "n/2").unwrap()));
    assert!(!bench.pass(THING, "n/1"));
    bench.commit(vec![Write { resource: THING, key: "n/2".into(), expect: Expect::Present, put: None }]);
    assert!(bench.pass(THING, "n/1"), "3 does not block");
    assert_eq!(bench.finalizers(1), None);
    assert_eq!(bench.finalizers(3).unwrap(), ["x.io/held"]);
}

#[test]
fn what_has_another_owner_is_released_and_what_is_deep_goes_first() {
    let bench = Bench::new();
    bench.thing(1, &[], &[FOREGROUND], true);
    bench.thing(9, &[], &[], false);
    bench.thing(2, &[(1, true), (9, true)], &[], false);
    bench.thing(3, &[(1, true)], &[], false);
    bench.thing(4, &[(3, true)], &[], false);
    assert!(!bench.pass(THING, "n/1"), "3 waits for 4");
    assert_eq!(bench.finalizers(3).unwrap(), [FOREGROUND]);
    assert_eq!(bench.read(THING, "n/2").unwrap()["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(1));
    assert!(bench.pass(THING, "n/1"));
    assert_eq!((bench.finalizers(1), bench.finalizers(3), bench.finalizers(4)), (None, None, None));
    assert!(bench.finalizers(9).is_some());
}

#[test]
fn a_circle_comes_to_an_end() {
    let bench = Bench::new();
    bench.thing(1, &[(3, true)], &[FOREGROUND], true);
    bench.thing(2, &[(1, true)], &[], false);
    bench.thing(3, &[(2, true)], &[], false);
    for _ in 0..4 {
        bench.pass(THING, "n/1");
    }
    assert_eq!((bench.finalizers(1), bench.finalizers(2), bench.finalizers(3)), (None, None, None));
}

#[test]
fn finalizers_of_others_stay() {
    let bench = Bench::new();
    bench.thing(1, &[], &["x.io/held", FOREGROUND], true);
    assert!(bench.pass(THING, "n/1"));
    assert_eq!(bench.finalizers(1).unwrap(), ["x.io/held"]);
}

/// A Deployment of two with its ReplicaSet and running Pods; gives the ReplicaSet's key.
fn deployed(bench: &Bench) -> String {
    let facts = NodeFacts { name: "n1".into(), cpu_milli: 64_000, memory_mib: 64_000, pods_max: 250, ..NodeFacts::default() };
    bench.store.turn(|world, turn| world.join_node(turn, Join { session: 1, facts, sandboxes: Vec::new() })).unwrap();
    let pod = json!({"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let deployment = json!({"metadata": {"name": "d", "namespace": "n", "uid": name::uid_text(1), "generation": 1},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "d"}}, "template": pod}});
    let key = format!("n/d-{}", crate::store::template_hash(&deployment));
    let set = json!({"metadata": {"name": &key[2..], "namespace": "n", "uid": name::uid_text(2), "labels": {"app": "d"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": name::uid_text(1),
                "controller": true, "blockOwnerDeletion": true}]},
        "spec": {"selector": {"matchLabels": {"app": "d"}}, "template": pod}});
    bench.commit(vec![write_new(ids::DEPLOYMENTS, &deployment), write_new(ids::REPLICA_SETS, &set)]);
    report(bench, SandboxState::Ready);
    key
}

fn report(bench: &Bench, state: SandboxState) {
    let sandboxes: Vec<_> = {
        let core = bench.store.read();
        let rows = core.world.revisions.values().flat_map(|r| r.members.iter().copied().collect::<Vec<_>>());
        rows.map(|row| core.world.sandboxes.get(row)).collect()
    };
    for sandbox in sandboxes {
        let report = SandboxReport {
            key: sandbox.key(),
            generation: sandbox.generation(),
            state,
            at_ms: crate::clock::now_ms(),
            containers: Vec::new(),
            stages: None,
            slot: sandbox.slot(),
            created_s: 0,
        };
        bench.store.turn(|world, turn| world.report_sandbox(turn, 0, &report));
    }
}

fn pods(bench: &Bench) -> Vec<(String, bool)> {
    let core = bench.store.read();
    let items = core.items(ids::PODS, Some("n"));
    let deleting =
        |item: &crate::project::Item| crate::store::is_deleting(&unpack(&core.render(ids::PODS, &item.key, &item.view)));
    items.iter().map(|item| (item.key.to_string(), deleting(item))).collect()
}

#[test]
fn a_replica_set_outlives_its_deployment_with_its_pods() {
    let bench = Bench::new();
    let key = deployed(&bench);
    let before = pods(&bench);
    assert_eq!(before.len(), 2);
    let mut transaction =
        Transaction { writes: vec![Write { resource: ids::DEPLOYMENTS, key: "n/d".into(), expect: Expect::Any, put: None }] };
    dependents(&bench.store.read(), 1, true, &mut transaction);
    transaction.writes.rotate_left(1);
    bench.commit(transaction.writes);
    assert_eq!(pods(&bench), before, "none was stopped or made");
    let set = bench.read(ids::REPLICA_SETS, &key).unwrap();
    assert!(set["metadata"].get("ownerReferences").is_none());
    assert_eq!((&set["spec"]["replicas"], &set["status"]["readyReplicas"]), (&json!(2), &json!(2)));
}

#[test]
fn a_deployment_waits_for_its_pods_in_the_foreground() {
    let bench = Bench::new();
    let key = deployed(&bench);
    let mut deployment = bench.read(ids::DEPLOYMENTS, "n/d").unwrap();
    deployment = mark(&deployment, 0);
    set_collectors(&mut deployment, Some(FOREGROUND));
    bench.commit(vec![write_new(ids::DEPLOYMENTS, &deployment)]);
    assert!(!bench.pass(ids::DEPLOYMENTS, "n/d"));
    assert!(is_foreground(&bench.read(ids::REPLICA_SETS, &key).unwrap()));
    assert_eq!(pods(&bench).iter().map(|(_, deleting)| *deleting).collect::<Vec<_>>(), [true, true]);
    assert!(!bench.pass(ids::DEPLOYMENTS, "n/d"));
    report(&bench, SandboxState::Gone);
    assert!(bench.pass(ids::DEPLOYMENTS, "n/d"));
    assert!(bench.read(ids::DEPLOYMENTS, "n/d").is_none() && bench.read(ids::REPLICA_SETS, &key).is_none());
    assert!(pods(&bench).is_empty());
}
