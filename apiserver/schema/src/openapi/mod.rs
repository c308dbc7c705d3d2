//! OpenAPI documents, made from types and from what is served: v3 per group version, its index, and one v2 document.
//!
//! Fed by whoever knows which resources are served; the documents are for `/openapi/v3/…` and `/openapi/v2`. Knows no
//! request and keeps no cache.

mod custom;
mod operations;
mod schemas;
mod v2;
mod v3;

use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::facts::built_in;
use crate::gvk::Gvk;
use crate::model::{NodeId, Schema};

pub use v2::v2_document;
pub use v3::v3_document;

/// Adds prose: the published name of a type, and a field of it or the type itself.
pub type Describe<'a> = &'a dyn Fn(&str, Option<&str>) -> Option<String>;

/// A served resource.
#[derive(Debug, Clone)]
pub struct ResourceDoc<'a> {
    /// Its kind; group and version are also those of its paths.
    pub gvk: Gvk,
    /// `deployments`.
    pub plural: &'a str,
    /// Below a namespace.
    pub namespaced: bool,
    /// `get list create update patch delete deletecollection watch`, as in discovery.
    pub verbs: Vec<&'a str>,
    /// `status`, `scale`, …
    pub subresources: Vec<SubresourceDoc<'a>>,
    /// The arena of its type.
    pub schema: &'a Schema,
    /// Its type.
    pub root: NodeId,
    /// Defined by a CRD: no strategic merge patch, no protobuf, leaves written out.
    pub custom: bool,
    /// The `openAPIV3Schema` of its CRD, which is published as it is instead of what the type says.
    pub published: Option<&'a Value>,
    /// The fields that its CRD makes selectable, as paths.
    pub selectable: &'a [String],
}

/// A subresource of a served resource.
#[derive(Debug, Clone)]
pub struct SubresourceDoc<'a> {
    /// `scale`
    pub name: &'a str,
    /// The kind that it takes and gives, if not the resource's own (`autoscaling/v1 Scale`, `policy/v1 Eviction`).
    pub gvk: Option<Gvk>,
    /// `get update patch create`; `connect` stands for GET and POST that are streams.
    pub verbs: Vec<&'a str>,
}

impl ResourceDoc<'_> {
    /// Where its paths begin, `/apis/apps/v1`.
    fn base(&self) -> String {
        format!("/{}", group_path(&self.gvk.group, &self.gvk.version))
    }

    /// The name of its type among the components.
    fn component(&self) -> String {
        let name = &self.schema.node(self.root).name;
        if name.is_empty() || self.published.is_some() { component_name(&self.gvk) } else { name.to_string() }
    }
}

/// `api/v1` or `apis/apps/v1`: the key of a group version in the index of v3.
#[must_use]
pub fn group_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// The component name of a kind: the published one of built-in kinds, the reversed group for others
/// (`dev.knative.serving.v1.Service`).
#[must_use]
pub fn component_name(gvk: &Gvk) -> String {
    let built = built_in();
    if let Some(id) = built.kind(gvk) {
        return built.schema.node(id).name.to_string();
    }
    let mut parts: Vec<&str> = gvk.group.rsplit('.').collect();
    parts.extend([&*gvk.version, &*gvk.kind]);
    parts.join(".")
}

/// The hash of a document as its URL and ETag carry it.
#[must_use]
pub fn document_hash(document: &[u8]) -> String {
    hex::encode_upper(Sha512::digest(document))
}

/// The index `/openapi/v3`: group paths ([`group_path`], or `version`, `apis`, …) with the hashes of their documents.
#[must_use]
pub fn v3_index<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let entry =
        |(path, hash): (&str, &str)| (path.to_owned(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}));
    json!({"paths": documents.into_iter().map(entry).collect::<serde_json::Map<_, _>>()})
}

#[cfg(test)]
mod tests;
