//! Versions and groups that show one storage: the same objects in another shape.
//!
//! Fed by the registry, which asks once per kind. One shape of each is the stored one (the hub); all others are turned into it
//! before a write and made from it after a read. Pure; knows neither storage nor who reads.

mod autoscaler;
mod event;
mod metric;

pub(crate) use autoscaler::METRICS;
use serde_json::{Map, Value};

/// How a shape relates to the stored one.
#[derive(Clone, Copy)]
pub struct Conversion {
    /// Group of the stored shape.
    pub group: &'static str,
    /// Version of the stored shape.
    pub version: &'static str,
    kind: &'static str,
    own: &'static str,
    store: fn(&mut Map<String, Value>),
    show: fn(&mut Map<String, Value>),
}

impl Conversion {
    /// This shape to the stored one. What neither side has a field for travels in annotations, as upstream does it.
    pub fn store(&self, object: &mut Value) {
        let hub = if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) };
        turn(object, self.store, &hub);
        (crate::strategy(self.group, self.kind).default)(object);
    }

    /// The stored shape to this one.
    pub fn show(&self, object: &mut Value) {
        turn(object, self.show, self.own);
        let group = self.own.split_once('/').map_or("", |(group, _)| group);
        (crate::strategy(group, self.kind).default)(object);
    }
}

fn turn(object: &mut Value, change: fn(&mut Map<String, Value>), api_version: &str) {
    let Some(map) = object.as_object_mut() else { return };
    change(map);
    map.insert("apiVersion".into(), api_version.into());
}

/// How a built-in kind in one version is stored, if not as it is shown.
#[must_use]
pub fn conversion(group: &str, version: &str, kind: &str) -> Option<Conversion> {
    match (group, version, kind) {
        ("events.k8s.io", "v1", "Event") => Some(event::CONVERSION),
        ("autoscaling", "v1", "HorizontalPodAutoscaler") => Some(autoscaler::CONVERSION),
        _ => None,
    }
}

/// Gives members other names, in their places.
fn rename(map: &mut Map<String, Value>, names: impl Fn(&str) -> Option<&'static str>) {
    *map = std::mem::take(map)
        .into_iter()
        .map(|(name, value)| match names(&name) {
            Some(new) => (new.to_owned(), value),
            None => (name, value),
        })
        .collect();
}
