//! A ksvc from its write to Ready and beyond, over a store without a log: what watchers see, and what follows by itself.

use super::{follow, turn};
use crate::project::knative::{Sight, routes};
use crate::project::name;
use crate::registry::{Registry, ids};
use crate::store::{Store, View, body::unpack};
use crate::verbs::write::put;
use serde_json::{Value, json};
use skiff_engine::command::{Batch, Join, Transaction};
use skiff_engine::record::{Expect, ResourceId, Write};
use skiff_engine::wire::{ContainerReport, ContainerState, NodeFacts, SandboxReport, SandboxState};
use skiff_knative::{Config, Kind, Operation, Request, admit};
use std::sync::Arc;

/// Starts have deadlines, so the bench lives now.
fn now() -> String {
    crate::clock::now_rfc3339()
}

struct Bench {
    store: Arc<Store>,
}

impl Bench {
    fn new() -> Bench {
        let (store, _queue) = Store::new(Arc::new(Registry::new()), 1);
        store.begin(crate::clock::now_ms(), 0);
        let bench = Bench { store };
        bench.join();
        bench
    }

    /// A node comes; with that no node is waited for.
    fn join(&self) {
        let facts = NodeFacts { name: "n1".into(), cpu_milli: 64_000, memory_mib: 64_000, pods_max: 250, ..NodeFacts::default() };
        let join = Join { session: 1, facts, sandboxes: Vec::new() };
        self.store.turn(|world, turn| world.join_node(turn, join)).unwrap();
        self.store.turn(|world, turn| world.tick(turn));
    }

    fn commit(&self, transaction: Transaction) {
        let batch = Batch { floor: 0, ceiling: 0, transactions: vec![transaction] };
        assert!(self.store.apply(&batch).iter().all(Result::is_ok));
    }

    fn write(
        &self,
        resource: ResourceId,
        object: &Value,
        writes: impl FnOnce(&Sight<'_>) -> Vec<skiff_knative::reconcile::ChildWrite>,
    ) {
        let key = format!("ns/{}", object["metadata"]["name"].as_str().unwrap());
        let mut transaction =
            Transaction { writes: vec![Write { resource, key, expect: Expect::Any, put: Some(put(resource, object)) }] };
        {
            let core = self.store.read();
            let sight = Sight::new(&core);
            turn::add(&core, writes(&sight), &mut transaction);
        }
        self.commit(transaction);
    }

    /// A write of a ksvc as a client makes it.
    fn ksvc(&self, name: &str, template: Value, traffic: Value) {
        let old = self.read(ids::KSERVICES, name);
        let mut object = json!({"metadata": {"name": name, "namespace": "ns"}, "spec": {"template": template}});
        if !traffic.is_null() {
            object["spec"]["traffic"] = traffic;
        }
        if let Some(kept) = old.as_ref().and_then(|o| o["metadata"].get("annotations")) {
            object["metadata"]["annotations"] = kept.clone();
        }
        let operation = old.as_ref().map_or(Operation::Create, Operation::Update);
        admit(&Request { kind: Kind::Service, operation, user: "admin" }, &Config::default(), &mut object).unwrap();
        let meta = &mut object["metadata"];
        meta["generation"] = (old.as_ref().map_or(0, |o| o["metadata"]["generation"].as_i64().unwrap()) + 1).into();
        meta["creationTimestamp"] = now().into();
        meta["uid"] = old.map_or_else(|| name::uid_text(name::new_uid()).into(), |o| o["metadata"]["uid"].clone());
        self.write(ids::KSERVICES, &object, |sight| turn::service(sight, &now(), &object));
    }

    fn read(&self, resource: ResourceId, name: &str) -> Option<Value> {
        let core = self.store.read();
        let item = core.item(resource, &format!("ns/{name}"))?;
        Some(unpack(&core.render(resource, &item.key, &item.view)))
    }

    fn ready(&self, resource: ResourceId, name: &str) -> (String, String) {
        let object = self.read(resource, name).unwrap();
        let all = object["status"]["conditions"].as_array().cloned().unwrap();
        let ready = all.iter().find(|c| c["type"] == "Ready").cloned().unwrap();
        (ready["status"].as_str().unwrap().into(), ready["reason"].as_str().unwrap_or("").into())
    }

    /// All sandboxes of a revision report.
    fn report(&self, revision: &str, state: SandboxState, containers: &[ContainerReport]) {
        let rows: Vec<_> = {
            let core = self.store.read();
            let serial = core.world.documents.get(ids::REVISIONS, &format!("ns/{revision}")).unwrap().serial;
            core.world.revisions[&serial].members.iter().map(|row| core.world.sandboxes.get(*row)).collect()
        };
        assert!(!rows.is_empty(), "{revision} has no sandbox");
        for sandbox in rows {
            let report = SandboxReport {
                key: sandbox.key(),
                generation: sandbox.generation(),
                state,
                at_ms: crate::clock::now_ms(),
                containers: containers.to_vec(),
                stages: None,
                slot: sandbox.slot(),
                created_s: 0,
            };
            self.store.turn(|world, turn| world.report_sandbox(turn, 0, &report));
        }
    }

    /// What the follower would do.
    fn follow(&self) -> usize {
        let mut count = 0;
        loop {
            let batch = self.store.read().index.knative.take_unsettled();
            if batch.is_empty() {
                return count;
            }
            for (resource, key) in batch {
                let plan = follow::plan(&self.store.read(), resource, &key);
                if let Some(transaction) = plan {
                    // That a Revision has started is noted besides.
                    count += usize::from(resource != ids::REVISIONS);
                    assert!(count < 20, "the follower does not come to rest");
                    self.commit(transaction);
                }
            }
        }
    }

    /// Another run over the same documents.
    fn restarted(&self) -> Bench {
        let (store, _queue) = Store::new(Arc::new(Registry::new()), 2);
        let core = self.store.read();
        let transactions = core.world.documents.tables().flat_map(|(resource, table)| {
            table.iter().map(move |(key, d)| {
                let put = skiff_engine::record::Put { uid: d.uid, owners: d.owners.clone(), body: d.body.clone() };
                Transaction { writes: vec![Write { resource, key: key.to_string(), expect: Expect::Any, put: Some(put) }] }
            })
        });
        let batch = Batch { floor: 0, ceiling: 1 << 21, transactions: transactions.collect() };
        assert!(store.apply(&batch).iter().all(Result::is_ok));
        store.begin(crate::clock::now_ms(), 0);
        let again = Bench { store };
        again.join();
        again
    }

    fn label(&self, revision: &str) -> String {
        let object = self.read(ids::REVISIONS, revision).unwrap();
        object["metadata"]["labels"]["serving.knative.dev/routingState"].as_str().unwrap_or("").to_owned()
    }

    fn journalled(&self, since: u64) -> usize {
        let core = self.store.read();
        core.journal_ref(ids::KSERVICES).map_or(0, |j| j.newest_first().filter(|e| e.version > since).count())
    }

    fn version(&self) -> u64 {
        self.store.read().world.version
    }
}

fn template(image: &str) -> Value {
    json!({"spec": {"containers": [{"image": image}]}})
}

fn waiting(reason: &str, image: &str) -> ContainerReport {
    ContainerReport {
        name: "user-container".into(),
        init: false,
        ready: false,
        started: false,
        restarts: 0,
        state: ContainerState::Waiting { reason: reason.into(), message: "no such image".into() },
        last: None,
        container_id: String::new(),
        image: image.into(),
        image_id: String::new(),
    }
}

#[test]
fn a_ksvc_becomes_ready_with_its_first_sandbox() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    assert_eq!(bench.ready(ids::KSERVICES, "a"), ("Unknown".into(), "RevisionMissing".into()));
    assert_eq!(bench.label("a-00001"), "active");
    assert_eq!(bench.follow(), 0);
    // kn watches from what its GET said.
    let seen = bench.store.read().item(ids::KSERVICES, "ns/a").unwrap().version;
    bench.report("a-00001", SandboxState::Ready, &[]);
    assert_eq!(bench.ready(ids::KSERVICES, "a"), ("True".into(), String::new()));
    assert_eq!(bench.ready(ids::ROUTES, "a").0, "True");
    assert_eq!(bench.ready(ids::CONFIGURATIONS, "a").0, "True");
    let object = bench.read(ids::KSERVICES, "a").unwrap();
    assert_eq!(object["status"]["url"], "http://a.ns.localhost");
    assert_eq!(object["status"]["observedGeneration"], 1);
    assert_eq!(object["status"]["latestReadyRevisionName"], "a-00001");
    assert_eq!(object["status"]["traffic"][0]["revisionName"], "a-00001");
    let core = bench.store.read();
    let journal = core.journal_ref(ids::KSERVICES).unwrap();
    let stages: Vec<bool> =
        journal.after(seen, 99).unwrap().iter().map(|e| matches!(e.event.after, Some(View::Staged(..)))).collect();
    assert_eq!(stages, [true, true, false], "two steps, then Ready");
    let hosts = routes::hosts_of_route(&core, "ns/a");
    assert_eq!(hosts.iter().filter(|h| !h.cluster_local).map(|h| h.host.as_str()).collect::<Vec<_>>(), ["a.ns.localhost"]);
    assert!(hosts.iter().all(|h| h.splits.len() == 1 && h.splits[0].1 == 100));
}

#[test]
fn counters_do_not_tell_parents() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    let seen = bench.version();
    bench.report("a-00001", SandboxState::Running, &[]);
    bench.report("a-00001", SandboxState::Ready, &[]);
    assert_eq!(bench.journalled(seen), 0);
    assert_eq!(bench.ready(ids::KSERVICES, "a").0, "True");
}

#[test]
fn traffic_moves_and_the_old_revision_is_let_go() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    bench.ksvc("a", template("dev.local/b"), Value::Null);
    assert_eq!(bench.ready(ids::KSERVICES, "a").0, "Unknown");
    assert_eq!(bench.read(ids::KSERVICES, "a").unwrap()["status"]["traffic"][0]["revisionName"], "a-00001");
    bench.report("a-00002", SandboxState::Ready, &[]);
    assert_eq!(bench.ready(ids::KSERVICES, "a").0, "True");
    assert_eq!(bench.follow(), 1);
    assert_eq!((bench.label("a-00001"), bench.label("a-00002")), ("reserve".into(), "active".into()));
    // Pinned back by name: no revision is made, and the routing turns round in the same transaction.
    bench.ksvc("a", template("dev.local/b"), json!([{"revisionName": "a-00001", "percent": 100}]));
    assert_eq!((bench.label("a-00001"), bench.ready(ids::KSERVICES, "a").0), ("active".into(), "True".into()));
    assert!(bench.read(ids::REVISIONS, "a-00003").is_none());
    assert_eq!(bench.follow(), 0);
}

#[test]
fn failures_are_told_at_once() {
    let bench = Bench::new();
    bench.ksvc("a", template("example.test/absent"), Value::Null);
    let seen = bench.version();
    bench.report("a-00001", SandboxState::Creating, &[waiting("ErrImagePull", "example.test/absent")]);
    assert_eq!(bench.ready(ids::KSERVICES, "a"), ("False".into(), "RevisionMissing".into()));
    assert_eq!(bench.ready(ids::CONFIGURATIONS, "a"), ("False".into(), "RevisionFailed".into()));
    assert_eq!(bench.ready(ids::REVISIONS, "a-00001"), ("False".into(), "ContainerMissing".into()));
    assert_eq!(bench.journalled(seen), 1);
}

#[test]
fn a_start_that_takes_too_long_is_told() {
    let bench = Bench::new();
    let mut hurried = template("dev.local/a");
    hurried["metadata"] = json!({"annotations": {"serving.knative.dev/progress-deadline": "1s"}});
    bench.ksvc("a", hurried, Value::Null);
    bench.report("a-00001", SandboxState::Creating, &[waiting("ImagePullBackOff", "dev.local/a")]);
    let seen = bench.version();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    bench.store.turn(|world, turn| world.tick(turn));
    assert_eq!(bench.journalled(seen), 1);
    assert_eq!(bench.ready(ids::REVISIONS, "a-00001"), ("False".into(), "ImagePullBackOff".into()));
}

#[test]
fn a_restart_keeps_what_was_ready_and_starts_nothing() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    bench.follow();
    let again = bench.restarted();
    assert_eq!(again.ready(ids::KSERVICES, "a").0, "True");
    let core = again.store.read();
    assert!(core.world.revisions.values().all(|r| r.desired == 0));
    assert!(!routes::hosts_of_route(&core, "ns/a").is_empty());
}

#[test]
fn a_restart_does_not_make_ready_what_never_started() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    let mut hurried = template("dev.local/b");
    hurried["metadata"] = json!({"annotations": {"serving.knative.dev/progress-deadline": "1s"}});
    bench.ksvc("b", hurried, Value::Null);
    bench.follow();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let again = bench.restarted();
    assert_eq!(again.ready(ids::KSERVICES, "a").0, "Unknown");
    assert_eq!(again.ready(ids::REVISIONS, "b-00001").0, "False", "its time is over");
    let desired = |name: &str| {
        let core = again.store.read();
        let serial = core.world.documents.get(ids::REVISIONS, &format!("ns/{name}")).unwrap().serial;
        core.world.revisions[&serial].desired
    };
    assert_eq!((desired("a-00001"), desired("b-00001")), (1, 0));
}

#[test]
fn views_are_shown_and_found() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), json!([{"latestRevision": true, "percent": 100, "tag": "now"}]));
    bench.report("a-00001", SandboxState::Ready, &[]);
    let id = crate::registry::resource_id;
    let shown = |resource, name: &str| bench.read(resource, name).unwrap();
    let autoscaler = shown(id("autoscaling.internal.knative.dev", "podautoscalers"), "a-00001");
    assert_eq!(autoscaler["status"]["desiredScale"], 1);
    assert_eq!(shown(ids::DEPLOYMENTS, "a-00001-deployment")["status"]["readyReplicas"], 1);
    assert_eq!(shown(ids::SERVICES, "now-a")["spec"]["type"], "ExternalName");
    assert_eq!(shown(id("networking.internal.knative.dev", "ingresses"), "a")["spec"]["rules"][0]["hosts"][0], "a.ns");
    let core = bench.store.read();
    let names: Vec<String> = core.items(ids::SERVICES, Some("ns")).iter().map(|i| i.key.to_string()).collect();
    assert_eq!(names, ["ns/a", "ns/a-00001", "ns/a-00001-private", "ns/now-a"]);
    assert!(names.iter().all(|key| core.item(ids::SERVICES, key).is_some()));
}

#[test]
fn what_is_deleted_by_hand_comes_back() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    let gone = |resource, key: &str| Write { resource, key: key.into(), expect: Expect::Present, put: None };
    bench.commit(Transaction { writes: vec![gone(ids::ROUTES, "ns/a")] });
    assert!(bench.read(ids::ROUTES, "a").is_none());
    bench.follow();
    assert_eq!(bench.ready(ids::ROUTES, "a").0, "True");
    bench.commit(Transaction { writes: vec![gone(ids::REVISIONS, "ns/a-00001")] });
    bench.follow();
    bench.report("a-00001", SandboxState::Ready, &[]);
    assert_eq!(bench.ready(ids::KSERVICES, "a").0, "True");
    // With its ksvc everything goes, and nothing comes back.
    let all = [(ids::KSERVICES, "ns/a"), (ids::CONFIGURATIONS, "ns/a"), (ids::ROUTES, "ns/a"), (ids::REVISIONS, "ns/a-00001")];
    bench.commit(Transaction { writes: all.iter().map(|(r, k)| gone(*r, k)).collect() });
    assert_eq!(bench.follow(), 0);
    assert!(bench.read(ids::CONFIGURATIONS, "a").is_none());
}

#[test]
fn a_hand_edit_of_a_child_is_undone() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    let mut edited = bench.read(ids::CONFIGURATIONS, "a").unwrap();
    edited["spec"]["template"]["spec"]["containerConcurrency"] = 5.into();
    edited["metadata"]["generation"] = 2.into();
    bench.write(ids::CONFIGURATIONS, &edited, |sight| turn::configuration(sight, &now(), &edited, false));
    assert!(bench.read(ids::REVISIONS, "a-00002").is_some());
    bench.follow();
    let now = bench.read(ids::CONFIGURATIONS, "a").unwrap();
    assert_eq!(
        (now["metadata"]["generation"].as_i64(), now["spec"]["template"]["spec"]["containerConcurrency"].as_i64()),
        (Some(3), Some(0))
    );
    assert!(bench.read(ids::REVISIONS, "a-00003").is_some());
}

#[test]
fn at_zero_the_ksvc_stays_ready() {
    let bench = Bench::new();
    let mut brief = template("dev.local/a");
    brief["metadata"] = json!({"annotations": {"autoscaling.knative.dev/window": "6s"}});
    bench.ksvc("a", brief, Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    let seen = bench.version();
    // Two minutes of silence, told to the engine alone.
    bench.store.turn(|world, turn| {
        world.gateway_joined(turn);
        let begin = turn.now_ms;
        for second in 0..120 {
            turn.now_ms = begin + second * 1000;
            world.tick(turn);
        }
        turn.now_ms = begin;
    });
    let revision = bench.read(ids::REVISIONS, "a-00001").unwrap();
    assert_eq!(revision["status"]["desiredReplicas"], 0);
    let active = revision["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Active").cloned().unwrap();
    assert_eq!((active["status"].as_str(), active["reason"].as_str()), (Some("False"), Some("NoTraffic")));
    assert_eq!(bench.ready(ids::REVISIONS, "a-00001").0, "True");
    assert_eq!(bench.ready(ids::KSERVICES, "a").0, "True");
    assert_eq!(bench.journalled(seen), 0);
    let core = bench.store.read();
    let shown = core.journal_ref(ids::REVISIONS).unwrap().newest_first().any(|e| e.version > seen);
    assert!(shown, "the Revision itself is shown anew");
}

#[test]
fn zero_at_birth_is_ready_at_once() {
    let bench = Bench::new();
    let map = json!({"metadata": {"name": "config-autoscaler", "namespace": "knative-serving", "uid": name::uid_text(7)},
        "data": {"allow-zero-initial-scale": "true"}});
    let key = "knative-serving/config-autoscaler".to_owned();
    bench.commit(Transaction {
        writes: vec![Write { resource: ids::CONFIG_MAPS, key, expect: Expect::Any, put: Some(put(ids::CONFIG_MAPS, &map)) }],
    });
    let mut zero = template("dev.local/a");
    zero["metadata"] = json!({"annotations": {"autoscaling.knative.dev/initial-scale": "0"}});
    let mut object = json!({"metadata": {"name": "z", "namespace": "ns", "uid": name::uid_text(8), "generation": 1,
        "creationTimestamp": now()}, "spec": {"template": zero}});
    object["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
    bench.write(ids::KSERVICES, &object, |sight| turn::service(sight, &now(), &object));
    assert_eq!(bench.ready(ids::KSERVICES, "z").0, "True");
    let revision = bench.read(ids::REVISIONS, "z-00001").unwrap();
    let active = revision["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Active").cloned().unwrap();
    assert_eq!(active["reason"], "NoTraffic");
}

/// What watchers of a resource hear after a version: key, existed, exists.
fn heard(bench: &Bench, resource: ResourceId, since: u64) -> Vec<(String, bool, bool)> {
    let core = bench.store.read();
    let Some(journal) = core.journal_ref(resource) else { return Vec::new() };
    let entries = journal.after(since, 999).unwrap();
    entries.iter().map(|e| (e.event.key.to_string(), e.event.before.is_some(), e.event.after.is_some())).collect()
}

#[test]
fn views_are_listed_read_and_watched_alike() {
    let bench = Bench::new();
    let born = bench.version();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    let pod = {
        let core = bench.store.read();
        let item = core.items(ids::PODS, Some("ns")).remove(0);
        unpack(&core.render(ids::PODS, &item.key, &item.view))
    };
    let owner = &pod["metadata"]["ownerReferences"][0];
    let set = bench.read(ids::REPLICA_SETS, owner["name"].as_str().unwrap()).unwrap();
    assert_eq!(set["metadata"]["uid"], owner["uid"]);
    assert_eq!((&set["status"]["replicas"], &set["status"]["readyReplicas"]), (&json!(1), &json!(1)));
    let deployment = bench.read(ids::DEPLOYMENTS, "a-00001-deployment").unwrap();
    assert_eq!(set["metadata"]["ownerReferences"][0]["uid"], deployment["metadata"]["uid"]);
    let endpoints = bench.read(ids::ENDPOINTS, "a-00001-private").unwrap();
    assert_eq!(endpoints["subsets"][0]["ports"][0], json!({"name": "http", "port": 8080, "protocol": "TCP"}));
    assert_eq!(endpoints["subsets"][0]["addresses"].as_array().map(Vec::len), Some(1));
    let copy = bench.read(ids::ENDPOINTS, "a-00001").unwrap();
    assert_eq!(copy["subsets"], endpoints["subsets"]);
    assert_eq!(copy["metadata"]["ownerReferences"][0]["kind"], "ServerlessService");
    for (resource, count) in
        [(ids::DEPLOYMENTS, 1), (ids::REPLICA_SETS, 1), (ids::SERVICES, 3), (ids::ENDPOINTS, 2), (ids::ENDPOINT_SLICES, 1)]
    {
        let items = bench.store.read().items(resource, Some("ns"));
        assert_eq!(items.len(), count, "{resource:?}");
        let mut known = std::collections::BTreeSet::new();
        for (key, existed, exists) in heard(&bench, resource, born) {
            assert_eq!(existed, known.contains(&key), "{resource:?} {key}");
            assert!(exists, "{resource:?} {key}");
            known.insert(key);
        }
        let listed: std::collections::BTreeSet<String> = items.iter().map(|i| i.key.to_string()).collect();
        assert_eq!(known, listed, "{resource:?}: who watched from the start knows what a list says");
    }
}

#[test]
fn views_go_with_their_revision_and_are_told_as_they_were() {
    let bench = Bench::new();
    bench.ksvc("a", template("dev.local/a"), Value::Null);
    bench.report("a-00001", SandboxState::Ready, &[]);
    let seen = bench.version();
    bench.commit(Transaction {
        writes: vec![Write { resource: ids::REVISIONS, key: "ns/a-00001".into(), expect: Expect::Any, put: None }],
    });
    for resource in [ids::DEPLOYMENTS, ids::REPLICA_SETS, ids::ENDPOINTS, ids::ENDPOINT_SLICES] {
        assert_eq!(bench.store.read().items(resource, Some("ns")).len(), 0, "{resource:?}");
        let core = bench.store.read();
        let journal = core.journal_ref(resource).unwrap();
        let gone: Vec<_> = journal.after(seen, 99).unwrap().into_iter().filter(|e| e.event.after.is_none()).collect();
        assert_eq!(gone.len(), if resource == ids::ENDPOINTS { 2 } else { 1 }, "{resource:?}: {gone:?}");
        for entry in gone {
            let body = unpack(&core.render(resource, &entry.event.key, entry.event.before.as_ref().unwrap()));
            assert_eq!(format!("ns/{}", body["metadata"]["name"].as_str().unwrap()), &*entry.event.key);
            assert!(body["metadata"]["uid"].is_string(), "{resource:?}: {body}");
        }
    }
}
