//! What a user may do, as a list: the answer of SelfSubjectRulesReview.
//!
//! Fed by the reviews. Must not know of their envelope.

use super::RoleBook;
use crate::user::User;
use serde_json::{Map, Value, json};

impl RoleBook {
    /// The `resourceRules` and `nonResourceRules` a user holds in a namespace.
    #[must_use]
    pub fn rules_for(&self, user: &User, namespace: &str) -> (Vec<Value>, Vec<Value>) {
        let (rules, _) = self.held(user, namespace);
        let (mut resource, mut other) = (Vec::new(), Vec::new());
        for rule in rules {
            if !rule.resources.is_empty() {
                resource.push(listed(&[
                    ("verbs", &rule.verbs),
                    ("apiGroups", &rule.groups),
                    ("resources", &rule.resources),
                    ("resourceNames", &rule.names),
                ]));
            }
            if !rule.urls.is_empty() {
                other.push(listed(&[("verbs", &rule.verbs), ("nonResourceURLs", &rule.urls)]));
            }
        }
        (resource, other)
    }

    /// What `rules_for` could not resolve, as the review's `evaluationError`; empty mostly.
    #[must_use]
    pub fn rules_error(&self, user: &User, namespace: &str) -> String {
        let (_, errors) = self.held(user, namespace);
        if errors.is_empty() { String::new() } else { super::describe::all_errors(errors) }
    }
}

fn listed(fields: &[(&str, &Vec<String>)]) -> Value {
    let mut rule = Map::new();
    for (field, list) in fields.iter().filter(|(field, list)| *field == "verbs" || !list.is_empty()) {
        rule.insert((*field).into(), json!(list));
    }
    Value::Object(rule)
}
