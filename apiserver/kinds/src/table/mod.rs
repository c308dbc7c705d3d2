//! The resource table: which resources exist, under which names, with which verbs, and where their objects live.
//!
//! Written by hand from upstream's published API; read by the router, discovery, RBAC and the generic stations. It must not
//! know handlers, storage or sockets: it is data. Custom resources use the same [`Resource`] with owned names.

mod builtin;
pub mod discovery;
mod groups;
mod knative;
pub mod readme;
pub mod refused;
mod verbs;

#[cfg(test)]
mod tests;

pub use refused::{REFUSED, Refused};
pub use verbs::Verbs;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A name: borrowed in the built-in table, owned for custom resources.
pub type Text = Cow<'static, str>;

/// Where objects of a resource live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A declared document: goes through the log, survives everything.
    Durable,
    /// Kept in memory only, in bounded rings (events, leases).
    Ephemeral,
    /// Derived from other records when read; the few that a client creates by hand are documents beside them.
    Synthesised,
    /// Never stored: a POST is answered at once (reviews, bindings).
    Virtual,
}

/// A subresource of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// `status`, `scale`, `log`, …
    pub name: Text,
    /// What may be done with it.
    pub verbs: Verbs,
    /// Group of the kind it speaks; `None` when it is that of the resource.
    pub group_version: Option<(Text, Text)>,
    /// The kind it speaks.
    pub kind: Text,
}

/// One resource in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group, empty for core.
    pub group: Text,
    /// Version.
    pub version: Text,
    /// Kind.
    pub kind: Text,
    /// Resource name in paths.
    pub plural: Text,
    /// Singular name for clients.
    pub singular: Text,
    /// Kind of the list.
    pub list_kind: Text,
    /// Short names of kubectl.
    pub short_names: Vec<Text>,
    /// Categories (`all`, …).
    pub categories: Vec<Text>,
    /// Lives in a namespace.
    pub namespaced: bool,
    /// What may be done with the resource itself.
    pub verbs: Verbs,
    /// Its subresources, in the order in which discovery shows them.
    pub subresources: Vec<Subresource>,
    /// Base64 of the first eight bytes of SHA-256 over `group/storage version/kind`; empty where nothing is stored.
    pub storage_version_hash: Text,
    /// Where its objects live.
    pub storage: Storage,
    /// The version that a lookup by kind gives; exactly one per group and kind.
    pub preferred: bool,
    /// Upstream serves it from a CustomResourceDefinition: discovery spells verbs and response kinds differently, strategic
    /// merge is refused, unknown field selectors get another text.
    pub custom: bool,
    /// Somebody acts on it: a controller, admission, or nobody is meant to. Where nobody does who should, its objects are documents
    /// only, and an Event says so.
    pub acted_on: bool,
    /// A deletion that says nothing of dependents leaves them (upstream's oldest kinds); with the warning that is given then, empty
    /// for none.
    pub orphans: Option<Text>,
    /// How this version relates to the stored shape, where one kind has several.
    pub conversion: Option<Text>,
}

impl Resource {
    /// A resource with all eight verbs, stored durably, without subresources; the singular is the kind in lower case.
    #[must_use]
    pub fn new(group: impl Into<Text>, version: impl Into<Text>, kind: impl Into<Text>, plural: impl Into<Text>) -> Resource {
        let kind = kind.into();
        Resource {
            group: group.into(),
            version: version.into(),
            singular: kind.to_lowercase().into(),
            list_kind: format!("{kind}List").into(),
            kind,
            plural: plural.into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            verbs: Verbs::ALL,
            subresources: Vec::new(),
            storage_version_hash: Cow::Borrowed(""),
            storage: Storage::Durable,
            preferred: true,
            custom: false,
            acted_on: true,
            orphans: None,
            conversion: None,
        }
    }

    /// The subresource of this name.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether there is a status subresource.
    #[must_use]
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// Whether there is a scale subresource.
    #[must_use]
    pub fn has_scale(&self) -> bool {
        self.subresource("scale").is_some()
    }

    /// `v1` or `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether objects of it can be shown as a Table; create-only kinds cannot and are refused with 406.
    #[must_use]
    pub fn tabular(&self) -> bool {
        self.storage != Storage::Virtual
    }

    /// Makes it cluster-scoped.
    #[must_use]
    pub fn cluster(mut self) -> Resource {
        self.namespaced = false;
        self
    }

    /// Sets short names.
    #[must_use]
    pub fn short(mut self, names: &[&'static str]) -> Resource {
        self.short_names = names.iter().map(|n| Text::Borrowed(n)).collect();
        self
    }

    /// Sets categories.
    #[must_use]
    pub fn categories(mut self, names: &[&'static str]) -> Resource {
        self.categories = names.iter().map(|n| Text::Borrowed(n)).collect();
        self
    }

    /// Sets the verbs.
    #[must_use]
    pub fn verbs(mut self, verbs: Verbs) -> Resource {
        self.verbs = verbs;
        self
    }

    /// Sets where its objects live.
    #[must_use]
    pub fn stored(mut self, storage: Storage) -> Resource {
        self.storage = storage;
        self
    }

    /// Sets the storage version hash.
    #[must_use]
    pub fn hash(mut self, hash: impl Into<Text>) -> Resource {
        self.storage_version_hash = hash.into();
        self
    }

    /// Adds a subresource that speaks the resource's own kind.
    #[must_use]
    pub fn sub(mut self, name: &'static str, verbs: Verbs) -> Resource {
        let kind = self.kind.clone();
        self.subresources.push(Subresource { name: name.into(), verbs, group_version: None, kind });
        self
    }

    /// Adds a subresource that speaks another kind of the same group and version.
    #[must_use]
    pub fn sub_kind(mut self, name: &'static str, verbs: Verbs, kind: &'static str) -> Resource {
        self.subresources.push(Subresource { name: name.into(), verbs, group_version: None, kind: kind.into() });
        self
    }

    /// Adds a subresource that speaks a kind of another group.
    #[must_use]
    pub fn sub_foreign(
        mut self,
        name: &'static str,
        verbs: Verbs,
        group: &'static str,
        version: &'static str,
        kind: &'static str,
    ) -> Resource {
        let group_version = Some((group.into(), version.into()));
        self.subresources.push(Subresource { name: name.into(), verbs, group_version, kind: kind.into() });
        self
    }

    /// Adds `status` with get, patch and update.
    #[must_use]
    pub fn status(self) -> Resource {
        self.sub("status", Verbs::EDIT)
    }

    /// Adds `scale`, which speaks `autoscaling/v1` Scale.
    #[must_use]
    pub fn scale(self) -> Resource {
        self.sub_foreign("scale", Verbs::EDIT, "autoscaling", "v1", "Scale")
    }

    /// Says that its objects are documents only: upstream has a controller for it, and Skiff has none.
    #[must_use]
    pub fn idle(mut self) -> Resource {
        self.acted_on = false;
        self
    }

    /// Says that a deletion without a policy leaves what its objects own, and what is said of that.
    #[must_use]
    pub fn orphaning(mut self, warning: &'static str) -> Resource {
        self.orphans = Some(warning.into());
        self
    }

    /// Says how an additional version relates to the stored one.
    #[must_use]
    pub fn converts(mut self, note: &'static str) -> Resource {
        self.conversion = Some(note.into());
        self
    }

    /// Makes it a version that lookups by kind do not give.
    #[must_use]
    pub fn secondary(mut self) -> Resource {
        self.preferred = false;
        self
    }
}

static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let mut all = builtin::core();
    all.extend(groups::workloads());
    all.extend(groups::policy());
    all.extend(groups::infrastructure());
    all.extend(knative::knative());
    all
});

type ByPath = HashMap<(&'static str, &'static str, &'static str), usize>;

static BY_PATH: LazyLock<ByPath> = LazyLock::new(|| {
    let rows = RESOURCES.iter().enumerate();
    rows.map(|(i, r)| ((r.group.as_ref(), r.version.as_ref(), r.plural.as_ref()), i)).collect()
});

static BY_KIND: LazyLock<HashMap<(&'static str, &'static str), usize>> = LazyLock::new(|| {
    let rows = RESOURCES.iter().enumerate().filter(|(_, r)| r.preferred);
    rows.map(|(i, r)| ((r.group.as_ref(), r.kind.as_ref()), i)).collect()
});

/// Every built-in resource, Knative's included, each version a row.
#[must_use]
pub fn resources() -> &'static [Resource] {
    &RESOURCES
}

/// The built-in resource of a path.
#[must_use]
pub fn by_path(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    let index: &HashMap<(&str, &str, &str), usize> = &BY_PATH;
    index.get(&(group, version, plural)).and_then(|i| RESOURCES.get(*i))
}

/// The built-in resource of a kind, in its preferred version.
#[must_use]
pub fn by_kind(group: &str, kind: &str) -> Option<&'static Resource> {
    let index: &HashMap<(&str, &str), usize> = &BY_KIND;
    index.get(&(group, kind)).and_then(|i| RESOURCES.get(*i))
}
