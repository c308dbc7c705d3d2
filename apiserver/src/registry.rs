//! All kinds that the server knows at this moment: the built-in table and the custom resources beside it.
//!
//! Fed by the resource table at the start and by CustomResourceDefinitions later; read by every room. Holds no object.

use crate::store::body::{pack, unpack};
use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::Value;
use skiff_engine::record::ResourceId;
use skiff_kinds::table::{Resource, resources};
use skiff_kinds::{Conversion, Strategy, conversion};
use skiff_schema::{Gvk, NodeId, Schema};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// One kind in one version, with everything that generic code asks of it.
pub struct Kind {
    /// The same for all versions of a resource, and for ever: a hash of `plural.group` (of the stored shape's group, where one
    /// storage is shown in two).
    pub id: ResourceId,
    /// Names, verbs, subresources.
    pub resource: Resource,
    /// What is peculiar to it.
    pub strategy: Strategy,
    /// The type, if known.
    pub root: Option<(SchemaRef, NodeId)>,
    /// How it is stored, if not as it is shown.
    pub conversion: Option<Conversion>,
    /// What a CustomResourceDefinition says of it; `None` for built-in and Knative kinds.
    pub custom: Option<Arc<skiff_custom::Version>>,
    /// Its definition is going: nothing new is made.
    pub terminating: bool,
}

/// Where a type's nodes are.
#[derive(Clone)]
pub enum SchemaRef {
    /// The facts table.
    BuiltIn(&'static Schema),
    /// A custom resource's own.
    Custom(Arc<Schema>),
}

impl SchemaRef {
    /// The arena.
    #[must_use]
    pub fn get(&self) -> &Schema {
        match self {
            SchemaRef::BuiltIn(schema) => schema,
            SchemaRef::Custom(schema) => schema,
        }
    }
}

impl Kind {
    /// The arena and root of the type.
    #[must_use]
    pub fn schema(&self) -> Option<(&Schema, NodeId)> {
        self.root.as_ref().map(|(schema, root)| (schema.get(), *root))
    }

    /// Group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.resource.group
    }

    /// Kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.resource.kind
    }

    /// A canonical body of the storage, as this kind shows it.
    #[must_use]
    pub fn shown(&self, body: Bytes) -> Bytes {
        let Some(conversion) = &self.conversion else { return body };
        let mut object = unpack(&body);
        conversion.show(&mut object);
        pack(&object, true).into()
    }

    /// An object of this kind, as it is stored.
    #[must_use]
    pub fn stored<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        let Some(conversion) = &self.conversion else { return Cow::Borrowed(object) };
        let mut object = object.clone();
        conversion.store(&mut object);
        Cow::Owned(object)
    }

    /// An error's subject.
    #[must_use]
    pub fn about(&self, name: &str) -> crate::status::About {
        crate::status::About::new(&self.resource.group, &self.resource.plural, name)
    }
}

/// The number of a resource: FNV-1a of `plural.group`. A test holds that built-in ones do not collide.
#[must_use]
pub const fn resource_id(group: &str, plural: &str) -> ResourceId {
    let mut hash = 0x811c_9dc5_u32;
    let (plural, group) = (plural.as_bytes(), group.as_bytes());
    let mut i = 0;
    while i < plural.len() + 1 + group.len() {
        let byte = if i < plural.len() {
            plural[i]
        } else if i == plural.len() {
            b'.'
        } else {
            group[i - plural.len() - 1]
        };
        hash = (hash ^ byte as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// Numbers of resources that the house itself must tell apart (records stand behind them).
pub mod ids {
    use super::{ResourceId, resource_id};
    macro_rules! ids { ($($name:ident = $group:literal $plural:literal),* $(,)?) => { $(
        #[doc = concat!("`", $plural, "`")] pub const $name: ResourceId = resource_id($group, $plural); )* } }
    ids! {
        NAMESPACES = "" "namespaces", PODS = "" "pods", NODES = "" "nodes", SERVICES = "" "services", ENDPOINTS = "" "endpoints",
        CONFIG_MAPS = "" "configmaps", SECRETS = "" "secrets", SERVICE_ACCOUNTS = "" "serviceaccounts", EVENTS = "" "events",
        LIMIT_RANGES = "" "limitranges",
        SERVICE_CIDRS = "networking.k8s.io" "servicecidrs",
        PRIORITY_CLASSES = "scheduling.k8s.io" "priorityclasses",
        REPLICATION_CONTROLLERS = "" "replicationcontrollers",
        DEPLOYMENTS = "apps" "deployments", REPLICA_SETS = "apps" "replicasets",
        ENDPOINT_SLICES = "discovery.k8s.io" "endpointslices", LEASES = "coordination.k8s.io" "leases",
        ROLES = "rbac.authorization.k8s.io" "roles", CLUSTER_ROLES = "rbac.authorization.k8s.io" "clusterroles",
        ROLE_BINDINGS = "rbac.authorization.k8s.io" "rolebindings",
        CLUSTER_ROLE_BINDINGS = "rbac.authorization.k8s.io" "clusterrolebindings",
        CRDS = "apiextensions.k8s.io" "customresourcedefinitions",
        VALIDATING_POLICIES = "admissionregistration.k8s.io" "validatingadmissionpolicies",
        VALIDATING_POLICY_BINDINGS = "admissionregistration.k8s.io" "validatingadmissionpolicybindings",
        MUTATING_POLICIES = "admissionregistration.k8s.io" "mutatingadmissionpolicies",
        MUTATING_POLICY_BINDINGS = "admissionregistration.k8s.io" "mutatingadmissionpolicybindings",
        KSERVICES = "serving.knative.dev" "services", CONFIGURATIONS = "serving.knative.dev" "configurations",
        REVISIONS = "serving.knative.dev" "revisions", ROUTES = "serving.knative.dev" "routes",
        DOMAIN_MAPPINGS = "serving.knative.dev" "domainmappings",
    }
}

type ByPath = HashMap<(String, String, String), Arc<Kind>>;

/// The kinds of one moment.
#[derive(Default)]
pub struct Kinds {
    by_path: ByPath,
    by_kind: HashMap<(String, String), Arc<Kind>>,
    by_id: HashMap<ResourceId, Arc<Kind>>,
    /// Custom resources only, for discovery.
    pub custom: Vec<Resource>,
    /// Custom resources whose stored objects may lack defaults, by number.
    pub defaulted: HashMap<ResourceId, Arc<skiff_custom::Version>>,
}

impl Kinds {
    fn insert(&mut self, kind: Arc<Kind>) {
        let r = &kind.resource;
        let path = (r.group.to_string(), r.version.to_string(), r.plural.to_string());
        if let Some(version) = kind.custom.as_ref().filter(|v| r.preferred && v.changed && v.tree.has_defaults) {
            self.defaulted.insert(kind.id, version.clone());
        }
        if r.preferred {
            self.by_kind.insert((r.group.to_string(), r.kind.to_string()), kind.clone());
        }
        if r.preferred && kind.conversion.is_none() {
            self.by_id.insert(kind.id, kind.clone());
        }
        self.by_path.insert(path, kind);
    }

    /// By path.
    #[must_use]
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        // The map is small and the key short; three short-lived strings cost less than a second map type.
        self.by_path.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// By group and kind, in the preferred version.
    #[must_use]
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<&Arc<Kind>> {
        self.by_kind.get(&(group.to_owned(), kind.to_owned()))
    }

    /// By number, in the shape in which it is stored.
    #[must_use]
    pub fn of_id(&self, id: ResourceId) -> Option<&Arc<Kind>> {
        self.by_id.get(&id)
    }

    /// All of them, each version once.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.by_path.values()
    }

    /// Whether a group and version is served.
    #[must_use]
    pub fn has_version(&self, group: &str, version: &str) -> bool {
        self.by_path.keys().any(|(g, v, _)| g == group && v == version)
    }
}

/// The registry: replaced as a whole when a definition comes or goes.
pub struct Registry {
    now: ArcSwap<Kinds>,
    /// Kinds that never change, kept so that they stay the same ones.
    base: Vec<Arc<Kind>>,
    /// The definitions behind the custom resources.
    pub definitions: crate::custom::Definitions,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// The built-in kinds.
    #[must_use]
    pub fn new() -> Registry {
        let base = Self::built_in();
        Registry {
            now: ArcSwap::from_pointee(Self::all(&base, Vec::new())),
            base,
            definitions: crate::custom::Definitions::default(),
        }
    }

    fn built_in() -> Vec<Arc<Kind>> {
        let facts = skiff_schema::facts::built_in();
        let kind = |resource: &Resource, conversion: Option<Conversion>| Kind {
            id: resource_id(conversion.map_or(&*resource.group, |c| c.group), &resource.plural),
            conversion,
            strategy: skiff_kinds::strategy(&resource.group, &resource.kind),
            root: facts
                .kind(&Gvk::new(&resource.group, &resource.version, &resource.kind))
                .map(|root| (SchemaRef::BuiltIn(&facts.schema), root)),
            resource: resource.clone(),
            custom: None,
            terminating: false,
        };
        let of = |r: &Resource| conversion(&r.group, &r.version, &r.kind);
        resources().iter().map(|resource| Arc::new(kind(resource, of(resource)))).collect()
    }

    fn all(base: &[Arc<Kind>], custom: Vec<Arc<Kind>>) -> Kinds {
        let mut kinds = Kinds { custom: custom.iter().map(|k| k.resource.clone()).collect(), ..Kinds::default() };
        base.iter().cloned().chain(custom).for_each(|kind| kinds.insert(kind));
        kinds
    }

    /// The kinds of this moment.
    pub fn kinds(&self) -> arc_swap::Guard<Arc<Kinds>> {
        self.now.load()
    }

    /// Replaces the custom resources. Kinds that have not changed should be the same ones as before: watchers share lines by
    /// kind.
    pub fn set_custom(&self, custom: Vec<Arc<Kind>>) {
        self.now.store(Arc::new(Self::all(&self.base, custom)));
    }

    /// The built-in resource with this number, in the shape in which it is stored.
    #[must_use]
    pub fn built_in_of(&self, id: ResourceId) -> Option<&Arc<Kind>> {
        self.base.iter().find(|kind| kind.id == id && kind.conversion.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn two_groups_of_one_storage_share_its_number() {
        let registry = Registry::new();
        let kinds = registry.kinds();
        let (core, new) = (kinds.find("", "v1", "events").unwrap(), kinds.find("events.k8s.io", "v1", "events").unwrap());
        assert_eq!((core.id, new.id), (ids::EVENTS, ids::EVENTS));
        assert_eq!(kinds.of_id(ids::EVENTS).unwrap().group(), "");
        assert_eq!(kinds.of_kind("events.k8s.io", "Event").unwrap().group(), "events.k8s.io");
        let object =
            serde_json::json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "note": "n"});
        let body = pack(&new.stored(&object), true);
        assert_eq!(unpack(&body)["message"], "n");
        assert_eq!(unpack(&new.shown(body.into()))["note"], "n");
    }

    #[test]
    fn numbers_of_resources_do_not_collide() {
        let mut seen: HashMap<ResourceId, String> = HashMap::new();
        for r in resources() {
            let name = format!("{}.{}", r.plural, r.group);
            if let Some(other) = seen.insert(resource_id(&r.group, &r.plural), name.clone()) {
                assert_eq!(other, name);
            }
        }
    }
}
