//! The tables and what is kept beside them for readers: the journals, the index, the ceiling of versions.
//!
//! Owned by the store behind one lock; changed only by `finish` at the end of a turn (and by a restore before the first).

use super::index::Index;
use crate::project::knative::ripple;
use crate::project::mirror::{Cause, Changed};
use crate::project::template::Template;
use crate::registry::{Registry, ids};
use skiff_engine::record::{Document, ResourceId};
use skiff_engine::{Event, Journal, Outcome, SandboxAt, Turn, World};
use skiff_kinds::table::Storage;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Events that one resource's journal holds; older ones make a resuming watch list again.
pub const JOURNAL_ENTRIES_MAX: usize = 32_768;

/// What an object is made from, as it was at one event.
#[derive(Clone, Debug)]
pub enum View {
    /// A document; its status, where records make it, is that of the moment of reading.
    Document(Arc<Document>),
    /// A ksvc on its way to what it is now, as upstream's controllers would show it.
    Staged(Arc<Document>, skiff_knative::status::Stage),
    /// A sandbox of a revision, shown as a Pod.
    Pod(Arc<Template>, SandboxAt),
    /// A Pod of its own with its sandbox.
    OwnPod(Arc<Document>, Option<SandboxAt>),
    /// Something that only the tables of the moment can show (Endpoints, slices): by key.
    Derived,
    /// What was [`View::Derived`], as it last was.
    Frozen(bytes::Bytes),
}

/// A change of one object, as watchers see it.
#[derive(Debug)]
pub struct Change {
    /// `namespace/name` or name.
    pub key: Box<str>,
    /// `None`: it did not exist.
    pub before: Option<View>,
    /// `None`: it is gone.
    pub after: Option<View>,
}

/// Encoded forms of an event's object, made by the first watcher that needs one and shared by all others.
#[derive(Debug, Default)]
pub struct Forms {
    /// The JSON object as it is now (or as it last was).
    pub object: OnceLock<bytes::Bytes>,
    /// The JSON object as it was before, for selectors.
    pub before: OnceLock<bytes::Bytes>,
    /// Lines of a watch, by form.
    pub lines: parking_lot::Mutex<Vec<(LineForm, bytes::Bytes)>>,
}

/// What tells the lines of one event apart: the kind's address (one per version of the API, unique while the entry lives),
/// and the form that the watchers' room numbers.
pub type LineForm = (usize, u16);

/// The tables with their readers' side.
pub struct Core {
    /// The records.
    pub world: World,
    /// What finds them.
    pub index: Index,
    /// All kinds.
    pub registry: Arc<Registry>,
    journals: HashMap<ResourceId, Journal<Change, Forms>>,
    /// No version above this is given out before an entry has raised it.
    pub ceiling: u64,
    /// Versions below this are of an earlier run.
    pub first_version: u64,
    /// Versions below this can no longer be read exactly; what it becomes next.
    compacted: (u64, u64),
    live: bool,
    /// What the next entry must say of the one before it.
    pub last_entry: super::replay::LastEntry,
    /// Part of 10.0.0.0/8 of the first node's pods; set once, before any node joins.
    pub first_pod_part: OnceLock<u32>,
    /// Revisions that may have no sandbox and no document any more.
    pub(super) retired: Vec<u32>,
    /// Resources whose journals grew since watchers were last told.
    pub(super) grown: Vec<ResourceId>,
    /// Services that a Pod's new labels let in or out, until they are journalled.
    pub(super) regrouped: std::collections::BTreeSet<Box<str>>,
}

impl Core {
    /// Empty tables.
    #[must_use]
    pub fn new(registry: Arc<Registry>) -> Core {
        Core {
            world: World::default(),
            index: Index::default(),
            registry,
            journals: HashMap::new(),
            ceiling: 0,
            first_version: 0,
            compacted: (0, 0),
            live: false,
            last_entry: super::replay::LastEntry::default(),
            first_pod_part: OnceLock::new(),
            retired: Vec::new(),
            grown: Vec::new(),
            regrouped: std::collections::BTreeSet::new(),
        }
    }

    /// Whether a resource is kept in memory only.
    #[must_use]
    pub fn is_ephemeral(&self, resource: ResourceId) -> bool {
        self.registry.kinds().of_id(resource).is_some_and(|k| k.resource.storage == Storage::Ephemeral)
    }

    /// The replay is over: all documents are flattened into records, and from now on events are journalled. Versions begin
    /// above everything that an earlier run may have given out.
    pub fn begin(&mut self, now_ms: u64, settle_ms: u64) {
        let epoch = (self.ceiling >> 20) as u32;
        self.world.raise_version(self.ceiling);
        self.first_version = self.world.version;
        self.live = true;
        self.index.knative.set_restored(self.world.last_serial());
        let mut turn = Turn::new(now_ms, self.ceiling);
        self.world.settle(now_ms + settle_ms, epoch);
        self.flatten_all(&mut turn);
        let _ = self.finish(turn);
        self.mirror_all();
    }

    /// Ends a period: what was the present when the last one ended can no longer be read exactly. Called every
    /// [`super::COMPACT_EVERY`], so that a continued list can go on for one to two of them, as with upstream's etcd.
    pub(super) fn compact(&mut self) {
        self.compacted = (self.compacted.1, self.world.version);
    }

    /// Whether the state at a version can still be shown.
    #[must_use]
    pub fn is_compacted(&self, version: u64) -> bool {
        version < self.compacted.0.max(self.first_version)
    }

    /// Whether the replay is over.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// The journal of a resource. Only `push` may write to it: that is what wakes watchers.
    fn journal(&mut self, resource: ResourceId) -> &mut Journal<Change, Forms> {
        let floor = self.first_version;
        self.journals.entry(resource).or_insert_with(|| Journal::new(floor, JOURNAL_ENTRIES_MAX))
    }

    /// The journal of a resource, if anything ever happened to it.
    #[must_use]
    pub fn journal_ref(&self, resource: ResourceId) -> Option<&Journal<Change, Forms>> {
        self.journals.get(&resource)
    }

    /// Ends a turn: documents become records, policies react, events are journalled. Returns what agents must hear.
    pub(super) fn finish(&mut self, mut turn: Turn) -> Outcome {
        if !self.live {
            for (_, event) in std::mem::take(&mut turn.out.events) {
                if let Event::Document { resource, key, before, after } = event {
                    self.index.note_document(resource, &key, before.as_deref(), after.as_deref());
                }
            }
            return Outcome::default();
        }
        let mut at = 0;
        loop {
            // Flattening and reacting add events; each is seen once, in order.
            self.flatten_events(&mut turn, at);
            at = turn.out.events.len();
            self.world.react(&mut turn);
            if turn.out.events.len() == at {
                break;
            }
            at = turn.out.events.len();
            if !turn.out.events[at - 1..].iter().any(|(_, e)| matches!(e, Event::Document { .. })) {
                break;
            }
        }
        let outcome = std::mem::take(&mut turn.out);
        self.note(&outcome, turn.now_s());
        self.drop_retired();
        outcome
    }

    /// Journals a turn's events as changes of the objects that they touch.
    fn note(&mut self, outcome: &Outcome, now_s: u32) {
        for (version, event) in &outcome.events {
            match event {
                Event::Document { resource, key, before, after } => self.note_document(*version, *resource, key, before, after),
                Event::Sandbox { before, after } => self.note_sandbox(*version, before.as_ref(), after.as_ref()),
                Event::Function { serial } => self.note_status(*version, *serial),
                Event::Revision { serial, endpoints } => {
                    self.note_status(*version, *serial);
                    if *endpoints {
                        self.note_endpoints(*version, *serial);
                    }
                    ripple::of_revision(self, *version, *serial, *endpoints);
                }
                Event::Node { number } => self.note_node(*version, *number),
                Event::Said(_) => {}
            }
        }
        crate::project::knative::after_turn(self, outcome, now_s);
    }

    pub(crate) fn push(&mut self, resource: ResourceId, version: u64, key: &str, before: Option<View>, after: Option<View>) {
        if !self.grown.contains(&resource) {
            self.grown.push(resource);
        }
        self.journal(resource).push(version, Change { key: key.into(), before, after });
    }

    fn note_document(
        &mut self,
        version: u64,
        resource: ResourceId,
        key: &str,
        before: &Option<Arc<Document>>,
        after: &Option<Arc<Document>>,
    ) {
        let view = |document: &Option<Arc<Document>>| {
            document.as_ref().map(|d| match resource {
                ids::PODS => View::OwnPod(d.clone(), self.own_sandbox(d.serial)),
                _ => View::Document(d.clone()),
            })
        };
        let shown = (view(before), view(after));
        self.push(resource, version, key, shown.0, shown.1);
        match resource {
            ids::SERVICES => {
                self.note_service(version, key, before.as_deref());
                self.note_mirror(version, key, Cause::Service);
            }
            ids::PODS => {
                for service in std::mem::take(&mut self.regrouped) {
                    let document = self.world.documents.get(ids::SERVICES, &service).cloned();
                    self.note_service(version, &service, document.as_deref());
                }
            }
            ids::ENDPOINTS => self.note_mirror(version, key, Cause::Endpoints(before.as_deref())),
            _ => {}
        }
        ripple::of_document(self, version, (resource, key), before.as_deref(), after.as_deref());
    }

    /// The sandbox of a Pod of its own.
    #[must_use]
    pub fn own_sandbox(&self, serial: u32) -> Option<SandboxAt> {
        let row = *self.world.revisions.get(&serial)?.members.first()?;
        Some(self.world.sandbox_at(row))
    }

    /// Whether the Pod of its own with this identity has a sandbox on a node.
    #[must_use]
    pub fn own_sandbox_placed(&self, uid: u128) -> bool {
        let Some((resource, key)) = self.index.of_uid(uid) else { return false };
        let Some(document) = self.world.documents.get(*resource, key) else { return false };
        *resource == ids::PODS && self.own_sandbox(document.serial).is_some_and(|at| at.sandbox.is_placed())
    }

    fn note_sandbox(&mut self, version: u64, before: Option<&SandboxAt>, after: Option<&SandboxAt>) {
        let Some(serial) = before.or(after).map(|at| at.sandbox.revision()) else { return };
        if let Some((resource, key)) = self.index.location(serial)
            && resource == ids::PODS
        {
            let Some(document) = self.world.documents.get(ids::PODS, &key).cloned() else { return };
            let before = Some(View::OwnPod(document.clone(), before.cloned()));
            let after = Some(View::OwnPod(document, after.cloned()));
            self.push(ids::PODS, version, &key, before, after);
            return;
        }
        let Some(template) = self.index.template(serial) else { return };
        let Some(at) = after.or(before) else { return };
        let key = template.key(at.sandbox.seq());
        let view = |at: Option<&SandboxAt>| at.map(|at| View::Pod(template.clone(), at.clone()));
        let (before, after) = (view(before), view(after));
        if after.is_none() {
            self.retired.push(serial);
        }
        self.push(ids::PODS, version, &key, before, after);
    }

    /// Templates of revisions that are gone go after their last event has been journalled.
    fn drop_retired(&mut self) {
        for serial in std::mem::take(&mut self.retired) {
            if !self.world.revisions.contains_key(&serial) {
                self.index.drop_template(serial);
            }
        }
    }

    /// A function's or revision's status changed: its document is shown anew, and so are its parents.
    fn note_status(&mut self, version: u64, serial: u32) {
        if let Some((resource, key)) = self.index.location(serial)
            && resource != ids::PODS
            && let Some(document) = self.world.documents.get(resource, &key)
        {
            let view = View::Document(document.clone());
            self.index.touched.insert(serial, version);
            self.push(resource, version, &key, Some(view.clone()), Some(view));
        }
    }

    fn note_node(&mut self, version: u64, number: u16) {
        let Some(node) = self.world.nodes.get(number as usize) else { return };
        let key = node.name.clone();
        let Some(document) = self.world.documents.get(ids::NODES, &key) else { return };
        let view = View::Document(document.clone());
        self.index.touched.insert(document.serial, version);
        self.push(ids::NODES, version, &key, Some(view.clone()), Some(view));
    }

    fn note_endpoints(&mut self, version: u64, serial: u32) {
        for key in self.index.services_of(serial).iter() {
            let service = self.world.documents.get(ids::SERVICES, key).cloned();
            self.note_service(version, key, service.as_deref());
        }
    }

    /// A Service or what it selects changed: its Endpoints and slices are shown anew, made or gone. `service` is the Service as
    /// it is or last was; a new one needs none, for nothing of it can go.
    fn note_service(&mut self, version: u64, key: &str, service: Option<&Document>) {
        let change = self.index.endpoints_change(&self.world, key, version);
        for (n, (resource, object_key, existed, exists)) in change.into_iter().enumerate() {
            // Endpoints come first, then the slices in order.
            let slice = u32::try_from(n.saturating_sub(1)).unwrap_or(u32::MAX);
            let before = existed.then(|| match service {
                Some(service) if !exists => View::Frozen(self.render_endpoints(resource, key, service, slice)),
                _ => View::Derived,
            });
            self.push(resource, version, &object_key, before, exists.then_some(View::Derived));
        }
    }

    /// A Service or Endpoints changed: the slices that mirror the latter are shown anew, made or gone.
    fn note_mirror(&mut self, version: u64, key: &str, cause: Cause<'_>) {
        for Changed { key, before, after } in self.mirror(key, version, cause) {
            self.push(ids::ENDPOINT_SLICES, version, &key, before, after);
        }
    }

    pub(super) fn clear_documents(&mut self) {
        self.world = World::default();
        let knative = self.index.knative.renewed();
        self.index = Index::default();
        self.index.knative = knative;
    }

    pub(super) fn restore_document(&mut self, resource: ResourceId, key: &str, document: Arc<Document>) {
        self.index.note_document(resource, key, None, Some(&document));
        self.world.restore_document(resource, key, document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_be_read_for_one_to_two_periods() {
        let mut core = Core::new(Arc::new(Registry::new()));
        core.world.raise_version(10);
        core.compact();
        core.world.raise_version(20);
        assert!(core.items_at(ids::NAMESPACES, None, 9).is_ok());
        core.compact();
        assert!(core.items_at(ids::NAMESPACES, None, 9).is_err());
        assert!(core.items_at(ids::NAMESPACES, None, 10).is_ok());
    }
}
