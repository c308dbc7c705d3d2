//! What is asked: the facts about a request that policies see, and the questions about other objects that they raise.

use serde_json::{Map, Value, json};
use skiff_access::User;
use skiff_custom::cel::Decide;
use std::sync::Arc;

/// What a request does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// A changed object.
    Update,
    /// An object goes.
    Delete,
}

impl Operation {
    /// As rules and `request.operation` spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
        }
    }
}

/// A resource in a version, and the kind of its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Group of the resource.
    pub group: Box<str>,
    /// Version of the resource.
    pub version: Box<str>,
    /// Plural.
    pub plural: Box<str>,
    /// Group and version of the objects; other than the resource's for subresources with objects of their own.
    pub kind_group: Box<str>,
    /// See `kind_group`.
    pub kind_version: Box<str>,
    /// Kind of the objects.
    pub kind: Box<str>,
}

impl Resource {
    fn kind_json(&self) -> Value {
        json!({"group": self.kind_group, "version": self.kind_version, "kind": self.kind})
    }

    fn resource_json(&self) -> Value {
        json!({"group": self.group, "version": self.version, "resource": self.plural})
    }

    /// `apiVersion` of the objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.kind_group.is_empty() {
            self.kind_version.to_string()
        } else {
            format!("{}/{}", self.kind_group, self.kind_version)
        }
    }
}

/// A request.
pub struct Request<'r> {
    /// What it does.
    pub operation: Operation,
    /// About what, as the path says.
    pub resource: Resource,
    /// Empty for the object itself.
    pub subresource: &'r str,
    /// Empty where it is yet to be made up.
    pub name: &'r str,
    /// Empty for cluster scope; a Namespace's own name for itself.
    pub namespace: &'r str,
    /// Who asks.
    pub user: &'r User,
    /// Nothing is to be stored.
    pub dry: bool,
    /// `CreateOptions` and their like.
    pub options: &'r Value,
}

/// What only the house can say.
pub trait Surroundings {
    /// A Namespace.
    fn namespace(&self, name: &str) -> Option<Value>;
    /// The same resource in other versions.
    fn equivalents(&self, resource: &Resource, subresource: &str) -> Vec<Resource>;
    /// An object in another version of its resource.
    ///
    /// # Errors
    /// Why there is no way.
    fn convert(&self, object: &Value, to: &Resource) -> Result<Value, String>;
    /// Whether objects of a parameter's kind are in namespaces; `None` if the kind is not known.
    fn param_scope(&self, api_version: &str, kind: &str) -> Option<bool>;
    /// Parameters of a kind: one by name, or all of a namespace (of the cluster, if none is given).
    fn params(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: Option<&str>) -> Vec<Value>;
    /// Who answers `authorizer`.
    fn judge(&self) -> Arc<dyn Decide>;
}

impl Request<'_> {
    /// Whether it is about a Namespace itself.
    #[must_use]
    pub fn is_namespace(&self) -> bool {
        self.resource.group.is_empty() && &*self.resource.plural == "namespaces"
    }

    /// `request`, for the resource that a policy has matched it as.
    #[must_use]
    pub fn to_json(&self, matched: &Resource) -> Value {
        let mut out = Map::new();
        out.insert("kind".into(), matched.kind_json());
        out.insert("resource".into(), matched.resource_json());
        let mut text = |key: &str, value: &str| {
            if !value.is_empty() {
                out.insert(key.to_owned(), value.into());
            }
        };
        text("subResource", self.subresource);
        text("requestSubResource", self.subresource);
        text("name", self.name);
        text("namespace", self.namespace);
        out.insert("requestKind".into(), self.resource.kind_json());
        out.insert("requestResource".into(), self.resource.resource_json());
        out.insert("operation".into(), self.operation.as_str().into());
        out.insert("userInfo".into(), self.user.to_json());
        out.insert("dryRun".into(), self.dry.into());
        if !self.options.is_null() {
            out.insert("options".into(), self.options.clone());
        }
        out.into()
    }
}
