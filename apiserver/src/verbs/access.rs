//! RBAC objects among writes: nobody grants what they do not hold. Also keeps the book of roles beside its documents.

use super::ask::Ask;
use super::house::House;
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use crate::store::body::unpack;
use serde_json::Value;
use skiff_access::RoleKind;
use skiff_engine::record::{Document, ResourceId};

/// The kind of an RBAC resource.
#[must_use]
pub fn role_kind(resource: ResourceId) -> Option<RoleKind> {
    match resource {
        ids::ROLES => Some(RoleKind::Role),
        ids::CLUSTER_ROLES => Some(RoleKind::ClusterRole),
        ids::ROLE_BINDINGS => Some(RoleKind::RoleBinding),
        ids::CLUSTER_ROLE_BINDINGS => Some(RoleKind::ClusterRoleBinding),
        _ => None,
    }
}

/// Refuses a role or binding that grants more than its writer holds.
///
/// # Errors
/// 403 with upstream's text.
pub fn check_escalation(house: &House, ask: &Ask, object: &Value) -> Outcome<()> {
    let Some(kind) = role_kind(ask.kind.id) else { return Ok(()) };
    let namespace = ask.address.namespace.as_str();
    let roles = house.roles.read();
    let refusal = match kind {
        RoleKind::Role | RoleKind::ClusterRole => roles.role_refusal(&ask.user, kind, namespace, object),
        RoleKind::RoleBinding | RoleKind::ClusterRoleBinding => {
            let reference = object.get("roleRef").cloned().unwrap_or_default();
            match roles.binding_refusal(&ask.user, namespace, &reference) {
                Ok(refusal) => refusal,
                Err(missing) => return Err(Refusal::new(404, "NotFound", missing)),
            }
        }
    };
    match refusal {
        None => Ok(()),
        Some(text) => {
            let taken = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            Err(Refusal::forbidden(&ask.kind.about(taken), text))
        }
    }
}

/// Brings the book up to date with a document that changed.
pub fn follow(house: &House, resource: ResourceId, key: &str, after: Option<&Document>) {
    let Some(kind) = role_kind(resource) else { return };
    let mut roles = house.roles.write();
    match after {
        Some(document) => roles.put(kind, key, &unpack(&document.body)),
        None => roles.remove(kind, key),
    }
}

/// Reads all RBAC documents, at the start.
pub fn load(house: &House) {
    let core = house.store.read();
    for resource in [ids::CLUSTER_ROLES, ids::ROLES, ids::CLUSTER_ROLE_BINDINGS, ids::ROLE_BINDINGS] {
        for (key, document) in core.world.documents.table(resource) {
            follow(house, resource, key, Some(document));
        }
    }
}
