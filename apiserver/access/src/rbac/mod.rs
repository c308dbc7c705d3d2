//! RBAC: what roles and bindings let a user do.
//!
//! Fed by the store with every RBAC object as it comes, changes and goes; asked once for each request, so a check costs the
//! bindings of the user's own name and groups, however many others there are. Must not know of requests or storage.

mod book;
mod describe;
mod escalate;
mod refusal;
mod review;
mod role;
mod rule;
#[cfg(test)]
mod tests;

pub use book::RoleBook;
pub(crate) use refusal::quoted;
pub use refusal::{forbidden_message, forbidden_text};
pub use rule::Rule;

use crate::user::User;

/// The API group of RBAC.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// The four kinds of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoleKind {
    /// Rules within a namespace.
    Role,
    /// Rules anywhere.
    ClusterRole,
    /// Grants a role in a namespace.
    RoleBinding,
    /// Grants a role everywhere.
    ClusterRoleBinding,
}

impl RoleKind {
    /// The kind as objects spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RoleKind::Role => "Role",
            RoleKind::ClusterRole => "ClusterRole",
            RoleKind::RoleBinding => "RoleBinding",
            RoleKind::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// The kind's resource, as paths and rules spell it.
    #[must_use]
    pub fn resource(self) -> &'static str {
        match self {
            RoleKind::Role => "roles",
            RoleKind::ClusterRole => "clusterroles",
            RoleKind::RoleBinding => "rolebindings",
            RoleKind::ClusterRoleBinding => "clusterrolebindings",
        }
    }

    /// The kind that objects spell so.
    #[must_use]
    pub fn parse(kind: &str) -> Option<RoleKind> {
        [RoleKind::Role, RoleKind::ClusterRole, RoleKind::RoleBinding, RoleKind::ClusterRoleBinding]
            .into_iter()
            .find(|known| known.as_str() == kind)
    }
}

/// What is asked for, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a User,
    /// `get`, `list`, `create`, …; the lower-cased method where no resource is asked for.
    pub verb: &'a str,
    /// The API group; empty for core.
    pub group: &'a str,
    /// The resource, plural.
    pub resource: &'a str,
    /// The subresource; empty for none.
    pub subresource: &'a str,
    /// The object's name; empty for none.
    pub name: &'a str,
    /// The namespace; empty for the cluster's scope.
    pub namespace: &'a str,
    /// The path, where no resource is asked for.
    pub path: Option<&'a str>,
}

/// Whether a request may go on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub allowed: bool,
    /// What allowed it; for refusals what could not be resolved, mostly nothing.
    pub reason: String,
}
