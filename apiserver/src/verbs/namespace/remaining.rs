//! What a namespace that is going still waits for, and the conditions that say so: pure.
//!
//! Fed by each pass over the content. The five conditions and their words are upstream's.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Counts of what could not go yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// `plural.group` → objects.
    resources: BTreeMap<String, usize>,
    /// Finalizer → objects that carry it.
    finalizers: BTreeMap<String, usize>,
}

impl Remaining {
    /// Nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Counts objects of a resource.
    pub fn note(&mut self, plural: &str, group: &str, count: usize) {
        if count > 0 {
            *self.resources.entry(format!("{plural}.{group}")).or_default() += count;
        }
    }

    /// Counts the finalizers of an object.
    pub fn note_finalizers(&mut self, object: &Value) {
        let all = object.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
        for finalizer in all.filter_map(Value::as_str) {
            *self.finalizers.entry(finalizer.to_owned()).or_default() += 1;
        }
    }

    /// A namespace's conditions as they are to be: its own five brought up to date, others as they were.
    #[must_use]
    pub fn conditions(&self, old: &Value, now: &str) -> Value {
        let listed = |counts: &BTreeMap<String, usize>, verb: &str| {
            let each: Vec<String> = counts.iter().map(|(what, n)| format!("{what} {verb} {n} resource instances")).collect();
            each.join(", ")
        };
        let content = (!self.resources.is_empty())
            .then(|| ("SomeResourcesRemain", format!("Some resources are remaining: {}", listed(&self.resources, "has"))));
        let finalizers = (!self.finalizers.is_empty()).then(|| {
            let text = format!("Some content in the namespace has finalizers remaining: {}", listed(&self.finalizers, "in"));
            ("SomeFinalizersRemain", text)
        });
        let all = [
            ("NamespaceDeletionDiscoveryFailure", None, "ResourcesDiscovered", "All resources successfully discovered"),
            (
                "NamespaceDeletionGroupVersionParsingFailure",
                None,
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            (
                "NamespaceDeletionContentFailure",
                None,
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            ("NamespaceContentRemaining", content, "ContentRemoved", "All content successfully removed"),
            ("NamespaceFinalizersRemaining", finalizers, "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ];
        let mut conditions = old.as_array().cloned().unwrap_or_default();
        for (kind, failing, ok_reason, ok_message) in all {
            let status = if failing.is_some() { "True" } else { "False" };
            let (reason, message) = failing.unwrap_or((ok_reason, ok_message.to_owned()));
            let found = conditions.iter_mut().find(|c| c["type"] == kind);
            let since = found.as_ref().filter(|c| c["status"] == status).map(|c| c["lastTransitionTime"].clone());
            let new = json!({"type": kind, "status": status, "lastTransitionTime": since.unwrap_or_else(|| now.into()),
                "reason": reason, "message": message});
            match found {
                Some(old) => *old = new,
                None => conditions.push(new),
            }
        }
        conditions.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_what_is_left_and_keep_their_times() {
        let mut left = Remaining::default();
        left.note("pods", "", 2);
        left.note_finalizers(&json!({"metadata": {"finalizers": ["e.com/x"]}}));
        let first = left.conditions(&json!([{"type": "Own", "status": "True"}]), "2026-01-01T00:00:00Z");
        let types: Vec<&str> = first.as_array().unwrap().iter().filter_map(|c| c["type"].as_str()).collect();
        assert_eq!(types.len(), 6, "{types:?}");
        assert_eq!(types[0], "Own");
        assert_eq!(first[4]["message"], "Some resources are remaining: pods. has 2 resource instances");
        assert_eq!(
            first[5]["message"],
            "Some content in the namespace has finalizers remaining: e.com/x in 1 resource instances"
        );
        // The same again changes nothing, so nothing is written.
        assert_eq!(left.conditions(&first, "2026-01-02T00:00:00Z"), first);
        let after = Remaining::default().conditions(&first, "2026-01-03T00:00:00Z");
        assert_eq!((&after[4]["status"], &after[4]["lastTransitionTime"]), (&json!("False"), &json!("2026-01-03T00:00:00Z")));
        assert_eq!(after[1]["lastTransitionTime"], "2026-01-01T00:00:00Z");
    }
}
