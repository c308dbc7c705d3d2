//! What finds records: documents by identity and by number, templates by revision, revisions by Pod name, Services by what
//! they select. Derived, memory only, rebuilt from documents at each start.

use crate::project::template::Template;
use crate::registry::ids;
use skiff_engine::World;
use skiff_engine::record::{Document, ResourceId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where a document is.
pub type Location = (ResourceId, Box<str>);

/// A Service's side of the index.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Identity of the Service: names of slices are derived from it.
    pub uid: u128,
    /// Labels that a sandbox must carry; empty once the Service is going.
    pub selector: Vec<(String, String)>,
    /// Slices that exist now.
    pub slices: u32,
    /// `resourceVersion` of its Endpoints and slices.
    pub version: u64,
}

/// The index.
#[derive(Default)]
pub struct Index {
    by_uid: HashMap<u128, Location>,
    by_serial: HashMap<u32, Location>,
    templates: HashMap<u32, Arc<Template>>,
    by_prefix: HashMap<Box<str>, u32>,
    /// Services with a selector, by namespace and name.
    pub services: BTreeMap<Box<str>, Selection>,
    /// Slices that mirror Endpoints, by the key of the Endpoints.
    pub mirrors: BTreeMap<Box<str>, crate::project::mirror::Mirror>,
    selecting: super::selecting::Selecting,
    /// Addresses and node ports of Services.
    pub addresses: super::addresses::Addresses,
    parents: HashMap<u32, Vec<Location>>,
    /// `resourceVersion` of the last change of a status that records make, by number of the document.
    pub touched: HashMap<u32, u64>,
    /// What Knative objects need remembered.
    pub knative: crate::project::knative::Memory,
}

/// Documents whose number records use; only these are worth an entry in `by_serial`.
fn is_flattened(resource: ResourceId) -> bool {
    matches!(
        resource,
        ids::DEPLOYMENTS | ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS | ids::PODS | ids::REVISIONS | ids::NODES
    )
}

impl Index {
    /// Keeps identities and numbers.
    pub fn note_document(&mut self, resource: ResourceId, key: &str, before: Option<&Document>, after: Option<&Document>) {
        let gone = before.filter(|old| after.is_none_or(|new| new.uid != old.uid)).map(|old| old.serial);
        self.knative.note_document(resource, key, gone);
        if let Some(old) = before
            && after.is_none_or(|new| new.uid != old.uid)
        {
            self.by_uid.remove(&old.uid);
            self.by_serial.remove(&old.serial);
            self.touched.remove(&old.serial);
            self.parents.remove(&old.serial);
        }
        if let Some(new) = after
            && before.is_none_or(|old| new.uid != old.uid)
        {
            self.by_uid.insert(new.uid, (resource, key.into()));
            if is_flattened(resource) {
                self.by_serial.insert(new.serial, (resource, key.into()));
            }
        }
    }

    /// Where the document of an identity is.
    #[must_use]
    pub fn of_uid(&self, uid: u128) -> Option<&Location> {
        self.by_uid.get(&uid)
    }

    /// Where the document of a number is.
    #[must_use]
    pub fn location(&self, serial: u32) -> Option<Location> {
        self.by_serial.get(&serial).cloned()
    }

    /// What Pods of a revision look like.
    #[must_use]
    pub fn template(&self, serial: u32) -> Option<Arc<Template>> {
        self.templates.get(&serial).cloned()
    }

    /// Sets what Pods of a revision look like.
    pub fn put_template(&mut self, template: Arc<Template>) {
        self.by_prefix.insert(template.prefix_key().into(), template.serial);
        if let Some(old) = self.templates.get(&template.serial) {
            self.selecting.drop_template(old);
        }
        self.selecting.put_template(&template, &self.services);
        self.templates.insert(template.serial, template);
    }

    /// Forgets a revision.
    pub fn drop_template(&mut self, serial: u32) {
        if let Some(template) = self.templates.remove(&serial) {
            self.by_prefix.remove(template.prefix_key().as_str());
            self.selecting.drop_template(&template);
        }
    }

    /// All templates.
    pub fn templates(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.templates.values()
    }

    /// The revision whose Pods' keys begin like this (`namespace/prefix`, without the last dash).
    #[must_use]
    pub fn of_prefix(&self, prefix: &str) -> Option<u32> {
        self.by_prefix.get(prefix).copied()
    }

    /// The revision and number behind the key of a derived Pod.
    #[must_use]
    pub fn find_pod(&self, key: &str) -> Option<(u32, u32)> {
        let (prefix, suffix) = key.rsplit_once('-')?;
        let serial = self.of_prefix(prefix)?;
        Some((serial, crate::project::name::seq_of(suffix)?))
    }

    /// A Service's selector came, changed or went.
    pub fn put_service(&mut self, key: &str, selector: Option<(u128, Vec<(String, String)>)>) {
        match selector {
            Some((uid, selector)) => {
                let old = self.services.get(key).cloned();
                let (slices, version) = old.map_or((0, 0), |s| (s.slices, s.version));
                self.services.insert(key.into(), Selection { uid, selector, slices, version });
            }
            None => {
                // The entry stays until its slices have been journalled as gone.
                if let Some(selection) = self.services.get_mut(key) {
                    selection.selector.clear();
                }
            }
        }
        let selector = self.services.get(key).map(|s| s.selector.clone()).unwrap_or_default();
        for serial in self.selecting.put_service(key, &selector) {
            if let Some(template) = self.templates.get(&serial) {
                self.selecting.put_template(template, &self.services);
            }
        }
    }

    /// Services that select a revision.
    #[must_use]
    pub fn services_of(&self, serial: u32) -> Arc<[Box<str>]> {
        self.selecting.services_of(serial)
    }

    /// Revisions that a Service selects, oldest first.
    #[must_use]
    pub fn selected_by(&self, key: &str) -> &[u32] {
        self.selecting.selected_by(key)
    }

    /// What happened to a Service's Endpoints and slices: resource, key, existed, exists.
    pub(super) fn endpoints_change(&mut self, world: &World, key: &str, version: u64) -> Vec<(ResourceId, String, bool, bool)> {
        let Some(selection) = self.services.get(key).cloned() else { return Vec::new() };
        let slice = |n| crate::project::endpoints::slice_key(key, selection.uid, n);
        if selection.selector.is_empty() {
            self.services.remove(key);
            let slices = (0..selection.slices).map(|n| (ids::ENDPOINT_SLICES, slice(n), true, false));
            return std::iter::once((ids::ENDPOINTS, key.to_owned(), true, false)).chain(slices).collect();
        }
        let count = self.selected_by(key).iter().filter_map(|r| world.revisions.get(r)).map(|r| r.members.len()).sum::<usize>();
        let slices = crate::project::endpoints::slice_count(count);
        let old = selection.slices;
        if let Some(entry) = self.services.get_mut(key) {
            entry.slices = slices;
            entry.version = version;
        }
        let both = (0..slices.max(old)).map(|n| (ids::ENDPOINT_SLICES, slice(n), n < old, n < slices));
        std::iter::once((ids::ENDPOINTS, key.to_owned(), old > 0, true)).chain(both).collect()
    }

    /// Says which documents' conditions follow from a revision.
    pub fn set_parents(&mut self, serial: u32, parents: Vec<Location>) {
        self.parents.insert(serial, parents);
    }

    /// Documents whose conditions follow from a revision.
    #[must_use]
    pub fn parents_of(&self, serial: u32) -> Vec<Location> {
        self.parents.get(&serial).cloned().unwrap_or_default()
    }
}
