//! An identity, as every authenticator of this crate yields it and every authorizer reads it.
//!
//! Must not know how the identity was proven.

use serde_json::{Map, Value, json};

/// The name of whoever presented nothing.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of whoever presented nothing.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of everyone who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group that RBAC does not hold back.
pub const MASTERS: &str = "system:masters";
/// What the name of a ServiceAccount's user begins with.
pub const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
/// The group of all ServiceAccounts; followed by `:<namespace>` that of one namespace's.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";

/// Who sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name RBAC subjects of kind User name.
    pub name: String,
    /// Tells users of one name over time apart; may be empty.
    pub uid: String,
    /// The groups, in the order they were given.
    pub groups: Vec<String>,
    /// Further facts, by key.
    pub extra: Vec<(String, Vec<String>)>,
}

impl User {
    /// Whoever presented nothing.
    #[must_use]
    pub fn anonymous() -> User {
        User { name: ANONYMOUS.into(), groups: vec![UNAUTHENTICATED.into()], ..User::default() }
    }

    /// The administrator a fresh server is started with.
    #[must_use]
    pub fn admin() -> User {
        User { name: "admin".into(), uid: "admin".into(), groups: vec![MASTERS.into()], extra: Vec::new() }
            .with_authenticated_group()
    }

    /// The user of a ServiceAccount, without uid and extra.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> User {
        User {
            name: format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"),
            groups: service_account_groups(namespace),
            ..User::default()
        }
    }

    /// Whether nothing was presented.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    /// Whether the user is in a group.
    #[must_use]
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|held| held == group)
    }

    /// The same user, in `system:authenticated`. Anonymous users and those already in it stay as they are.
    #[must_use]
    pub fn with_authenticated_group(mut self) -> User {
        if !self.is_anonymous() && !self.in_group(AUTHENTICATED) && !self.in_group(UNAUTHENTICATED) {
            self.groups.push(AUTHENTICATED.into());
        }
        self
    }

    /// The user as `UserInfo` of authentication.k8s.io; what is empty is left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut info = Map::new();
        if !self.name.is_empty() {
            info.insert("username".into(), json!(self.name));
        }
        if !self.uid.is_empty() {
            info.insert("uid".into(), json!(self.uid));
        }
        if !self.groups.is_empty() {
            info.insert("groups".into(), json!(self.groups));
        }
        if !self.extra.is_empty() {
            // Upstream keeps a map, and its encoder writes maps by sorted key.
            let mut sorted: Vec<_> = self.extra.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            let extra: Map<String, Value> = sorted.into_iter().map(|(key, values)| (key.clone(), json!(values))).collect();
            info.insert("extra".into(), Value::Object(extra));
        }
        Value::Object(info)
    }
}

/// The groups every ServiceAccount of a namespace is in.
#[must_use]
pub fn service_account_groups(namespace: &str) -> Vec<String> {
    vec![SERVICE_ACCOUNTS.into(), format!("{SERVICE_ACCOUNTS}:{namespace}")]
}

/// Namespace and name, where a user's name is a ServiceAccount's.
#[must_use]
pub fn split_service_account(user_name: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user_name.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_reads_as_recorded() {
        let wanted = json!({"username": "admin", "uid": "admin", "groups": ["system:masters", "system:authenticated"]});
        assert_eq!(User::admin().to_json(), wanted);
    }

    #[test]
    fn anonymous_users_never_become_authenticated() {
        assert_eq!(User::anonymous().with_authenticated_group().groups, ["system:unauthenticated"]);
    }

    #[test]
    fn only_whole_names_are_service_accounts() {
        assert_eq!(split_service_account("system:serviceaccount:a:b"), Some(("a", "b")));
        for name in ["system:serviceaccount:a", "system:serviceaccount::b", "system:serviceaccount:a:b:c", "alice"] {
            assert_eq!(split_service_account(name), None);
        }
    }
}
