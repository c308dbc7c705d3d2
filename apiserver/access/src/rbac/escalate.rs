//! Nobody grants what they do not hold: the checks on writing roles and bindings.
//!
//! Fed by admission of RBAC objects, before they are stored. Must not know of requests.

use super::refusal::{quoted, quoted_list};
use super::rule::Rule;
use super::{Attributes, GROUP, RoleBook, RoleKind, describe};
use crate::user::{MASTERS, User};
use serde_json::Value;
use std::collections::BTreeSet;

impl RoleBook {
    /// What of `rules` the user does not hold in the namespace (empty: cluster-wide), described and sorted.
    #[must_use]
    pub fn uncovered(&self, user: &User, namespace: &str, rules: &[Value]) -> Vec<String> {
        let (held, _) = self.held(user, namespace);
        let single = rules.iter().map(Rule::from_json).flat_map(|rule| broken_down(&rule));
        let missing = single.filter(|grant| !held.iter().any(|rule| rule.covers(grant)));
        let described: BTreeSet<String> = compacted(missing).iter().map(describe::rule).collect();
        described.into_iter().collect()
    }

    /// The text that refuses granting `rules`, where the user does not hold them. It follows `is forbidden: `.
    #[must_use]
    pub fn escalation(&self, user: &User, namespace: &str, rules: &[Value]) -> Option<String> {
        if user.in_group(MASTERS) {
            return None;
        }
        let missing = self.uncovered(user, namespace, rules);
        if missing.is_empty() {
            return None;
        }
        let mut text = format!(
            "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            quoted(&user.name),
            quoted_list(&user.groups),
            missing.join("\n")
        );
        let (_, errors) = self.held(user, namespace);
        if !errors.is_empty() {
            text.push_str(&format!("; resolution errors: [{}]", describe::all_errors(errors)));
        }
        Some(text)
    }

    /// The text that refuses writing a Role or ClusterRole; None where the user may (masters, verb `escalate`, or holding
    /// all of it). The namespace is empty for ClusterRoles.
    #[must_use]
    pub fn role_refusal(&self, user: &User, kind: RoleKind, namespace: &str, object: &Value) -> Option<String> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if self.may(user, "escalate", kind, namespace, name) {
            return None;
        }
        let rules = object.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(text) = self.escalation(user, namespace, rules) {
            return Some(text);
        }
        let aggregates = object.get("aggregationRule").is_some_and(|rule| !rule.is_null());
        // Such a role can come to hold anything, so only those who hold everything may write it.
        let everything = [
            serde_json::json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
            serde_json::json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
        ];
        (aggregates && self.escalation(user, namespace, &everything).is_some())
            .then(|| "must have cluster-admin privileges to use the aggregationRule".to_owned())
    }

    /// The text that refuses writing a binding; None where the user may (masters, verb `bind` on the role, or holding all
    /// of it). The namespace is empty for ClusterRoleBindings.
    ///
    /// # Errors
    /// There is no such role: the message of a 404, as upstream answers those who may not simply bind it.
    pub fn binding_refusal(&self, user: &User, namespace: &str, role_ref: &Value) -> Result<Option<String>, String> {
        let name = role_ref.get("name").and_then(Value::as_str).unwrap_or_default();
        let kind = super::role::reference_kind(role_ref).unwrap_or(RoleKind::ClusterRole);
        if self.may(user, "bind", kind, namespace, name) {
            return Ok(None);
        }
        match self.role_rules(role_ref, namespace) {
            Some(rules) => Ok(self.escalation(user, namespace, &rules)),
            None => Err(describe::role_not_found(kind, name)),
        }
    }

    fn may(&self, user: &User, verb: &str, kind: RoleKind, namespace: &str, name: &str) -> bool {
        let asked =
            Attributes { user, verb, group: GROUP, resource: kind.resource(), subresource: "", name, namespace, path: None };
        self.authorize(&asked).allowed
    }
}

/// A rule as single grants: one verb on one resource (and name), or on one path.
fn broken_down(rule: &Rule) -> Vec<Rule> {
    let one = |text: &String| vec![text.clone()];
    let mut grants = Vec::new();
    for group in &rule.groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let grant = Rule { verbs: one(verb), groups: one(group), resources: one(resource), ..Rule::default() };
                if rule.names.is_empty() {
                    grants.push(grant);
                } else {
                    grants.extend(rule.names.iter().map(|name| Rule { names: one(name), ..grant.clone() }));
                }
            }
        }
    }
    for url in &rule.urls {
        grants.extend(rule.verbs.iter().map(|verb| Rule { verbs: one(verb), urls: one(url), ..Rule::default() }));
    }
    grants
}

/// Single grants on the same resource (and name) as one rule of several verbs; those on paths stay single, as upstream's.
fn compacted(grants: impl Iterator<Item = Rule>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for grant in grants {
        let same = |rule: &&mut Rule| {
            rule.urls.is_empty()
                && grant.urls.is_empty()
                && (&rule.groups, &rule.resources, &rule.names) == (&grant.groups, &grant.resources, &grant.names)
        };
        match rules.iter_mut().find(same) {
            Some(rule) => rule.verbs.extend(grant.verbs),
            None => rules.push(grant),
        }
    }
    rules
}
