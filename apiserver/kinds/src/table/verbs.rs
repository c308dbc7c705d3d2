//! Sets of API verbs as bits. Knows their names and the two orders in which upstream's discovery lists them, nothing else.

use std::ops::BitOr;

/// A set of API verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Verbs(u8);

/// Alphabetical, as built-in resources show them.
const SORTED: [(Verbs, &str); 8] = [
    (Verbs::CREATE, "create"),
    (Verbs::DELETE, "delete"),
    (Verbs::DELETE_COLLECTION, "deletecollection"),
    (Verbs::GET, "get"),
    (Verbs::LIST, "list"),
    (Verbs::PATCH, "patch"),
    (Verbs::UPDATE, "update"),
    (Verbs::WATCH, "watch"),
];

/// The order of custom resources, written down so in upstream's controller.
const CUSTOM: [(Verbs, &str); 8] = [
    (Verbs::DELETE, "delete"),
    (Verbs::DELETE_COLLECTION, "deletecollection"),
    (Verbs::GET, "get"),
    (Verbs::LIST, "list"),
    (Verbs::PATCH, "patch"),
    (Verbs::CREATE, "create"),
    (Verbs::UPDATE, "update"),
    (Verbs::WATCH, "watch"),
];

impl Verbs {
    /// `create`
    pub const CREATE: Verbs = Verbs(1);
    /// `delete`
    pub const DELETE: Verbs = Verbs(2);
    /// `deletecollection`
    pub const DELETE_COLLECTION: Verbs = Verbs(4);
    /// `get`
    pub const GET: Verbs = Verbs(8);
    /// `list`
    pub const LIST: Verbs = Verbs(16);
    /// `patch`
    pub const PATCH: Verbs = Verbs(32);
    /// `update`
    pub const UPDATE: Verbs = Verbs(64);
    /// `watch`
    pub const WATCH: Verbs = Verbs(128);
    /// All eight.
    pub const ALL: Verbs = Verbs(255);
    /// All but `deletecollection` (namespaces).
    pub const ONE_BY_ONE: Verbs = Verbs(!4);
    /// `get`, `patch`, `update`: what most subresources take.
    pub const EDIT: Verbs = Verbs(8 | 32 | 64);
    /// `get`, `list`.
    pub const READ: Verbs = Verbs(8 | 16);
    /// `create`, `get`: exec, attach, portforward.
    pub const CONNECT: Verbs = Verbs(1 | 8);
    /// `create`, `delete`, `get`, `patch`, `update`: proxies.
    pub const PROXY: Verbs = Verbs(1 | 2 | 8 | 32 | 64);

    /// Whether all verbs of `other` are in the set.
    #[must_use]
    pub const fn contains(self, other: Verbs) -> bool {
        self.0 & other.0 == other.0
    }

    /// The verb of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Verbs> {
        SORTED.iter().find(|(_, n)| *n == name).map(|(v, _)| *v)
    }

    /// The names in alphabetical order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        SORTED.into_iter().filter(move |(v, _)| self.contains(*v)).map(|(_, n)| n)
    }

    /// The names in the order of custom resources.
    pub fn custom_names(self) -> impl Iterator<Item = &'static str> {
        CUSTOM.into_iter().filter(move |(v, _)| self.contains(*v)).map(|(_, n)| n)
    }
}

impl BitOr for Verbs {
    type Output = Verbs;
    fn bitor(self, other: Verbs) -> Verbs {
        Verbs(self.0 | other.0)
    }
}
