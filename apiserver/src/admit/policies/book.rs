//! The policies in force: each compiled once, with the bindings that name it.

use crate::registry::ids;
use crate::store::body::unpack;
use crate::verbs::house::House;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde_json::Value;
use skiff_admission::{Binding, Flavour, Hook, Policy};
use skiff_engine::record::{Document, ResourceId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is in force at a moment, by name of the policy.
#[derive(Default)]
pub struct InForce {
    /// ValidatingAdmissionPolicies.
    pub validating: Vec<Hook>,
    /// MutatingAdmissionPolicies.
    pub mutating: Vec<Hook>,
}

/// All policies and bindings.
#[derive(Default)]
pub struct PolicyBook {
    now: ArcSwap<InForce>,
    validating: Mutex<Side>,
    mutating: Mutex<Side>,
}

/// The documents of one kind of policy.
#[derive(Default)]
struct Side {
    policies: BTreeMap<String, Held>,
    bindings: BTreeMap<String, Arc<Binding>>,
}

struct Held {
    spec: Value,
    policy: Arc<Policy>,
}

/// What a document is.
enum Part {
    Policy,
    Binding,
}

fn part(resource: ResourceId) -> Option<(Flavour, Part)> {
    Some(match resource {
        ids::VALIDATING_POLICIES => (Flavour::Validating, Part::Policy),
        ids::VALIDATING_POLICY_BINDINGS => (Flavour::Validating, Part::Binding),
        ids::MUTATING_POLICIES => (Flavour::Mutating, Part::Policy),
        ids::MUTATING_POLICY_BINDINGS => (Flavour::Mutating, Part::Binding),
        _ => return None,
    })
}

impl Side {
    fn hooks(&self) -> Vec<Hook> {
        let bound = |name: &str| self.bindings.values().filter(|binding| *binding.policy == *name).cloned().collect::<Vec<_>>();
        let all = self.policies.iter().map(|(name, held)| Hook { policy: held.policy.clone(), bindings: bound(name) });
        all.filter(|hook| !hook.bindings.is_empty()).collect()
    }

    /// Says whether anything has changed.
    fn put_policy(&mut self, flavour: Flavour, key: &str, document: &Value) -> bool {
        // A status is written more often than a policy, and compiling costs.
        if self.policies.get(key).is_some_and(|held| held.spec == document["spec"]) {
            return false;
        }
        let policy = Arc::new(Policy::compile(flavour, document));
        self.policies.insert(key.to_owned(), Held { spec: document["spec"].clone(), policy });
        true
    }
}

impl PolicyBook {
    /// What is in force.
    pub fn now(&self) -> arc_swap::Guard<Arc<InForce>> {
        self.now.load()
    }

    /// `paramKind` of a policy, if it has one: version and kind. `None` if there is no such policy.
    #[must_use]
    pub fn param_kind(&self, flavour: Flavour, name: &str) -> Option<Option<(Box<str>, Box<str>)>> {
        self.side(flavour).lock().policies.get(name).map(|held| held.policy.param_kind.clone())
    }

    fn side(&self, flavour: Flavour) -> &Mutex<Side> {
        match flavour {
            Flavour::Validating => &self.validating,
            Flavour::Mutating => &self.mutating,
        }
    }

    fn take(&self, resource: ResourceId, key: &str, after: Option<&Document>) {
        let Some((flavour, part)) = part(resource) else { return };
        let mut side = self.side(flavour).lock();
        let changed = match (part, after) {
            (Part::Policy, Some(document)) => side.put_policy(flavour, key, &unpack(&document.body)),
            (Part::Policy, None) => side.policies.remove(key).is_some(),
            (Part::Binding, Some(document)) => {
                side.bindings.insert(key.to_owned(), Arc::new(Binding::read(&unpack(&document.body))));
                true
            }
            (Part::Binding, None) => side.bindings.remove(key).is_some(),
        };
        if !changed {
            return;
        }
        let hooks = side.hooks();
        let before = self.now.load();
        self.now.store(Arc::new(match flavour {
            Flavour::Validating => InForce { validating: hooks, mutating: before.mutating.clone() },
            Flavour::Mutating => InForce { validating: before.validating.clone(), mutating: hooks },
        }));
    }
}

/// Brings the book up to date with a document that changed. Turns come one after the other, so no change is lost.
pub fn follow(house: &House, resource: ResourceId, key: &str, after: Option<&Document>) {
    house.policies.take(resource, key, after);
}

/// Reads all documents, at the start.
pub fn load(house: &House) {
    let core = house.store.read();
    for resource in
        [ids::VALIDATING_POLICIES, ids::VALIDATING_POLICY_BINDINGS, ids::MUTATING_POLICIES, ids::MUTATING_POLICY_BINDINGS]
    {
        for (key, document) in core.world.documents.table(resource) {
            follow(house, resource, key, Some(document));
        }
    }
}
