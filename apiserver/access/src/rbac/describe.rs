//! How reasons and errors name bindings, roles and rules.
//!
//! Fed by checks. Must not know how a check came out.

use super::refusal::{quoted, quoted_list};
use super::role::{Binding, Subject};
use super::rule::Rule;
use super::{GROUP, RoleKind};

/// `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`.
pub(super) fn allowed_by(binding: &Binding, subject: &Subject) -> String {
    let name = match binding.kind {
        // Upstream writes name before namespace here.
        RoleKind::RoleBinding => quoted(&format!("{}/{}", binding.name, binding.namespace)),
        _ => quoted(&binding.name),
    };
    let (kind, role) = (binding.kind.as_str(), quoted(&binding.role_name));
    format!("RBAC: allowed by {kind} {name} of {} {role} to {}", binding.role_kind_text, subject.description)
}

/// What is said where a binding's role cannot be found.
pub(super) fn unresolved(binding: &Binding) -> String {
    match binding.role_kind {
        Some(kind) => role_not_found(kind, &binding.role_name),
        None => format!("unsupported role reference kind: {}", quoted(&binding.role_kind_text)),
    }
}

/// `clusterrole.rbac.authorization.k8s.io "x" not found`, as upstream's listers say it.
pub(super) fn role_not_found(kind: RoleKind, name: &str) -> String {
    let singular = kind.resource().trim_end_matches('s');
    format!("{singular}.{GROUP} {} not found", quoted(name))
}

/// Several errors as one, as upstream's aggregate says them.
pub(super) fn all_errors(mut errors: Vec<String>) -> String {
    let mut seen = std::collections::HashSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    match errors.len() {
        1 => errors.remove(0),
        _ => format!("[{}]", errors.join(", ")),
    }
}

/// `{APIGroups:[""], Resources:["configmaps"], Verbs:["list"]}`.
pub(super) fn rule(rule: &Rule) -> String {
    let parts = [
        ("APIGroups", &rule.groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.urls),
        ("ResourceNames", &rule.names),
        ("Verbs", &rule.verbs),
    ];
    let shown = parts.into_iter().filter(|(_, list)| !list.is_empty());
    let shown: Vec<String> = shown.map(|(title, list)| format!("{title}:{}", quoted_list(list))).collect();
    format!("{{{}}}", shown.join(", "))
}
