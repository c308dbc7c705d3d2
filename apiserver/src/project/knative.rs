//! Knative objects as they are shown: documents with a status made from records, and the read-only views of what upstream's
//! controllers would have made.

use super::template::{Owner, Template};
use crate::registry::ids;
use crate::store::Core;
use bytes::Bytes;
use serde_json::Value;
use skiff_engine::record::{Document, Plan, ResourceId};
use std::sync::Arc;

/// Whether a resource's status is made here.
#[must_use]
pub fn is_shown(resource: ResourceId) -> bool {
    matches!(resource, ids::KSERVICES | ids::CONFIGURATIONS | ids::REVISIONS | ids::ROUTES | ids::DOMAIN_MAPPINGS)
}

/// How a Revision's sandboxes are decided; `None` if something else scales it.
#[must_use]
pub fn scale_plan(_core: &Core, _revision: &Value) -> Option<Plan> {
    None
}

/// What the Pods of a Revision look like.
#[must_use]
pub fn pod_template(_core: &Core, document: &Document, revision: &Value, namespace: &str, name: &str) -> Template {
    let template = skiff_knative::pod::template(revision, |_| None);
    let owner = Owner { api_version: "apps/v1", kind: "ReplicaSet", name, uid: document.uid };
    Template::new(document.serial, namespace, name, &owner, &template)
}

/// Documents whose conditions follow from a Revision.
#[must_use]
pub fn parents(_revision: &Value, _namespace: &str) -> Vec<(ResourceId, Box<str>)> {
    Vec::new()
}

/// The canonical body of a Knative object with its status.
#[must_use]
pub fn render(_core: &Core, _resource: ResourceId, _key: &str, document: &Arc<Document>) -> Bytes {
    Bytes::from_owner(document.body.clone())
}
