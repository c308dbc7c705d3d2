//! Reads: which objects a resource has, at this moment or at an earlier version, and what each looks like.
//!
//! Works on a shared reference to the tables; listing copies references only, bodies are rendered one by one afterwards.

use super::pod::{self, Host};
use super::{endpoints, kept, knative, node, workload};
use crate::registry::{Kind, ids};
use crate::store::{Core, View, body};
use bytes::Bytes;
use serde_json::Value;
use skiff_engine::record::{Document, Phase, ResourceId, Sandbox};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One object before it is rendered.
#[derive(Clone, Debug)]
pub struct Item {
    /// `namespace/name` or name.
    pub key: Box<str>,
    /// `resourceVersion`.
    pub version: u64,
    /// What it is made from.
    pub view: View,
}

/// A version that the journal no longer reaches back to.
#[derive(Clone, Copy, Debug)]
pub struct Compacted;

/// Kinds whose `status` is made from records and therefore never stored.
#[must_use]
pub fn status_from_records(resource: ResourceId) -> bool {
    matches!(resource, ids::DEPLOYMENTS | ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS | ids::NODES)
        || knative::is_shown(resource)
}

impl Core {
    /// Whether a revision is a Pod of its own.
    #[must_use]
    pub fn is_own_pod(&self, serial: u32) -> bool {
        self.index.location(serial).is_some_and(|(resource, _)| resource == ids::PODS)
    }

    /// The node of a sandbox as its Pod shows it.
    #[must_use]
    pub fn host_of(&self, sandbox: Sandbox) -> Option<Host> {
        if !sandbox.is_placed() {
            return None;
        }
        let node = self.world.nodes.get(sandbox.node() as usize)?;
        Some(Host {
            name: node.name.clone(),
            address: node.facts.address,
            pod_address: self.pod_network(node.number) + u32::from(sandbox.slot()),
            containerd: node.facts.info.iter().any(|(k, v)| k == "containerRuntimeVersion" && v.starts_with("containerd://")),
        })
    }

    /// Network of a node's pods, host order.
    #[must_use]
    pub fn pod_network(&self, node: u16) -> u32 {
        crate::agents::pod_network(self.first_pod_part.get().copied().unwrap_or_default(), node)
    }

    /// Version of a document's object, its status included.
    fn shown_version(&self, document: &Document) -> u64 {
        document.version.max(self.index.touched.get(&document.serial).copied().unwrap_or(0))
    }

    fn own_pod_item(&self, key: &str, document: &Arc<Document>) -> Item {
        let at = self.own_sandbox(document.serial);
        let version = document.version.max(at.as_ref().map_or(0, |a| a.version));
        Item { key: key.into(), version, view: View::OwnPod(document.clone(), at) }
    }

    /// One object.
    #[must_use]
    pub fn item(&self, resource: ResourceId, key: &str) -> Option<Item> {
        if let Some(document) = self.world.documents.get(resource, key) {
            return Some(match resource {
                ids::PODS => self.own_pod_item(key, document),
                _ => Item { key: key.into(), version: self.shown_version(document), view: View::Document(document.clone()) },
            });
        }
        match resource {
            ids::PODS => {
                let (serial, seq) = self.index.find_pod(key)?;
                let row = self.world.sandboxes.find(skiff_engine::wire::SandboxKey { revision: serial, seq })?;
                let at = self.world.sandbox_at(row);
                let template = self.index.template(serial)?;
                // Own Pods have no suffix; a name that only looks like one of theirs is nobody's.
                (!self.is_own_pod(serial)).then(|| Item { key: key.into(), version: at.version, view: View::Pod(template, at) })
            }
            _ => {
                let derived = match resource {
                    ids::ENDPOINTS => self.derived_endpoints(resource, key).map(|(_, version)| version),
                    ids::ENDPOINT_SLICES => {
                        let of_service = self.derived_endpoints(resource, key).map(|(_, version)| version);
                        of_service.or_else(|| self.mirror_version(key))
                    }
                    _ => None,
                };
                let version = derived.or_else(|| knative::views::find(self, resource, key))?;
                Some(Item { key: key.into(), version, view: View::Derived })
            }
        }
    }

    /// The Service (key, number of the slice) behind derived Endpoints or a derived slice.
    fn derived_endpoints(&self, resource: ResourceId, key: &str) -> Option<((Box<str>, u32), u64)> {
        if resource == ids::ENDPOINTS {
            let selection = self.index.services.get(key).filter(|s| !s.selector.is_empty())?;
            return Some(((key.into(), 0), selection.version));
        }
        let (service, _) = key.rsplit_once('-')?;
        let selection = self.index.services.get(service).filter(|s| !s.selector.is_empty())?;
        let n = (0..selection.slices.max(1)).find(|n| endpoints::slice_key(service, selection.uid, *n) == key)?;
        Some(((service.into(), n), selection.version))
    }

    /// All objects of a resource (of one namespace), in key order.
    #[must_use]
    pub fn items(&self, resource: ResourceId, namespace: Option<&str>) -> Vec<Item> {
        let prefix = namespace.map(|n| format!("{n}/")).unwrap_or_default();
        let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded);
        let table = self.world.documents.table(resource);
        let documents = table.range::<str, _>(from).take_while(|(key, _)| key.starts_with(&prefix));
        let mut found: Vec<Item> = documents
            .map(|(key, document)| match resource {
                ids::PODS => self.own_pod_item(key, document),
                _ => Item { key: key.clone(), version: self.shown_version(document), view: View::Document(document.clone()) },
            })
            .collect();
        let stored = found.len();
        match resource {
            ids::PODS => self.derived_pods(namespace, &mut found),
            ids::ENDPOINTS | ids::ENDPOINT_SLICES => self.derived_slices(resource, &prefix, &mut found),
            _ => {}
        }
        if knative::views::has_views(resource) {
            let views = knative::views::list(self, resource, &prefix).into_iter();
            found.extend(views.map(|(key, version)| Item { key, version, view: View::Derived }));
        }
        if found.len() != stored {
            found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        }
        found
    }

    fn derived_pods(&self, namespace: Option<&str>, found: &mut Vec<Item>) {
        for template in self.index.templates() {
            if namespace.is_some_and(|n| n != template.namespace) || self.is_own_pod(template.serial) {
                continue;
            }
            let Some(revision) = self.world.revisions.get(&template.serial) else { continue };
            found.extend(revision.members.iter().map(|row| {
                let at = self.world.sandbox_at(*row);
                let key = template.key(at.sandbox.seq()).into();
                Item { key, version: at.version, view: View::Pod(template.clone(), at) }
            }));
        }
    }

    fn derived_slices(&self, resource: ResourceId, prefix: &str, found: &mut Vec<Item>) {
        let from = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
        for (key, selection) in self.index.services.range::<str, _>(from).take_while(|(k, _)| k.starts_with(prefix)) {
            if selection.selector.is_empty() {
                continue;
            }
            let item = |key: Box<str>| Item { key, version: selection.version, view: View::Derived };
            if resource == ids::ENDPOINTS {
                if self.world.documents.get(ids::ENDPOINTS, key).is_none() {
                    found.push(item(key.clone()));
                }
            } else {
                found.extend((0..selection.slices.max(1)).map(|n| item(endpoints::slice_key(key, selection.uid, n).into())));
            }
        }
        if resource == ids::ENDPOINT_SLICES {
            self.mirror_items(prefix, found);
        }
    }

    /// The objects as they were at an earlier version: the journal undone from now back to then.
    ///
    /// # Errors
    /// [`Compacted`] if the journal does not reach back that far.
    pub fn items_at(&self, resource: ResourceId, namespace: Option<&str>, version: u64) -> Result<Vec<Item>, Compacted> {
        if version >= self.world.version {
            return Ok(self.items(resource, namespace));
        }
        if self.is_compacted(version) || self.journal_ref(resource).is_some_and(|j| version < j.floor()) {
            return Err(Compacted);
        }
        let mut items: BTreeMap<Box<str>, Item> =
            self.items(resource, namespace).into_iter().map(|item| (item.key.clone(), item)).collect();
        let prefix = namespace.map(|n| format!("{n}/")).unwrap_or_default();
        for entry in self.journal_ref(resource).into_iter().flat_map(|j| j.newest_first()) {
            if entry.version <= version {
                break;
            }
            let key = &entry.event.key;
            if !key.starts_with(&prefix) {
                continue;
            }
            match &entry.event.before {
                None => {
                    items.remove(key);
                }
                Some(view) => {
                    let old = view_version(view).unwrap_or(version).min(version);
                    items.insert(key.clone(), Item { key: key.clone(), version: old, view: view.clone() });
                }
            }
        }
        Ok(items.into_values().collect())
    }

    /// An object as a kind shows it, its status included.
    #[must_use]
    pub fn show(&self, kind: &Kind, key: &str, view: &View) -> Bytes {
        kind.shown(self.render(kind.id, key, view))
    }

    /// The canonical body of an object in its stored shape, its status included.
    #[must_use]
    pub fn render(&self, resource: ResourceId, key: &str, view: &View) -> Bytes {
        match view {
            View::Pod(template, at) => pod::body(template, at, self.host_of(at.sandbox).as_ref()).into(),
            View::OwnPod(document, at) => self.render_own_pod(document, at.as_ref()),
            View::Derived => self.render_derived(resource, key),
            View::Frozen(body) => body.clone(),
            View::Document(document) => self.render_document(resource, key, document),
            View::Staged(document, stage) => knative::render_at(self, resource, key, document, *stage),
        }
    }

    fn render_document(&self, resource: ResourceId, key: &str, document: &Arc<Document>) -> Bytes {
        let whole = || Bytes::from_owner(document.body.clone());
        if !status_from_records(resource) {
            return crate::custom::refresh(&self.registry, resource, &document.body).unwrap_or_else(whole);
        }
        match resource {
            ids::DEPLOYMENTS => {
                let generation = generation_of(&document.body);
                let current = self.world.functions.get(&document.serial).map_or(0, |f| f.current);
                let current = self.index.template(current).map(|t| t.prefix.clone()).unwrap_or_default();
                with_status(&document.body, &workload::deployment(&self.world, document.serial, generation, &current))
            }
            ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS => {
                let status = workload::replica_set(&self.world, document.serial, generation_of(&document.body));
                match workload::desired(&self.world, document.serial) {
                    None => with_status(&document.body, &status),
                    Some(desired) => {
                        let mut object = body::unpack(&document.body);
                        object["spec"]["replicas"] = desired.into();
                        if let Some((wanted, most)) = workload::wanted(&self.world, document.serial) {
                            // As the deployment controller notes them on each of its ReplicaSets.
                            let notes = &mut object["metadata"]["annotations"];
                            notes["deployment.kubernetes.io/desired-replicas"] = wanted.to_string().into();
                            notes["deployment.kubernetes.io/max-replicas"] = most.to_string().into();
                        }
                        let mut status = status;
                        kept::add(&object["status"], &mut status);
                        object["status"] = status;
                        body::pack(&object, true).into()
                    }
                }
            }
            ids::NODES => match self.world.node_names.get(key).and_then(|n| self.world.nodes.get(*n as usize)) {
                Some(row) if row.touched > 0 => with_status(&document.body, &node::status(row)),
                _ => whole(),
            },
            _ => knative::render(self, resource, key, document),
        }
    }

    /// A stored object as it is without its owner: what the owner's records decide is in it, as it was decided last.
    #[must_use]
    pub fn standing_alone(&self, resource: ResourceId, key: &str, document: &Arc<Document>) -> Value {
        match resource {
            ids::REPLICA_SETS => body::unpack(&self.render_document(resource, key, document)),
            _ => body::unpack(&document.body),
        }
    }

    fn render_own_pod(&self, document: &Arc<Document>, at: Option<&skiff_engine::SandboxAt>) -> Bytes {
        let whole = || Bytes::from_owner(document.body.clone());
        let Some(at) = at else { return whole() };
        let Some(template) = self.index.template(document.serial) else { return whole() };
        let host = self.host_of(at.sandbox);
        let held = self.world.revisions.get(&document.serial).is_some_and(|r| r.shape.held);
        if at.sandbox.phase() == Phase::Pending && (held || host.is_none() && self.world.nodes.is_empty()) {
            return whole();
        }
        let mut object = body::unpack(&document.body);
        if let Some(host) = &host {
            object["spec"]["nodeName"] = host.name.clone().into();
        }
        let mut status = pod::status(&template, document.uid, at, host.as_ref());
        observe(&mut status, generation_of(&document.body));
        // What a client wrote into the status by hand and records know nothing of stays visible.
        if let (Some(stored), Some(live)) = (object.get("status").and_then(Value::as_object), status.as_object_mut()) {
            for (key, value) in stored {
                if !live.contains_key(key) {
                    live.insert(key.clone(), value.clone());
                }
            }
        }
        object["status"] = status;
        body::pack(&object, true).into()
    }

    fn render_derived(&self, resource: ResourceId, key: &str) -> Bytes {
        let of_service = match resource {
            ids::ENDPOINTS | ids::ENDPOINT_SLICES => self.derived_endpoints(resource, key),
            _ => None,
        };
        let rendered = match of_service {
            Some(((service, n), _)) => {
                self.world.documents.get(ids::SERVICES, &service).map(|d| self.render_endpoints(resource, &service, d, n))
            }
            None if resource == ids::ENDPOINT_SLICES && self.mirror_version(key).is_some() => self.render_mirror(key),
            None => knative::views::render(self, resource, key),
        };
        rendered.unwrap_or_else(|| {
            // Gone between the look and the rendering: at least whose it was.
            let (namespace, name) = key.split_once('/').unwrap_or(("", key));
            body::pack(&serde_json::json!({"metadata": {"name": name, "namespace": namespace}}), true).into()
        })
    }

    /// Endpoints or the n-th slice of a Service, also of one that is no longer there.
    pub(crate) fn render_endpoints(&self, resource: ResourceId, key: &str, service: &Document, n: u32) -> Bytes {
        let object = body::unpack(&service.body);
        let subject = endpoints::Subject { key, object: &object, uid: service.uid, revisions: self.index.selected_by(key) };
        match resource {
            ids::ENDPOINTS => endpoints::endpoints(self, &subject).into(),
            _ => endpoints::slice(self, &subject, n).into(),
        }
    }
}

/// A status made for the first generation is said of this one: `kubectl wait` takes no condition of an older.
fn observe(status: &mut Value, generation: i64) {
    if generation <= 1 {
        return;
    }
    status["observedGeneration"] = generation.into();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["observedGeneration"] = generation.into();
    }
}

fn view_version(view: &View) -> Option<u64> {
    match view {
        View::Document(document) | View::Staged(document, _) => Some(document.version),
        View::Pod(_, at) => Some(at.version),
        View::OwnPod(document, at) => Some(document.version.max(at.as_ref().map_or(0, |a| a.version))),
        View::Derived | View::Frozen(_) => None,
    }
}

/// The body with a status appended, and in that what clients wrote and records know nothing of.
pub(super) fn with_status(body: &[u8], status: &Value) -> Bytes {
    if kept::may_be_in(body) {
        let mut object = body::unpack(body);
        let mut status = status.clone();
        kept::add(&object["status"], &mut status);
        object["status"] = status;
        return body::pack(&object, true).into();
    }
    let mut out = Vec::with_capacity(body.len() + 512);
    out.extend_from_slice(body.strip_suffix(b"}").unwrap_or(body));
    out.extend_from_slice(b",\"status\":");
    // A Value always serialises.
    let _ = serde_json::to_writer(&mut out, status);
    out.push(b'}');
    out.into()
}

/// `metadata.generation` of a body.
#[must_use]
pub fn generation_of(body: &[u8]) -> i64 {
    #[derive(serde::Deserialize)]
    struct Meta {
        #[serde(default)]
        generation: i64,
    }
    #[derive(serde::Deserialize)]
    struct Object {
        metadata: Meta,
    }
    serde_json::from_slice::<Object>(body).map_or(0, |o| o.metadata.generation)
}
