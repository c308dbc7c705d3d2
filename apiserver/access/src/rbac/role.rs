//! Roles and bindings as the book keeps them: read once, shared by every check.
//!
//! Fed by the book with stored objects. Must not know of indexes.

use super::rule::Rule;
use super::{GROUP, RoleKind};
use crate::user::SERVICE_ACCOUNT_PREFIX;
use serde_json::Value;
use skiff_schema::select::LabelSelector;
use std::sync::Arc;

/// A role's rules, shared.
pub(super) type Rules = Arc<[Arc<Rule>]>;

/// A Role or ClusterRole.
pub(super) struct Role {
    /// Its own rules, or those it gathered.
    pub rules: Rules,
    /// What it gathers, where it is an aggregated role.
    pub selectors: Option<Vec<LabelSelector>>,
    /// Its labels, for other roles' selectors.
    pub labels: Value,
}

impl Role {
    pub fn read(object: &Value) -> Role {
        let rules = object.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let selectors = object.get("aggregationRule").filter(|rule| !rule.is_null()).map(|rule| {
            let selectors = rule.get("clusterRoleSelectors").and_then(Value::as_array);
            // A selector that cannot be read gathers nothing, rather than everything.
            selectors.into_iter().flatten().filter_map(|one| LabelSelector::from_object(Some(one)).ok()).collect()
        });
        Role {
            rules: rules.iter().map(|rule| Arc::new(Rule::from_json(rule))).collect(),
            selectors,
            labels: object.pointer("/metadata/labels").cloned().unwrap_or_default(),
        }
    }

    /// Whether this role gathers one with such labels.
    pub fn gathers(&self, labels: &Value) -> bool {
        self.selectors.iter().flatten().any(|selector| selector.matches_labels(Some(labels)))
    }
}

/// A RoleBinding (with a namespace) or ClusterRoleBinding (without).
pub(super) struct Binding {
    pub kind: RoleKind,
    pub namespace: String,
    pub name: String,
    pub role_kind: Option<RoleKind>,
    /// The role kind as spelled, for the text where it is none of ours.
    pub role_kind_text: String,
    pub role_name: String,
    /// The role's key in the book.
    pub role_key: String,
    pub subjects: Vec<Subject>,
}

/// Whom a binding grants to.
pub(super) struct Subject {
    pub target: Target,
    /// How reasons name it: `Group "system:masters"`.
    pub description: String,
}

/// What a user must have for a subject to be theirs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    User(String),
    Group(String),
}

impl Binding {
    pub fn read(kind: RoleKind, key: &str, object: &Value) -> Binding {
        let (namespace, name) = match kind {
            RoleKind::RoleBinding => key.split_once('/').unwrap_or(("", key)),
            _ => ("", key),
        };
        let reference = object.get("roleRef").unwrap_or(&Value::Null);
        let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
        let role_kind = reference_kind(reference);
        let role_name = text("name").to_owned();
        let role_key = match role_kind {
            Some(RoleKind::Role) => format!("{namespace}/{role_name}"),
            _ => role_name.clone(),
        };
        let subjects = object.get("subjects").and_then(Value::as_array);
        Binding {
            kind,
            namespace: namespace.into(),
            name: name.into(),
            role_kind,
            role_kind_text: text("kind").into(),
            role_name,
            role_key,
            subjects: subjects.into_iter().flatten().filter_map(|one| Subject::read(one, namespace)).collect(),
        }
    }
}

impl Subject {
    fn read(subject: &Value, binding_namespace: &str) -> Option<Subject> {
        let text = |field: &str| subject.get(field).and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = (text("kind"), text("name"));
        let description = |shown: &str| format!("{kind} {}", super::refusal::quoted(shown));
        match kind {
            "User" => Some(Subject { target: Target::User(name.into()), description: description(name) }),
            "Group" => Some(Subject { target: Target::Group(name.into()), description: description(name) }),
            "ServiceAccount" => {
                let own = text("namespace");
                let namespace = if own.is_empty() { binding_namespace } else { own };
                // A cluster-wide binding has no namespace to fall back on; such a subject is nobody.
                (!namespace.is_empty()).then(|| Subject {
                    target: Target::User(format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}")),
                    description: description(&format!("{name}/{namespace}")),
                })
            }
            _ => None,
        }
    }
}

/// The kind of role a roleRef names, where it names one of RBAC's.
pub(super) fn reference_kind(reference: &Value) -> Option<RoleKind> {
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiGroup");
    let kind = RoleKind::parse(text("kind")).filter(|kind| matches!(kind, RoleKind::Role | RoleKind::ClusterRole));
    kind.filter(|_| group.is_empty() || group == GROUP)
}
