//! Documents to records: what a Deployment, ReplicaSet, Pod, Revision, Node or Service means for the tables.
//!
//! Runs inside the turn that wrote the document (and over all documents at the start). Derived state only: nothing here is logged.

use super::Core;
use super::body::unpack;
use crate::project::template::{Owner, Template};
use crate::registry::ids;
use crate::verbs::dependents::is_foreground;
use serde_json::Value;
use skiff_engine::command::{PutFunction, PutRevision};
use skiff_engine::policy::rollout::{IntOrPercent, resolve};
use skiff_engine::record::{Document, NO_NODE, Plan, ResourceId, Shape};
use skiff_engine::{Event, Turn};
use skiff_schema::quantity::Quantity;
use std::sync::Arc;

/// Label that ties a ReplicaSet to a template of its Deployment.
pub const HASH_LABEL: &str = "pod-template-hash";

impl Core {
    /// All documents, at the start: owners before what they own.
    pub(super) fn flatten_all(&mut self, turn: &mut Turn) {
        self.restore_node_numbers(turn.now_ms);
        for resource in [
            ids::NODES,
            ids::SERVICES,
            ids::DEPLOYMENTS,
            ids::REPLICA_SETS,
            ids::REPLICATION_CONTROLLERS,
            ids::REVISIONS,
            ids::PODS,
        ] {
            let mut all: Vec<(Box<str>, Arc<Document>)> =
                self.world.documents.table(resource).iter().map(|(k, d)| (k.clone(), d.clone())).collect();
            if resource == ids::NODES {
                // One whose number was never noted gets it in the order of pod ranges.
                all.sort_by_key(|(_, document)| pod_range(&document.body));
            }
            for (key, document) in all {
                self.flatten_one(turn, resource, &key, None, Some(&document));
            }
        }
    }

    /// The document events of a turn from `at` on.
    pub(super) fn flatten_events(&mut self, turn: &mut Turn, at: usize) {
        let mut changed = Vec::new();
        for (_, event) in &turn.out.events[at..] {
            if let Event::Document { resource, key, before, after } = event {
                changed.push((*resource, key.clone(), before.clone(), after.clone()));
            }
        }
        for (resource, key, before, after) in changed {
            self.index.note_document(resource, &key, before.as_deref(), after.as_deref());
            self.flatten_one(turn, resource, &key, before.as_ref(), after.as_ref());
        }
    }

    fn flatten_one(
        &mut self,
        turn: &mut Turn,
        resource: ResourceId,
        key: &str,
        before: Option<&Arc<Document>>,
        after: Option<&Arc<Document>>,
    ) {
        // Deleted and made anew under the same name: the old one's records go first.
        if let Some(old) = before
            && after.is_none_or(|new| new.serial != old.serial)
        {
            self.drop_records(turn, resource, key, old);
        }
        let Some(document) = after else { return };
        if matches!(resource, ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS | ids::REVISIONS)
            && is_foreground(&unpack(&document.body))
        {
            // It waits for its Pods to go, and is the last one to know of them.
            self.drop_records(turn, resource, key, document);
            return;
        }
        match resource {
            ids::DEPLOYMENTS => self.flatten_deployment(turn, key, before, document),
            ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS => self.flatten_replica_set(turn, resource, key, document),
            ids::PODS => self.flatten_pod(turn, key, before, document),
            ids::NODES => self.flatten_node(turn, key, document),
            ids::SERVICES => self.flatten_service(key, document),
            ids::REVISIONS => self.flatten_revision(turn, key, document),
            ids::CONFIG_MAPS if crate::project::knative::is_config(resource, key) => {
                crate::project::knative::plan_revisions(self, turn)
            }
            _ => {}
        }
    }

    fn drop_records(&mut self, turn: &mut Turn, resource: ResourceId, key: &str, old: &Document) {
        match resource {
            ids::DEPLOYMENTS => self.world.drop_function(turn, old.serial),
            ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS | ids::PODS | ids::REVISIONS => {
                self.world.drop_function(turn, old.serial);
                self.world.drop_revision(turn, old.serial);
                self.retired.push(old.serial);
            }
            ids::SERVICES => {
                self.index.put_service(key, None);
                self.index.addresses.put(key, None);
            }
            ids::NODES => self.world.drop_node(turn, key),
            _ => {}
        }
    }

    fn flatten_deployment(&mut self, turn: &mut Turn, key: &str, before: Option<&Arc<Document>>, document: &Document) {
        let Ok(now) = serde_json::from_slice::<Rolling<'_>>(&document.body) else { return };
        let was = before.and_then(|old| serde_json::from_slice::<Rolling<'_>>(&old.body).ok());
        let kept = was.filter(|old| old.spec.template.get() == now.spec.template.get());
        let known = self.world.functions.get(&document.serial).filter(|f| f.current != 0).map(|f| f.current);
        let current = match (kept, known) {
            // The usual case, a change of replicas: the template need not be read.
            (Some(_), Some(current)) => current,
            _ => {
                let hash = template_hash(&unpack(&document.body));
                self.world.documents.get(ids::REPLICA_SETS, &format!("{key}-{hash}")).map_or(0, |d| d.serial)
            }
        };
        let wanted = now.spec.replicas.unwrap_or(1);
        let strategy = now.spec.strategy.unwrap_or_default();
        let share = |field: &str| share_of(strategy.pointer(&format!("/rollingUpdate/{field}")));
        let (surge, unavailable) = resolve(share("maxSurge"), share("maxUnavailable"), wanted);
        let recreate = strategy.get("type").and_then(Value::as_str) == Some("Recreate");
        let plan = Plan::Rolling {
            wanted,
            surge: if recreate { 0 } else { surge },
            unavailable: if recreate { wanted } else { unavailable },
            recreate,
            paused: now.spec.paused,
            deadline_s: now.spec.progress_deadline_seconds.unwrap_or(600),
        };
        if self.world.functions.get(&document.serial).is_none_or(|f| f.plan != plan || f.current != current) {
            self.world.put_function(turn, PutFunction { serial: document.serial, plan, current });
        }
    }

    fn flatten_replica_set(&mut self, turn: &mut Turn, resource: ResourceId, key: &str, document: &Document) {
        let object = unpack(&document.body);
        let parent = document
            .owners
            .iter()
            .filter_map(|uid| self.index.of_uid(*uid))
            .find(|(resource, _)| *resource == ids::DEPLOYMENTS)
            .and_then(|(resource, key)| self.world.documents.get(*resource, key))
            .map(|d| d.serial);
        let function = parent.unwrap_or(document.serial);
        if parent.is_none() {
            let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1) as u32;
            let put = PutFunction { serial: document.serial, plan: Plan::Fixed { wanted }, current: document.serial };
            self.world.put_function(turn, put);
        }
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        if let Some(template) = object.pointer("/spec/template") {
            let (api_version, kind) =
                if resource == ids::REPLICA_SETS { ("apps/v1", "ReplicaSet") } else { ("v1", "ReplicationController") };
            let owner = Owner { api_version, kind, name, uid: document.uid };
            let template = Template::new(document.serial, namespace, name, &owner, template);
            let mut shape = shape_of(&template.pod, true);
            shape.min_ready_s = object.pointer("/spec/minReadySeconds").and_then(Value::as_u64).unwrap_or(0) as u32;
            self.put_template(turn, function, shape, template);
        }
        if parent.is_some() {
            // It may have been its own until a Deployment took it.
            self.world.drop_function(turn, document.serial);
        }
    }

    fn put_template(&mut self, turn: &mut Turn, function: u32, mut shape: Shape, template: Template) {
        if let Some(name) = template.pod.pointer("/spec/nodeName").and_then(Value::as_str).filter(|n| !n.is_empty()) {
            shape.node = self.world.node_number(name, turn.now_ms).unwrap_or(NO_NODE);
        }
        let serial = template.serial;
        self.index.put_template(Arc::new(template));
        self.world.put_revision(turn, PutRevision { serial, function, shape });
    }

    fn flatten_pod(&mut self, turn: &mut Turn, key: &str, before: Option<&Arc<Document>>, document: &Document) {
        let known = self.world.revisions.contains_key(&document.serial);
        let mut pod = unpack(&document.body);
        // A Pod that ended, or that somebody else's kubelet reports on, has no sandbox to be made.
        let ended = matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"));
        if known && is_deleting(&pod) {
            self.follow_pod_deletion(turn, document.serial, &pod);
        }
        if ended || is_deleting(&pod) || known && before.is_some_and(|old| is_run_alike(&unpack(&old.body), &pod)) {
            return;
        }
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        let (_, name) = key.split_once('/').unwrap_or(("", key));
        let shape = shape_of(&pod, false);
        let template = Template::of_pod(document.serial, name, document.uid, pod);
        let put = PutFunction { serial: document.serial, plan: Plan::Single, current: document.serial };
        self.world.put_function(turn, put);
        let old = self.index.services_of(document.serial);
        self.put_template(turn, document.serial, shape, template);
        let new = self.index.services_of(document.serial);
        if known && old != new {
            self.regrouped.extend(old.iter().chain(new.iter()).cloned());
        }
    }

    /// A Pod of its own that is being deleted: its sandbox is told.
    fn follow_pod_deletion(&mut self, turn: &mut Turn, serial: u32, pod: &Value) {
        let grace_s = pod.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(0) as u32;
        let rows = self.world.revisions.get(&serial).map(|r| r.members.clone()).unwrap_or_default();
        for row in rows {
            self.world.stop_sandbox(turn, row, grace_s);
        }
    }

    fn flatten_node(&mut self, turn: &mut Turn, key: &str, document: &Document) {
        let object = unpack(&document.body);
        let closing = |t: &Value| matches!(t.get("effect").and_then(Value::as_str), Some("NoSchedule" | "NoExecute"));
        let tainted = object.pointer("/spec/taints").and_then(Value::as_array).is_some_and(|list| list.iter().any(closing));
        let closed = tainted || object.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false);
        if let Some(number) = self.world.node_number(key, turn.now_ms) {
            self.world.close_node(turn, number, closed);
        }
    }

    fn flatten_service(&mut self, key: &str, document: &Document) {
        let object = unpack(&document.body);
        self.index.addresses.put(key, Some(&object));
        let external = object.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName");
        let selector = object.pointer("/spec/selector").and_then(Value::as_object).filter(|map| !map.is_empty() && !external);
        let pairs = selector.map(|map| map.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect());
        self.index.put_service(key, pairs.map(|pairs| (document.uid, pairs)));
    }

    fn flatten_revision(&mut self, turn: &mut Turn, key: &str, document: &Document) {
        let object = unpack(&document.body);
        let Some(plan) = crate::project::knative::scale_plan(self, key, document, &object) else { return };
        let put = PutFunction { serial: document.serial, plan, current: document.serial };
        self.world.put_function(turn, put);
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let template = crate::project::knative::pod_template(self, document, &object, namespace, name);
        let shape = shape_of(&template.pod, true);
        self.index.set_parents(document.serial, crate::project::knative::parents(&object, namespace));
        self.put_template(turn, document.serial, shape, template);
        if crate::project::knative::begins_anew(self, document.serial) {
            self.world.begin_anew(document.serial);
        }
    }
}

/// A Deployment as far as its function needs it; the template stays bytes.
#[derive(serde::Deserialize)]
struct Rolling<'a> {
    #[serde(borrow)]
    spec: RollingSpec<'a>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollingSpec<'a> {
    replicas: Option<u32>,
    #[serde(default)]
    paused: bool,
    progress_deadline_seconds: Option<u32>,
    strategy: Option<Value>,
    #[serde(borrow)]
    template: &'a serde_json::value::RawValue,
}

/// Whether a deletion is under way.
#[must_use]
pub fn is_deleting(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|t| !t.is_null())
}

/// The network of a Node's pods, host order; the last if it has none.
fn pod_range(body: &[u8]) -> u32 {
    let node = unpack(body);
    let range = node.pointer("/spec/podCIDR").and_then(Value::as_str).and_then(|text| text.split('/').next());
    range.and_then(|text| text.parse::<std::net::Ipv4Addr>().ok()).map_or(u32::MAX, u32::from)
}

fn share_of(value: Option<&Value>) -> IntOrPercent {
    match value {
        Some(Value::Number(number)) => IntOrPercent::Count(number.as_u64().unwrap_or(0) as u32),
        Some(Value::String(text)) => IntOrPercent::Percent(text.trim_end_matches('%').parse().unwrap_or(25)),
        _ => IntOrPercent::Percent(25),
    }
}

/// The letters that tell a Pod template from another; equal templates have equal letters. The form is upstream's
/// (`rand.SafeEncodeString` of a decimal 32-bit hash): up to ten of `456789bcdf`.
#[must_use]
pub fn template_hash(deployment: &Value) -> String {
    let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let bytes = canonical(&template).to_string();
    let number = crate::project::name::digest(&[bytes.as_bytes()]) & u64::from(u32::MAX);
    number.to_string().bytes().map(|digit| b"456789bcdf"[usize::from(digit - b'0') % 10] as char).collect()
}

/// The same value with sorted keys, so that the order in which a user wrote them does not matter.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().filter(|(_, v)| !v.is_null()).collect();
            entries.sort_by_key(|(k, _)| *k);
            Value::Object(entries.into_iter().map(|(k, v)| (k.clone(), canonical(v))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// Whether a change of a Pod leaves what Services and placement look at.
fn is_run_alike(old: &Value, new: &Value) -> bool {
    ["/metadata/labels", "/spec"].iter().all(|part| old.pointer(part) == new.pointer(part))
}

/// What a sandbox needs: the sum of its containers' requests, or the largest init container's if that is more.
fn shape_of(pod: &Value, replaced: bool) -> Shape {
    let amount = |container: &Value, name: &str, unit: u64| -> u64 {
        let resources = container.get("resources");
        let text = ["requests", "limits"].iter().find_map(|k| resources?.get(k)?.get(name)?.as_str());
        let Some(quantity) = text.and_then(|t| t.parse::<Quantity>().ok()) else { return 0 };
        let milli = quantity.milli().max(0);
        if unit == 1 {
            u64::try_from(milli).unwrap_or(u64::MAX)
        } else {
            u64::try_from(milli / 1000).unwrap_or(u64::MAX).div_ceil(unit)
        }
    };
    let sum = |name: &str, unit: u64| -> u32 {
        let of = |field: &str| pod.pointer(&format!("/spec/{field}")).and_then(Value::as_array).cloned().unwrap_or_default();
        let running: u64 = of("containers").iter().map(|c| amount(c, name, unit)).sum();
        let starting = of("initContainers").iter().map(|c| amount(c, name, unit)).max().unwrap_or(0);
        u32::try_from(running.max(starting)).unwrap_or(u32::MAX)
    };
    let scheduler = pod.pointer("/spec/schedulerName").and_then(Value::as_str).unwrap_or("default-scheduler");
    let gated = pod.pointer("/spec/schedulingGates").and_then(Value::as_array).is_some_and(|gates| !gates.is_empty());
    // Once somebody has named the node, nobody is waited for.
    let named = pod.pointer("/spec/nodeName").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    Shape {
        cpu_milli: sum("cpu", 1),
        memory_mib: sum("memory", 1 << 20),
        grace_s: pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(30) as u32,
        min_ready_s: 0,
        replaced,
        node: NO_NODE,
        held: !named && (gated || scheduler != "default-scheduler"),
    }
}

#[cfg(test)]
#[path = "flatten_tests.rs"]
mod tests;
