//! The part of an object that a write cannot change, so that nobody becomes an owner by trying: `status` for the main
//! resource, `spec` for `/status`.
//!
//! Named by the kind, used by tracking and apply; knows field names only.

use super::element::Element;
use super::fieldset::FieldSet;

/// Which changes of a write count. Paths are field names; `*` stands for any one element.
#[derive(Clone, Copy, Debug, Default)]
pub enum Reset<'a> {
    /// All of them.
    #[default]
    Nothing,
    /// All but these paths and what lies below them.
    Except(&'a [&'a [&'a str]]),
    /// Only these paths and what lies below them.
    Only(&'a [&'a [&'a str]]),
}

/// The reset of a main resource that has `/status`.
pub const STATUS: Reset<'static> = Reset::Except(&[&["status"]]);

/// The reset of `/status` of most built-in kinds.
pub const SPEC: Reset<'static> = Reset::Except(&[&["spec"]]);

impl Reset<'_> {
    /// Drops from a set what does not count.
    pub(crate) fn filter(self, set: &mut FieldSet) {
        match self {
            Reset::Nothing => {}
            Reset::Except(paths) => except(set, paths),
            Reset::Only(paths) => {
                let paths: Vec<&[&str]> = paths.to_vec();
                only(set, &paths);
            }
        }
    }
}

fn except(set: &mut FieldSet, paths: &[&[&str]]) {
    for path in paths {
        let [first, rest @ ..] = *path else { continue };
        set.retain(|element, entry| {
            if matches(element, first) {
                if rest.is_empty() {
                    return false;
                }
                except(&mut entry.below, &[rest]);
            }
            true
        });
    }
}

fn only(set: &mut FieldSet, paths: &[&[&str]]) {
    set.retain(|element, entry| {
        let rests: Vec<&[&str]> = paths
            .iter()
            .filter_map(|path| path.split_first().filter(|(first, _)| matches(element, first)).map(|(_, rest)| rest))
            .collect();
        if rests.is_empty() {
            return false;
        }
        if !rests.iter().any(|rest| rest.is_empty()) {
            only(&mut entry.below, &rests);
        }
        true
    });
}

fn matches(element: &Element, name: &str) -> bool {
    name == "*" || matches!(element, Element::Field(field) if **field == *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::fields_v1::{read, write};
    use serde_json::json;

    #[test]
    fn except_and_only() {
        let all = json!({"f:metadata": {"f:labels": {}}, "f:spec": {".": {}, "f:a": {}, "f:b": {}}, "f:status": {"f:c": {}}});
        let kept = |reset: Reset<'_>| {
            let mut set = read(&all).unwrap();
            reset.filter(&mut set);
            write(&set)
        };
        assert_eq!(kept(STATUS), json!({"f:metadata": {"f:labels": {}}, "f:spec": {".": {}, "f:a": {}, "f:b": {}}}));
        assert_eq!(kept(SPEC), json!({"f:metadata": {"f:labels": {}}, "f:status": {"f:c": {}}}));
        assert_eq!(kept(Reset::Only(&[&["status"]])), json!({"f:status": {"f:c": {}}}));
        assert_eq!(kept(Reset::Only(&[&["spec", "a"]])), json!({"f:spec": {".": {}, "f:a": {}}}));
        assert_eq!(kept(Reset::Only(&[&["*", "b"]])), json!({"f:spec": {".": {}, "f:b": {}}}));
        assert_eq!(kept(Reset::Except(&[&["spec", "a"], &["status"], &["metadata"]])), json!({"f:spec": {".": {}, "f:b": {}}}));
    }
}
