//! Which Services select which revisions, found by labels instead of by comparing all with all: 10,000 functions with a Service
//! each cost 10,000 look-ups, not 100,000,000.
//!
//! A Service is filed under one label of its selector (its anchor: the one that the fewest revisions carry), a revision under
//! each of its labels. Derived, memory only; part of the index.

use super::index::Selection;
use crate::project::template::Template;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Both directions.
#[derive(Default)]
pub(super) struct Selecting {
    /// Keys of Services by `namespace/label=value` of their anchor.
    anchored: HashMap<String, BTreeSet<Box<str>>>,
    /// The anchor of each Service.
    anchors: HashMap<Box<str>, String>,
    /// Revisions by `namespace/label=value`.
    labelled: HashMap<String, BTreeSet<u32>>,
    matches: HashMap<u32, Arc<[Box<str>]>>,
    selected: HashMap<Box<str>, Vec<u32>>,
}

fn place(namespace: &str, label: &str, value: &str) -> String {
    format!("{namespace}/{label}={value}")
}

impl Selecting {
    /// A revision came or changed its labels.
    pub(super) fn put_template(&mut self, template: &Template, services: &BTreeMap<Box<str>, Selection>) {
        let places: Vec<String> = template.labels.iter().map(|(k, v)| place(&template.namespace, k, v)).collect();
        let selects = |s: &Selection| s.selector.iter().all(|(k, v)| template.label(k) == Some(v.as_str()));
        let candidates = places.iter().filter_map(|p| self.anchored.get(p)).flatten();
        let found: Arc<[Box<str>]> = candidates.filter(|key| services.get(*key).is_some_and(selects)).cloned().collect();
        self.unmatch(template.serial);
        for key in found.iter() {
            let list = self.selected.entry(key.clone()).or_default();
            let at = list.partition_point(|s| *s < template.serial);
            list.insert(at, template.serial);
        }
        self.matches.insert(template.serial, found);
        for place in places {
            self.labelled.entry(place).or_default().insert(template.serial);
        }
    }

    /// A revision went.
    pub(super) fn drop_template(&mut self, template: &Template) {
        self.unmatch(template.serial);
        for (k, v) in &template.labels {
            let place = place(&template.namespace, k, v);
            if let Some(set) = self.labelled.get_mut(&place) {
                set.remove(&template.serial);
                if set.is_empty() {
                    self.labelled.remove(&place);
                }
            }
        }
    }

    fn unmatch(&mut self, serial: u32) {
        for key in self.matches.remove(&serial).iter().flat_map(|keys| keys.iter()) {
            if let Some(list) = self.selected.get_mut(key) {
                list.retain(|s| *s != serial);
                if list.is_empty() {
                    self.selected.remove(key);
                }
            }
        }
    }

    /// A Service's selector came, changed or went (empty). Returns the revisions that must be looked at anew.
    pub(super) fn put_service(&mut self, key: &str, selector: &[(String, String)]) -> Vec<u32> {
        let mut stale: BTreeSet<u32> = self.selected_by(key).iter().copied().collect();
        if let Some(old) = self.anchors.remove(key)
            && let Some(set) = self.anchored.get_mut(&old)
        {
            set.remove(key);
            if set.is_empty() {
                self.anchored.remove(&old);
            }
        }
        let namespace = key.split('/').next().unwrap_or_default();
        let places = selector.iter().map(|(k, v)| place(namespace, k, v));
        let carried = |p: &String| self.labelled.get(p).map_or(0, BTreeSet::len);
        if let Some(anchor) = places.min_by_key(carried) {
            stale.extend(self.labelled.get(&anchor).into_iter().flatten());
            self.anchored.entry(anchor.clone()).or_default().insert(key.into());
            self.anchors.insert(key.into(), anchor);
        }
        stale.into_iter().collect()
    }

    /// Services that select a revision.
    pub(super) fn services_of(&self, serial: u32) -> Arc<[Box<str>]> {
        self.matches.get(&serial).cloned().unwrap_or_else(|| Arc::from([]))
    }

    /// Revisions that a Service selects, oldest first.
    pub(super) fn selected_by(&self, key: &str) -> &[u32] {
        self.selected.get(key).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(serial: u32, labels: &serde_json::Value) -> Template {
        let pod = json!({"metadata": {"namespace": "n", "labels": labels}, "spec": {"containers": []}});
        Template::of_pod(serial, "p", 1, pod)
    }

    fn service(selector: &[(&str, &str)]) -> Selection {
        let selector = selector.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Selection { uid: 1, selector, slices: 0, version: 0 }
    }

    #[test]
    fn both_directions_follow_services_and_revisions() {
        let mut index = Selecting::default();
        let mut services: BTreeMap<Box<str>, Selection> = BTreeMap::new();
        let (one, two) = (template(1, &json!({"app": "a", "tier": "x"})), template(2, &json!({"app": "b", "tier": "x"})));
        index.put_template(&one, &services);
        services.insert("n/s".into(), service(&[("tier", "x"), ("app", "b")]));
        services.insert("n/all".into(), service(&[("tier", "x")]));
        for key in ["n/s", "n/all"] {
            for serial in index.put_service(key, &services[key].selector.clone()) {
                assert_eq!(serial, 1);
                index.put_template(&one, &services);
            }
        }
        index.put_template(&two, &services);
        assert_eq!(index.selected_by("n/all"), [1, 2]);
        assert_eq!(index.selected_by("n/s"), [2]);
        assert_eq!(&*index.services_of(2), ["n/s".into(), "n/all".into()].as_slice() as &[Box<str>]);
        services.remove("n/all");
        for serial in index.put_service("n/all", &[]) {
            index.put_template(if serial == 1 { &one } else { &two }, &services);
        }
        assert!(index.selected_by("n/all").is_empty());
        index.drop_template(&two);
        assert!(index.selected_by("n/s").is_empty());
    }
}
