//! What policies ask of the house: Namespaces, parameters, other versions of an object, and what the sender may do.

use crate::registry::{Kind, Kinds, ids};
use crate::verbs::house::House;
use crate::verbs::reply::{Shown, whole};
use crate::verbs::write;
use parking_lot::RwLock;
use serde_json::Value;
use skiff_access::{Attributes, RoleBook, User};
use skiff_admission::mutating::Workshop;
use skiff_admission::{Resource, Surroundings};
use skiff_custom::cel::{Decide, Wish};
use skiff_patch::apply::Subject;
use skiff_schema::check;
use std::sync::Arc;

/// The house as policies see it.
pub(super) struct Around<'a> {
    pub(super) house: &'a House,
    pub(super) user: &'a User,
    /// How a patched object becomes one again.
    pub(super) finish: &'a dyn Fn(Value) -> Result<Value, String>,
}

/// A kind in a version, by `apiVersion` and `kind`.
fn kind_of(kinds: &Kinds, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
    let of = |found: &&Arc<Kind>| found.kind() == kind && found.resource.api_version() == api_version;
    kinds.all().find(of).cloned()
}

/// A resource in a version, as policies name it.
pub(super) fn resource_of(kind: &Kind) -> Resource {
    let r = &kind.resource;
    Resource {
        group: r.group.as_ref().into(),
        version: r.version.as_ref().into(),
        plural: r.plural.as_ref().into(),
        kind_group: r.group.as_ref().into(),
        kind_version: r.version.as_ref().into(),
        kind: r.kind.as_ref().into(),
    }
}

impl Surroundings for Around<'_> {
    fn namespace(&self, name: &str) -> Option<Value> {
        let kind = self.house.registry.kinds().of_id(ids::NAMESPACES).cloned()?;
        Some(whole(&kind, &self.house.find(&kind, name)?))
    }

    fn equivalents(&self, resource: &Resource, subresource: &str) -> Vec<Resource> {
        let kinds = self.house.registry.kinds();
        let Some(own) = kinds.find(&resource.group, &resource.version, &resource.plural).cloned() else { return Vec::new() };
        // The objects of a subresource like `scale` are the same in every version.
        let kept = |other: &Kind| match &*resource.kind == own.kind() {
            true => resource_of(other),
            false => {
                Resource { version: other.resource.version.as_ref().into(), group: other.group().into(), ..resource.clone() }
            }
        };
        let others = kinds.all().filter(|other| other.id == own.id && !Arc::ptr_eq(other, &own));
        others
            .filter(|other| subresource.is_empty() || other.resource.subresource(subresource).is_some())
            .map(|o| kept(o))
            .collect()
    }

    fn convert(&self, object: &Value, to: &Resource) -> Result<Value, String> {
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let kinds = self.house.registry.kinds();
        let (from, wanted) = (kind_of(&kinds, version, kind), kind_of(&kinds, &to.api_version(), &to.kind));
        let (Some(from), Some(wanted)) = (from, wanted) else {
            return Err(format!("unable to convert to {}: unknown kind", to.api_version()));
        };
        let mut object = from.stored(object).into_owned();
        if let Some(conversion) = &wanted.conversion {
            conversion.show(&mut object);
        }
        object["apiVersion"] = to.api_version().into();
        Ok(object)
    }

    fn param_scope(&self, api_version: &str, kind: &str) -> Option<bool> {
        kind_of(&self.house.registry.kinds(), api_version, kind).map(|kind| kind.resource.namespaced)
    }

    fn params(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: Option<&str>) -> Vec<Value> {
        let Some(kind) = kind_of(&self.house.registry.kinds(), api_version, kind) else { return Vec::new() };
        if let Some(name) = name {
            let key = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
            return self.house.find(&kind, &key).map(|shown| whole(&kind, &shown)).into_iter().collect();
        }
        let core = self.house.store.read();
        let items = core.items(kind.id, namespace).into_iter();
        items.map(|item| whole(&kind, &Shown { version: item.version, body: core.show(&kind, &item.key, &item.view) })).collect()
    }

    fn judge(&self) -> Arc<dyn Decide> {
        Arc::new(Judge { roles: self.house.roles.clone(), user: self.user.clone() })
    }
}

impl Workshop for Around<'_> {
    fn adopt(&self, object: Value) -> Result<Value, String> {
        (self.finish)(object)
    }

    fn typed(&self, resource: &Resource, work: &mut dyn FnMut(Option<Subject<'_>>)) {
        let kinds = self.house.registry.kinds();
        let kind = kind_of(&kinds, &resource.api_version(), &resource.kind);
        match &kind {
            Some(kind) => work(write::subject(kind)),
            // Objects of subresources have types of their own.
            None => {
                let facts = skiff_schema::facts::built_in();
                let root = facts.kind(&skiff_schema::Gvk::new(&resource.kind_group, &resource.kind_version, &resource.kind));
                work(root.map(|root| Subject { schema: &facts.schema, root, origin: skiff_patch::apply::Origin::BuiltIn }));
            }
        }
    }
}

impl Around<'_> {
    /// A patched object of the kind itself: its type is checked, what is missing comes by default.
    pub(super) fn adopt_own(kind: &Kind, mut object: Value) -> Result<Value, String> {
        match (kind.schema(), &kind.custom) {
            (_, Some(version)) => {
                let unknown = skiff_custom::prune::apply(&version.schema, version.root, &mut object);
                unknown.map_err(|e| e.cannot_be_handled(kind.kind(), &kind.resource.version))?;
                skiff_custom::default::apply(&version.tree, &mut object);
            }
            (Some((schema, root)), None) if !kind.resource.custom => {
                let unknown = check::admit_built_in(schema, root, kind.kind(), &mut object)
                    .map_err(|e| e.cannot_be_handled(kind.kind(), &kind.resource.version))?;
                if !unknown.is_empty() {
                    return Err(check::strict_error(&unknown.iter().map(ToString::to_string).collect::<Vec<_>>()));
                }
            }
            _ => {}
        }
        (kind.strategy.default)(&mut object);
        write::complete(kind, &mut object);
        Ok(object)
    }
}

/// Answers `authorizer` from the book of roles.
struct Judge {
    roles: Arc<RwLock<RoleBook>>,
    user: User,
}

impl Decide for Judge {
    fn decide(&self, wish: &Wish) -> (bool, String) {
        let account =
            wish.account.as_ref().map(|(namespace, name)| User::service_account(namespace, name).with_authenticated_group());
        let lower = wish.verb.to_ascii_lowercase();
        let asked = Attributes {
            user: account.as_ref().unwrap_or(&self.user),
            verb: if wish.path.is_some() { &lower } else { &wish.verb },
            group: &wish.group,
            resource: &wish.resource,
            subresource: &wish.subresource,
            name: &wish.name,
            namespace: &wish.namespace,
            path: wish.path.as_deref(),
        };
        let decision = self.roles.read().authorize(&asked);
        (decision.allowed, decision.reason)
    }
}
