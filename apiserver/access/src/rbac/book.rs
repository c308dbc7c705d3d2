//! The book of roles and bindings, indexed by whom they grant to.
//!
//! Fed object by object, in any order: a binding may come before its role. Must not know where the objects are stored.

use super::role::{Binding, Role, Rules, Subject, Target, reference_kind};
use super::rule::Rule;
use super::{Attributes, Decision, RoleKind, describe};
use crate::user::{MASTERS, User};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bindings by whom they grant to.
#[derive(Default)]
struct Index {
    users: HashMap<String, Vec<Arc<Binding>>>,
    groups: HashMap<String, Vec<Arc<Binding>>>,
}

/// All roles and bindings of a cluster.
#[derive(Default)]
pub struct RoleBook {
    roles: HashMap<String, Role>,
    /// Ordered, so that what an aggregated role gathers does not depend on the order of arrival.
    cluster_roles: BTreeMap<String, Role>,
    bindings: HashMap<(RoleKind, String), Arc<Binding>>,
    everywhere: Index,
    by_namespace: HashMap<String, Index>,
}

impl RoleBook {
    /// A book without roles: only `system:masters` may do anything.
    #[must_use]
    pub fn new() -> RoleBook {
        RoleBook::default()
    }

    /// Takes in an object, new or changed. The key is `namespace/name`, or the name for the cluster-wide kinds.
    pub fn put(&mut self, kind: RoleKind, key: &str, object: &Value) {
        match kind {
            RoleKind::Role => {
                self.roles.insert(key.into(), Role::read(object));
            }
            RoleKind::ClusterRole => {
                let before = self.cluster_roles.insert(key.into(), Role::read(object));
                self.gather_after(key, before.as_ref());
            }
            RoleKind::RoleBinding | RoleKind::ClusterRoleBinding => {
                self.unbind(kind, key);
                let binding = Arc::new(Binding::read(kind, key, object));
                self.index(&binding.namespace).add(&binding);
                self.bindings.insert((kind, key.into()), binding);
            }
        }
    }

    /// Forgets an object, if known.
    pub fn remove(&mut self, kind: RoleKind, key: &str) {
        match kind {
            RoleKind::Role => {
                self.roles.remove(key);
            }
            RoleKind::ClusterRole => {
                let before = self.cluster_roles.remove(key);
                self.gather_after(key, before.as_ref());
            }
            RoleKind::RoleBinding | RoleKind::ClusterRoleBinding => self.unbind(kind, key),
        }
    }

    /// The rules an aggregated ClusterRole has gathered, to be written back into its `rules` as upstream's controller
    /// does. None for roles that gather nothing.
    #[must_use]
    pub fn aggregated_rules(&self, name: &str) -> Option<Vec<Value>> {
        let role = self.cluster_roles.get(name).filter(|role| role.selectors.is_some())?;
        Some(role.rules.iter().map(|rule| rule.to_json()).collect())
    }

    /// The names of all ClusterRoles that gather rules.
    #[must_use]
    pub fn aggregated_roles(&self) -> Vec<&str> {
        let gathering = self.cluster_roles.iter().filter(|(_, role)| role.selectors.is_some());
        gathering.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether a request may go on.
    #[must_use]
    pub fn authorize(&self, asked: &Attributes) -> Decision {
        if asked.user.in_group(MASTERS) {
            return Decision { allowed: true, reason: String::new() };
        }
        let namespace = if asked.path.is_some() { "" } else { asked.namespace };
        let mut errors = Vec::new();
        let found = self.visit(asked.user, namespace, &mut |binding, subject| {
            let Some(rules) = self.rules_of(binding) else {
                errors.push(describe::unresolved(binding));
                return ControlFlow::Continue(());
            };
            if rules.iter().any(|rule| rule.allows(asked)) {
                return ControlFlow::Break(describe::allowed_by(binding, subject));
            }
            ControlFlow::Continue(())
        });
        match found {
            ControlFlow::Break(reason) => Decision { allowed: true, reason },
            ControlFlow::Continue(()) if errors.is_empty() => Decision { allowed: false, reason: String::new() },
            ControlFlow::Continue(()) => Decision { allowed: false, reason: format!("RBAC: {}", describe::all_errors(errors)) },
        }
    }

    /// The rules a roleRef stands for; `namespace` is its binding's. None where there is no such role.
    #[must_use]
    pub fn role_rules(&self, role_ref: &Value, namespace: &str) -> Option<Vec<Value>> {
        let name = role_ref.get("name").and_then(Value::as_str)?;
        let rules = match reference_kind(role_ref)? {
            RoleKind::Role => &self.roles.get(&format!("{namespace}/{name}"))?.rules,
            _ => &self.cluster_roles.get(name)?.rules,
        };
        Some(rules.iter().map(|rule| rule.to_json()).collect())
    }

    /// All rules a user holds in a namespace, cluster-wide ones first, and what could not be resolved.
    pub(super) fn held(&self, user: &User, namespace: &str) -> (Vec<Arc<Rule>>, Vec<String>) {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        let _ = self.visit(user, namespace, &mut |binding, _| {
            match self.rules_of(binding) {
                Some(found) => rules.extend(found.iter().cloned()),
                None => errors.push(describe::unresolved(binding)),
            }
            ControlFlow::Continue(())
        });
        (rules, errors)
    }

    /// Shows every binding of a user's own: those for the whole cluster, then the namespace's, if one is named.
    fn visit(
        &self,
        user: &User,
        namespace: &str,
        see: &mut impl FnMut(&Binding, &Subject) -> ControlFlow<String>,
    ) -> ControlFlow<String> {
        self.everywhere.visit(user, see)?;
        match self.by_namespace.get(namespace).filter(|_| !namespace.is_empty()) {
            Some(index) => index.visit(user, see),
            None => ControlFlow::Continue(()),
        }
    }

    fn rules_of(&self, binding: &Binding) -> Option<&Rules> {
        match (binding.role_kind?, binding.kind) {
            (RoleKind::Role, RoleKind::RoleBinding) => Some(&self.roles.get(&binding.role_key)?.rules),
            // A Role is of one namespace; nothing cluster-wide can refer to it.
            (RoleKind::Role, _) => None,
            _ => Some(&self.cluster_roles.get(&binding.role_key)?.rules),
        }
    }

    fn index(&mut self, namespace: &str) -> &mut Index {
        match namespace {
            "" => &mut self.everywhere,
            _ => self.by_namespace.entry(namespace.to_owned()).or_default(),
        }
    }

    fn unbind(&mut self, kind: RoleKind, key: &str) {
        let Some(binding) = self.bindings.remove(&(kind, key.to_owned())) else { return };
        self.index(&binding.namespace).take(&binding);
        if self.by_namespace.get(&binding.namespace).is_some_and(|index| index.is_empty()) {
            self.by_namespace.remove(&binding.namespace);
        }
    }

    /// Gathers anew, if any aggregated role can see the change of a ClusterRole.
    fn gather_after(&mut self, key: &str, before: Option<&Role>) {
        let after = self.cluster_roles.get(key);
        let gathers = |role: Option<&Role>| role.is_some_and(|role| role.selectors.is_some());
        let seen =
            |role: Option<&Role>| role.is_some_and(|role| self.cluster_roles.values().any(|other| other.gathers(&role.labels)));
        if gathers(before) || gathers(after) || seen(before) || seen(after) {
            self.gather();
        }
    }

    /// Fills the rules of every aggregated role. Such roles gather one another (admin gathers edit), so a role's plain
    /// sources are found first, through however many aggregated ones in between.
    fn gather(&mut self) {
        let gathering: Vec<String> = self.aggregated_roles().into_iter().map(str::to_owned).collect();
        let gathered: Vec<Rules> = gathering.iter().map(|name| self.gathered(name)).collect();
        for (name, rules) in gathering.iter().zip(gathered) {
            if let Some(role) = self.cluster_roles.get_mut(name) {
                role.rules = rules;
            }
        }
    }

    fn gathered(&self, name: &str) -> Rules {
        let mut reached = vec![name];
        let mut rules: Vec<Arc<Rule>> = Vec::new();
        let mut at = 0;
        while let Some(role) = reached.get(at).and_then(|name| self.cluster_roles.get(*name)) {
            at += 1;
            if role.selectors.is_none() {
                for rule in role.rules.iter().filter(|rule| !rules.contains(rule)).collect::<Vec<_>>() {
                    rules.push(Arc::clone(rule));
                }
                continue;
            }
            let sources = self.cluster_roles.iter().filter(|(_, source)| role.gathers(&source.labels));
            for (source, _) in sources {
                if !reached.contains(&source.as_str()) {
                    reached.push(source);
                }
            }
        }
        rules.into()
    }
}

impl Index {
    fn bucket(&mut self, target: &Target) -> &mut Vec<Arc<Binding>> {
        match target {
            Target::User(name) => self.users.entry(name.clone()).or_default(),
            Target::Group(name) => self.groups.entry(name.clone()).or_default(),
        }
    }

    fn add(&mut self, binding: &Arc<Binding>) {
        for subject in &binding.subjects {
            let bucket = self.bucket(&subject.target);
            // A binding may name one subject twice.
            if !bucket.iter().any(|held| Arc::ptr_eq(held, binding)) {
                bucket.push(Arc::clone(binding));
            }
        }
    }

    fn take(&mut self, binding: &Arc<Binding>) {
        for subject in &binding.subjects {
            let (map, name) = match &subject.target {
                Target::User(name) => (&mut self.users, name),
                Target::Group(name) => (&mut self.groups, name),
            };
            if let Some(bucket) = map.get_mut(name) {
                bucket.retain(|held| !Arc::ptr_eq(held, binding));
                if bucket.is_empty() {
                    map.remove(name);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    fn visit(&self, user: &User, see: &mut impl FnMut(&Binding, &Subject) -> ControlFlow<String>) -> ControlFlow<String> {
        for binding in self.users.get(&user.name).into_iter().flatten() {
            let own = |subject: &&Subject| matches!(&subject.target, Target::User(name) if *name == user.name);
            if let Some(subject) = binding.subjects.iter().find(own) {
                see(binding, subject)?;
            }
        }
        for group in &user.groups {
            for binding in self.groups.get(group).into_iter().flatten() {
                let own = |subject: &&Subject| matches!(&subject.target, Target::Group(name) if name == group);
                if let Some(subject) = binding.subjects.iter().find(own) {
                    see(binding, subject)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}
