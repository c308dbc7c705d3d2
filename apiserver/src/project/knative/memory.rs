//! What Knative objects need to have remembered beside documents and records: the parsed configuration, the traffic that a
//! Route had before, and how each Revision was last shown. Memory only; after a restart the best is derived.
//!
//! Fed by the store at the end of a turn and by readers (behind small locks). Knows no HTTP.

use super::story::{STORIES_MAX, Story};
use crate::registry::ids;
use crate::store::Core;
use parking_lot::Mutex;
use serde_json::Value;
use skiff_engine::record::ResourceId;
use skiff_knative::Config;
use skiff_knative::config::{Data, NAMESPACE};
use skiff_knative::status::Assigned;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// Routes whose earlier traffic is remembered; beyond, an arbitrary one is forgotten and shows none while it has problems.
pub const ASSIGNED_ROUTES_MAX: usize = 65_536;
/// Objects that wait for a turn of their own; beyond, new ones are dropped and wait for the next write.
pub const UNSETTLED_OBJECTS_MAX: usize = 1 << 20;

/// Objects that are gone and whose last status is remembered for watchers that come late; beyond, the oldest is forgotten.
pub const LAST_SHOWN_MAX: usize = 4_096;

/// How a Revision stands for those whose conditions follow from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Ready sandboxes that make it count as started.
    pub threshold: u32,
    /// Unix seconds after which a start counts as failed.
    pub deadline_s: u32,
    /// Its start was reached once; never goes back.
    pub reached: bool,
    /// That was in an earlier run.
    pub inherited: bool,
    /// Its start failed, and its Configuration has told so.
    pub failed: bool,
    /// Digest of the facts that parents were last told; 0 for never.
    pub told: u32,
}

/// The memory.
#[derive(Default)]
pub struct Memory {
    domain: OnceLock<String>,
    config: Mutex<Option<Arc<Config>>>,
    assigned: Mutex<HashMap<u32, Assigned>>,
    pub(super) marks: HashMap<u32, Mark>,
    pub(super) deadlines: BTreeSet<(u32, u32)>,
    /// Documents up to this number are of an earlier run.
    restored: u32,
    /// Slices of a Revision's private Service that watchers know, where there is more than one.
    slices: HashMap<u32, u32>,
    unsettled: Mutex<BTreeSet<(ResourceId, Box<str>)>>,
    last: Mutex<VecDeque<(u32, Arc<Value>)>>,
    stories: Mutex<Vec<Story>>,
    /// There is a story.
    told: Arc<Notify>,
    /// Something is unsettled.
    wake: Arc<Notify>,
}

impl Memory {
    /// Sets the domain of Routes that `config-domain` says nothing of; the first call counts.
    pub fn set_domain(&self, domain: &str) {
        if self.domain.set(domain.to_owned()).is_ok() {
            *self.config.lock() = None;
        }
    }

    /// Begins anew with other documents; what is no document stays.
    #[must_use]
    pub fn renewed(&self) -> Memory {
        let fresh = Memory { wake: self.wake.clone(), told: self.told.clone(), ..Memory::default() };
        if let Some(domain) = self.domain.get() {
            fresh.set_domain(domain);
        }
        fresh
    }

    /// Documents up to this number were there before this run; what they started once counts as started.
    pub fn set_restored(&mut self, serial: u32) {
        self.restored = serial;
    }

    pub(super) fn is_restored(&self, serial: u32) -> bool {
        serial <= self.restored
    }

    /// A document was written: drops what no longer holds.
    pub fn note_document(&mut self, resource: ResourceId, key: &str, gone: Option<u32>) {
        if is_config(resource, key) {
            *self.config.lock() = None;
        }
        let Some(serial) = gone else { return };
        if resource == ids::REVISIONS
            && let Some(mark) = self.marks.remove(&serial)
        {
            self.deadlines.remove(&(mark.deadline_s, serial));
            self.slices.remove(&serial);
        }
        if resource == ids::ROUTES {
            self.assigned.lock().remove(&serial);
        }
    }

    /// Remembers how many slices a Revision has, and says how many it had.
    pub(super) fn put_slices(&mut self, revision: u32, count: u32) -> u32 {
        let old = if count > 1 { self.slices.insert(revision, count) } else { self.slices.remove(&revision) };
        old.unwrap_or(1)
    }

    pub(super) fn assigned(&self, route: u32) -> Option<Assigned> {
        self.assigned.lock().get(&route).cloned()
    }

    /// Remembers the traffic that a Route has while its new traffic can't be assigned, or forgets it.
    pub fn remember(&self, route: u32, traffic: Option<Assigned>) {
        let mut assigned = self.assigned.lock();
        let Some(traffic) = traffic else {
            assigned.remove(&route);
            return;
        };
        if assigned.len() >= ASSIGNED_ROUTES_MAX
            && let Some(other) = assigned.keys().next().copied()
        {
            assigned.remove(&other);
        }
        assigned.insert(route, traffic);
    }

    /// What an object showed last, before it goes and what it follows from with it.
    pub fn remember_last(&self, serial: u32, status: Value) {
        let mut last = self.last.lock();
        if last.len() >= LAST_SHOWN_MAX {
            last.pop_front();
        }
        last.push_back((serial, Arc::new(status)));
    }

    pub(super) fn last_shown(&self, serial: u32) -> Option<Arc<Value>> {
        self.last.lock().iter().rev().find(|(of, _)| *of == serial).map(|(_, status)| status.clone())
    }

    pub(super) fn push_story(&self, story: Story) {
        let mut stories = self.stories.lock();
        if stories.len() < STORIES_MAX {
            stories.push(story);
            self.told.notify_one();
        }
    }

    /// Takes what is to be recorded as Events.
    #[must_use]
    pub fn take_stories(&self) -> Vec<Story> {
        std::mem::take(&mut *self.stories.lock())
    }

    /// Wakes when there is a story.
    #[must_use]
    pub fn told(&self) -> Arc<Notify> {
        self.told.clone()
    }

    /// An object wants a turn of its own, because something below it changed by itself.
    pub fn unsettle(&self, resource: ResourceId, key: &str) {
        let mut unsettled = self.unsettled.lock();
        if unsettled.len() < UNSETTLED_OBJECTS_MAX {
            unsettled.insert((resource, key.into()));
            self.wake.notify_one();
        }
    }

    /// Takes what wants a turn.
    #[must_use]
    pub fn take_unsettled(&self) -> BTreeSet<(ResourceId, Box<str>)> {
        std::mem::take(&mut *self.unsettled.lock())
    }

    /// Wakes when something wants a turn.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }
}

/// Whether an object is one of Knative's ConfigMaps.
#[must_use]
pub fn is_config(resource: ResourceId, key: &str) -> bool {
    resource == ids::CONFIG_MAPS && key.split('/').next() == Some(NAMESPACE)
}

/// Everything that Knative's ConfigMaps decide; parsed once after each change of one of them.
#[must_use]
pub fn config(core: &Core) -> Arc<Config> {
    let memory = &core.index.knative;
    let mut cached = memory.config.lock();
    if let Some(config) = &*cached {
        return config.clone();
    }
    let from = format!("{NAMESPACE}/");
    let range = (std::ops::Bound::Included(from.as_str()), std::ops::Bound::Unbounded);
    let table = core.world.documents.table(ids::CONFIG_MAPS);
    let maps: BTreeMap<String, Data> = table
        .range::<str, _>(range)
        .take_while(|(key, _)| key.starts_with(&from))
        .map(|(key, document)| (key[from.len()..].to_owned(), data_of(&crate::store::body::unpack(&document.body))))
        .collect();
    let mut config = Config::from_config_maps(&maps);
    if let Some(domain) = memory.domain.get() {
        config.domains.fallback.clone_from(domain);
    }
    let config = Arc::new(config);
    *cached = Some(config.clone());
    config
}

/// `data` of a ConfigMap.
#[must_use]
pub fn data_of(map: &serde_json::Value) -> Data {
    skiff_knative::doc::entries(map, "/data").collect()
}
