//! What a write has changed: the fields removed, modified and added between two objects of a type.
//!
//! Fed by the tracking of updates and by conflict detection; knows no managers. Server-owned metadata is left out from the
//! start, because nobody ever owns it.

use super::element::Element;
use super::fieldset::{Entry, FieldSet};
use super::reset::Reset;
use super::topology::{Origin, Place, Shape, Subject};
use super::zero;
use crate::go_text::same;
use serde_json::{Map, Value};

/// Metadata that nobody owns.
pub(crate) const UNOWNED_METADATA: [&str; 9] = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
];

/// The difference of two objects. No path is in more than one set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// In the old object only.
    pub removed: FieldSet,
    /// In both, but different.
    pub modified: FieldSet,
    /// In the new object only.
    pub added: FieldSet,
}

impl Comparison {
    /// Nothing has changed.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Without what a reset takes out of the write.
    pub(crate) fn without(&mut self, reset: Reset<'_>) {
        for set in [&mut self.removed, &mut self.modified, &mut self.added] {
            reset.filter(set);
        }
    }

    /// All that is new: modified and added.
    pub(crate) fn into_changed(self) -> (FieldSet, FieldSet) {
        let mut changed = self.modified;
        changed.unite(self.added);
        (changed, self.removed)
    }
}

/// Compares two objects; `None` is the empty object.
#[must_use]
pub fn compare(subject: Subject<'_>, old: Option<&Value>, new: Option<&Value>) -> Comparison {
    let walk = Walk { fill: subject.origin == Origin::BuiltIn };
    let place = subject.place();
    let old = old.and_then(Value::as_object);
    let new = new.and_then(Value::as_object);
    let mut level = Level::default();
    walk.members(&place, old, new, &["apiVersion", "kind", "metadata"], &mut level);
    if let Some(metadata) = place.member("metadata") {
        let mut inner = Level::default();
        walk.members(&metadata, metadata_of(old), metadata_of(new), &UNOWNED_METADATA, &mut inner);
        level.push(Element::field("metadata"), inner.into_delta());
    }
    let Delta { removed, modified, added } = level.into_delta();
    Comparison { removed: removed.below, modified: modified.below, added: added.below }
}

fn metadata_of(object: Option<&Map<String, Value>>) -> Option<&Map<String, Value>> {
    object?.get("metadata")?.as_object()
}

struct Walk {
    /// Absent fields of Go structs count as their zero values.
    fill: bool,
}

/// What a comparison says about one path and all below it.
#[derive(Default)]
struct Delta {
    removed: Entry,
    modified: Entry,
    added: Entry,
}

/// The children of one path while they are collected.
#[derive(Default)]
struct Level {
    removed: Vec<(Element, Entry)>,
    modified: Vec<(Element, Entry)>,
    added: Vec<(Element, Entry)>,
}

impl Level {
    fn push(&mut self, element: Element, delta: Delta) {
        let parts = [(&mut self.removed, delta.removed), (&mut self.modified, delta.modified), (&mut self.added, delta.added)];
        let mut parts = parts.into_iter().filter(|(_, entry)| !entry.is_empty()).peekable();
        while let Some((list, entry)) = parts.next() {
            if parts.peek().is_none() {
                list.push((element, entry));
                return;
            }
            list.push((element.clone(), entry));
        }
    }

    /// As `push`, but most fields have not changed and need no element.
    fn push_field(&mut self, name: &str, delta: Delta) {
        if !(delta.removed.is_empty() && delta.modified.is_empty() && delta.added.is_empty()) {
            self.push(Element::field(name), delta);
        }
    }

    fn into_delta(self) -> Delta {
        let entry = |nodes| Entry { member: false, below: FieldSet::gather(nodes) };
        Delta { removed: entry(self.removed), modified: entry(self.modified), added: entry(self.added) }
    }
}

impl Walk {
    fn value(&self, place: &Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Delta {
        match (old, new) {
            (None, None) => Delta::default(),
            (None, Some(new)) => Delta { added: whole(place, new), ..Delta::default() },
            (Some(old), None) => Delta { removed: whole(place, old), ..Delta::default() },
            (Some(old), Some(new)) => self.both(place, old, new),
        }
    }

    fn both(&self, place: &Place<'_>, old: &Value, new: &Value) -> Delta {
        // Most of an object stays as it is; equality is far cheaper than the typed walk.
        if old == new {
            return Delta::default();
        }
        let shape = place.shape();
        if is_leaf(&shape, old) && is_leaf(&shape, new) {
            if same(old, new) {
                return Delta::default();
            }
            return Delta { modified: Entry::leaf(), ..Delta::default() };
        }
        let mut level = Level::default();
        match shape {
            Shape::Keyed { .. } | Shape::Set => self.items(&shape, old, new, &mut level),
            _ => self.members(place, old.as_object(), new.as_object(), &[], &mut level),
        }
        level.into_delta()
    }

    fn members(
        &self,
        place: &Place<'_>,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
        skip: &[&str],
        level: &mut Level,
    ) {
        let fields = match place.shape() {
            Shape::Struct { fields, .. } if self.fill => Some(fields),
            _ => None,
        };
        let zero = |name: &str| fields.and_then(|f| f.get(name)).and_then(|field| zero::of_field(place, field));
        for (name, value) in new.into_iter().flatten() {
            if skip.contains(&name.as_str()) {
                continue;
            }
            if let Some(member) = place.member(name) {
                let before = old.and_then(|old| old.get(name)).or_else(|| zero(name));
                level.push_field(name, self.value(&member, before, Some(value)));
            }
        }
        for (name, value) in old.into_iter().flatten() {
            if skip.contains(&name.as_str()) || new.is_some_and(|new| new.contains_key(name)) {
                continue;
            }
            if let Some(member) = place.member(name) {
                level.push_field(name, self.value(&member, Some(value), zero(name)));
            }
        }
    }

    fn items(&self, shape: &Shape<'_>, old: &Value, new: &Value, level: &mut Level) {
        let (old, new) = (index(shape, old), index(shape, new));
        let (mut i, mut j) = (0, 0);
        while i < old.len() || j < new.len() {
            let element = match (old.get(i), new.get(j)) {
                (Some(a), Some(b)) => (&a.0).min(&b.0).clone(),
                (Some(a), None) => a.0.clone(),
                (None, Some(b)) => b.0.clone(),
                (None, None) => break,
            };
            let before = run(&old, &mut i, &element);
            let after = run(&new, &mut j, &element);
            let delta = self.item(shape, before, after);
            level.push(element, delta);
        }
    }

    /// The items of one key on both sides. Duplicates, which only updates can bring in, are owned as one.
    fn item(&self, shape: &Shape<'_>, old: &[Item<'_>], new: &[Item<'_>]) -> Delta {
        let one = |old: Option<&Item<'_>>, new: Option<&Item<'_>>| {
            let (old, new) = (old.map(|item| item.1), new.map(|item| item.1));
            match shape.item_place() {
                Some(place) => self.value(&place, old, new),
                None => scalar_item(old, new),
            }
        };
        match (old, new) {
            ([] | [_], [] | [_]) => one(old.first(), new.first()),
            ([_, _, ..], [_, _, ..]) => {
                let equal = old.len() == new.len() && old.iter().zip(new).all(|(a, b)| same(a.1, b.1));
                let modified = if equal { Entry::default() } else { Entry::leaf() };
                Delta { modified, ..Delta::default() }
            }
            ([_, _, ..], _) => {
                let mut delta = new.first().map_or_else(Delta::default, |item| one(None, Some(item)));
                delta.removed.member = true;
                delta
            }
            (_, _) => {
                let mut delta = old.first().map_or_else(Delta::default, |item| one(Some(item), None));
                delta.added.member = true;
                delta
            }
        }
    }
}

type Item<'a> = (Element, &'a Value);

/// The items of a list by element; items that have none are left to validation.
fn index<'a>(shape: &Shape<'_>, list: &'a Value) -> Vec<Item<'a>> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let mut out: Vec<_> = items.iter().filter_map(|item| Some((shape.item(item)?.ok()?, item))).collect();
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// The run of equal elements that starts at `at`, which moves behind it.
fn run<'v, 'a>(items: &'v [Item<'a>], at: &mut usize, element: &Element) -> &'v [Item<'a>] {
    let start = *at;
    while items.get(*at).is_some_and(|item| item.0 == *element) {
        *at += 1;
    }
    &items[start..*at]
}

fn scalar_item(old: Option<&Value>, new: Option<&Value>) -> Delta {
    match (old, new) {
        (None, Some(_)) => Delta { added: Entry::leaf(), ..Delta::default() },
        (Some(_), None) => Delta { removed: Entry::leaf(), ..Delta::default() },
        _ => Delta::default(),
    }
}

/// Nothing below this value is owned separately: a scalar, a whole, or an empty (or null) container.
fn is_leaf(shape: &Shape<'_>, value: &Value) -> bool {
    if shape.is_whole() {
        return true;
    }
    match (shape, value) {
        (Shape::Keyed { .. } | Shape::Set, Value::Array(items)) => items.is_empty(),
        (Shape::Struct { .. } | Shape::Map { .. } | Shape::Undeclared, Value::Object(map)) => map.is_empty(),
        _ => true,
    }
}

/// Everything in a value that is there on one side only, the value itself included.
fn whole(place: &Place<'_>, value: &Value) -> Entry {
    let shape = place.shape();
    if is_leaf(&shape, value) {
        return Entry::leaf();
    }
    let mut nodes = Vec::new();
    match value {
        Value::Object(map) => {
            nodes.reserve(map.len());
            for (name, value) in map {
                if let Some(member) = place.member(name) {
                    nodes.push((Element::field(name), whole(&member, value)));
                }
            }
        }
        _ => {
            let items = index(&shape, value);
            let mut at = 0;
            while let Some((element, item)) = items.get(at) {
                let copies = run(&items, &mut at, element).len();
                let entry = match shape.item_place() {
                    Some(place) if copies == 1 => whole(&place, item),
                    _ => Entry::leaf(),
                };
                nodes.push((element.clone(), entry));
            }
        }
    }
    Entry { member: true, below: FieldSet::gather(nodes) }
}
