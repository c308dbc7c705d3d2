//! A set of paths as a tree: what a manager owns, what a write has changed.
//!
//! Filled by extraction, comparison and FieldsV1; knows no schema. Children are sorted vectors: sets are built in bulk and
//! walked side by side, never looked up by hash.

use super::element::{Element, Path};
use std::cmp::Ordering;

/// A set of paths. Membership of a path says nothing about its parents or children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: Vec<(Element, Entry)>,
}

/// What a set says about one path: whether it is a member, and what is in the set below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The path itself belongs to the set.
    pub member: bool,
    /// Members below the path.
    pub below: FieldSet,
}

impl Entry {
    /// The path alone.
    #[must_use]
    pub fn leaf() -> Entry {
        Entry { member: true, below: FieldSet::default() }
    }

    /// Nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    fn union(&mut self, other: Entry) {
        self.member |= other.member;
        self.below.unite(other.below);
    }
}

impl FieldSet {
    /// From entries in any order; empty ones are dropped, equal elements united.
    #[must_use]
    pub fn gather(mut nodes: Vec<(Element, Entry)>) -> FieldSet {
        nodes.retain(|(_, entry)| !entry.is_empty());
        nodes.sort_by(|a, b| a.0.cmp(&b.0));
        nodes.dedup_by(|later, kept| {
            let equal = later.0 == kept.0;
            if equal {
                kept.1.union(std::mem::take(&mut later.1));
            }
            equal
        });
        FieldSet { nodes }
    }

    /// From paths of field names.
    #[must_use]
    pub fn of_fields(paths: &[&[&str]]) -> FieldSet {
        let mut set = FieldSet::default();
        for path in paths {
            set.insert(&path.iter().map(|name| Element::field(name)).collect::<Path>());
        }
        set
    }

    /// No members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Element, Entry)> {
        self.nodes.iter()
    }

    /// What the set says about one element.
    #[must_use]
    pub fn get(&self, element: &Element) -> Option<&Entry> {
        self.nodes.binary_search_by(|(at, _)| at.cmp(element)).ok().map(|i| &self.nodes[i].1)
    }

    /// What the set says about a field, without building an element.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Entry> {
        let at = self.nodes.binary_search_by(|(at, _)| match at {
            Element::Field(field) => field.as_ref().cmp(name),
            _ => Ordering::Greater,
        });
        at.ok().map(|i| &self.nodes[i].1)
    }

    /// Whether the path is a member.
    #[must_use]
    pub fn has(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.get(last).is_some_and(|entry| entry.member),
            [first, rest @ ..] => self.get(first).is_some_and(|entry| entry.below.has(rest)),
        }
    }

    /// Makes the path a member; its parents stay as they are.
    pub fn insert(&mut self, path: &[Element]) {
        let [first, rest @ ..] = path else { return };
        let at = match self.nodes.binary_search_by(|(at, _)| at.cmp(first)) {
            Ok(at) => at,
            Err(at) => {
                self.nodes.insert(at, (first.clone(), Entry::default()));
                at
            }
        };
        let entry = &mut self.nodes[at].1;
        if rest.is_empty() {
            entry.member = true;
        } else {
            entry.below.insert(rest);
        }
    }

    /// Adds all members of the other set.
    pub fn unite(&mut self, other: FieldSet) {
        if self.is_empty() {
            *self = other;
            return;
        }
        if other.is_empty() {
            return;
        }
        let mut out = Vec::with_capacity(self.nodes.len() + other.nodes.len());
        let mut theirs = other.nodes.into_iter().peekable();
        for mut mine in std::mem::take(&mut self.nodes) {
            while let Some(next) = theirs.next_if(|next| next.0 < mine.0) {
                out.push(next);
            }
            if let Some((_, entry)) = theirs.next_if(|next| next.0 == mine.0) {
                mine.1.union(entry);
            }
            out.push(mine);
        }
        out.extend(theirs);
        self.nodes = out;
    }

    /// Members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        let mut nodes = Vec::new();
        for (element, mine, theirs) in self.common(other) {
            let member = mine.member && theirs.member;
            let entry = Entry { member, below: mine.below.intersection(&theirs.below) };
            if !entry.is_empty() {
                nodes.push((element.clone(), entry));
            }
        }
        FieldSet { nodes }
    }

    /// Whether the sets have a member in common.
    #[must_use]
    pub fn intersects(&self, other: &FieldSet) -> bool {
        self.common(other).any(|(_, mine, theirs)| mine.member && theirs.member || mine.below.intersects(&theirs.below))
    }

    /// Members of this set that are not members of the other.
    #[must_use]
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        let mut out = self.clone();
        out.subtract(other);
        out
    }

    /// Removes the members of the other set; what lies below them stays. Says whether anything went.
    pub fn subtract(&mut self, other: &FieldSet) -> bool {
        self.cut(other, false)
    }

    /// Removes the members of the other set with all that lies below them. Says whether anything went.
    pub fn subtract_deep(&mut self, other: &FieldSet) -> bool {
        self.cut(other, true)
    }

    fn cut(&mut self, other: &FieldSet, deep: bool) -> bool {
        if other.is_empty() || self.is_empty() {
            return false;
        }
        let mut changed = false;
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.retain_mut(|(element, mine)| {
            while theirs.next_if(|(at, _)| at < element).is_some() {}
            let Some((_, theirs)) = theirs.next_if(|(at, _)| at == element) else { return true };
            if theirs.member {
                changed |= mine.member;
                mine.member = false;
                if deep {
                    changed |= !mine.below.is_empty();
                    return false;
                }
            }
            changed |= mine.below.cut(&theirs.below, deep);
            !mine.is_empty()
        });
        changed
    }

    /// Keeps the entries for which `keep` says so; it may change them. Emptied entries go.
    pub fn retain(&mut self, mut keep: impl FnMut(&Element, &mut Entry) -> bool) {
        self.nodes.retain_mut(|(element, entry)| keep(element, entry) && !entry.is_empty());
    }

    /// All member paths: at each level the members first, then what lies below, as upstream walks a set.
    #[must_use]
    pub fn paths(&self) -> Vec<Path> {
        let mut out = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut out);
        out
    }

    fn collect_paths(&self, prefix: &mut Path, out: &mut Vec<Path>) {
        for (element, _) in self.nodes.iter().filter(|(_, entry)| entry.member) {
            let mut path = prefix.clone();
            path.push(element.clone());
            out.push(path);
        }
        for (element, entry) in &self.nodes {
            prefix.push(element.clone());
            entry.below.collect_paths(prefix, out);
            prefix.pop();
        }
    }

    fn common<'a>(&'a self, other: &'a FieldSet) -> impl Iterator<Item = (&'a Element, &'a Entry, &'a Entry)> {
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.iter().filter_map(move |(element, mine)| {
            while theirs.next_if(|(at, _)| at < element).is_some() {}
            theirs.next_if(|(at, _)| at == element).map(|(_, theirs)| (element, mine, theirs))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::fields_v1;
    use serde_json::json;

    fn set(value: serde_json::Value) -> FieldSet {
        fields_v1::read(&value).unwrap()
    }

    #[test]
    fn difference_keeps_children_and_parents_apart() {
        let a = set(json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
        let parent = set(json!({"f:a": {}}));
        let child = set(json!({"f:a": {"f:b": {}}}));
        assert_eq!(a.difference(&parent), set(json!({"f:a": {"f:b": {}}, "f:c": {}})));
        assert_eq!(a.difference(&child), set(json!({"f:a": {}, "f:c": {}})));
        let mut deep = a.clone();
        assert!(deep.subtract_deep(&parent));
        assert_eq!(deep, set(json!({"f:c": {}})));
        assert!(!deep.subtract_deep(&parent));
    }

    #[test]
    fn union_and_intersection() {
        let a = set(json!({"f:a": {"f:b": {}}, "f:c": {}}));
        let b = set(json!({"f:a": {}, "f:b": {}, "f:d": {"v:1": {}}}));
        let mut both = a.clone();
        both.unite(b.clone());
        assert_eq!(both, set(json!({"f:a": {".": {}, "f:b": {}}, "f:b": {}, "f:c": {}, "f:d": {"v:1": {}}})));
        assert_eq!(both.intersection(&a), a);
        assert!(a.intersection(&b).is_empty());
        assert!(!a.intersects(&b));
        assert!(both.intersects(&b));
    }

    #[test]
    fn paths_list_members_first() {
        let a = set(json!({"f:a": {"f:b": {}}, "f:c": {}}));
        let texts: Vec<_> = a.paths().iter().map(|p| crate::apply::element::path_text(p)).collect();
        assert_eq!(texts, [".c", ".a.b"]);
        assert!(a.has(&[Element::field("a"), Element::field("b")]));
        assert!(!a.has(&[Element::field("a")]));
        assert!(a.field("c").is_some() && a.field("b").is_none());
        assert_eq!(FieldSet::of_fields(&[&["c"], &["a", "b"]]), a);
    }
}
