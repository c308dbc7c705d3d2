//! Acting as somebody else: what the `Impersonate-*` headers ask for.
//!
//! Fed with a request's headers after authentication. Must not know how HTTP carries them; that the headers are taken off
//! the request afterwards is for the caller.

mod modes;
#[cfg(test)]
mod tests;

pub use modes::{Granted, Refusal};

use crate::rbac::Attributes;
use crate::rbac::quoted;
use crate::user::{ANONYMOUS, UNAUTHENTICATED, User, service_account_groups, split_service_account};

const USER_HEADER: &str = "impersonate-user";
const GROUP_HEADER: &str = "impersonate-group";
const UID_HEADER: &str = "impersonate-uid";
const EXTRA_HEADER_PREFIX: &str = "impersonate-extra-";
/// The API group of uids and userextras.
pub(crate) const AUTHENTICATION: &str = "authentication.k8s.io";

/// Somebody to act as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Whom the request goes on as, by the verb `impersonate`.
    pub user: User,
    /// What the requester must hold the verb `impersonate` on, all of it.
    pub checks: Vec<Check>,
    /// The user as the headers spell it, without any group added.
    wanted: User,
}

/// One thing to be allowed to impersonate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// The API group.
    pub group: String,
    /// `users`, `groups`, `serviceaccounts`, `uids` or `userextras`.
    pub resource: String,
    /// The key, for `userextras`.
    pub subresource: String,
    /// The namespace, for `serviceaccounts`.
    pub namespace: String,
    /// Who or which.
    pub name: String,
}

impl Check {
    /// The check as RBAC asks it.
    #[must_use]
    pub fn attributes<'a>(&'a self, requester: &'a User, verb: &'a str) -> Attributes<'a> {
        Attributes {
            user: requester,
            verb,
            group: &self.group,
            resource: &self.resource,
            subresource: &self.subresource,
            name: &self.name,
            namespace: &self.namespace,
            path: None,
        }
    }
}

/// What a request's headers ask for; None where none of them is about impersonation. Names may be of any case.
///
/// # Errors
/// Groups, a uid or extra without a user: the message of a 400, as upstream's.
pub fn requested<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Option<Impersonation>, String> {
    let mut wanted = User::default();
    let mut others = false;
    for (header, value) in headers {
        // Nearly every header of nearly every request is another's; no allocation for those.
        if !header.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("impersonate")) {
            continue;
        }
        let header = header.to_ascii_lowercase();
        match header.as_str() {
            USER_HEADER if wanted.name.is_empty() => wanted.name = value.into(),
            UID_HEADER if wanted.uid.is_empty() => {
                wanted.uid = value.into();
                others |= !value.is_empty();
            }
            GROUP_HEADER => {
                wanted.groups.push(value.into());
                others = true;
            }
            _ => {
                let Some(key) = header.strip_prefix(EXTRA_HEADER_PREFIX) else { continue };
                add_extra(&mut wanted, unescaped(key), value);
                others = true;
            }
        }
    }
    if !wanted.name.is_empty() {
        return Ok(Some(Impersonation { user: with_implied_groups(&wanted), checks: legacy_checks(&wanted), wanted }));
    }
    if others {
        return Err(format!("requested {} without impersonating a user name", go_syntax(&wanted)));
    }
    Ok(None)
}

fn add_extra(wanted: &mut User, key: String, value: &str) {
    match wanted.extra.iter_mut().find(|(held, _)| *held == key) {
        Some((_, values)) => values.push(value.into()),
        None => wanted.extra.push((key, vec![value.into()])),
    }
}

/// Decodes `%xx`; a text that is not rightly encoded stays as it is.
fn unescaped(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let mut byte = [0];
        match after.get(..2) {
            Some(digits) if hex::decode_to_slice(digits, &mut byte).is_ok() => bytes.push(byte[0]),
            _ => return key.into(),
        }
        rest = &after[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| key.into())
}

/// The user with the groups that come of themselves: a ServiceAccount's where none are named, and whether authenticated.
fn with_implied_groups(wanted: &User) -> User {
    let mut user = wanted.clone();
    if let (Some((namespace, _)), true) = (split_service_account(&user.name), user.groups.is_empty()) {
        user.groups = service_account_groups(namespace);
    }
    if user.name == ANONYMOUS && !user.in_group(UNAUTHENTICATED) {
        user.groups.push(UNAUTHENTICATED.into());
    }
    user.with_authenticated_group()
}

fn legacy_checks(wanted: &User) -> Vec<Check> {
    let core = |resource: &str, namespace: &str, name: &str| Check {
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Check::default()
    };
    let mut checks = vec![match split_service_account(&wanted.name) {
        Some((namespace, name)) => core("serviceaccounts", namespace, name),
        None => core("users", "", &wanted.name),
    }];
    if !wanted.uid.is_empty() {
        checks.push(Check { group: AUTHENTICATION.into(), ..core("uids", "", &wanted.uid) });
    }
    checks.extend(wanted.groups.iter().map(|group| core("groups", "", group)));
    for (key, values) in &wanted.extra {
        checks.extend(values.iter().map(|value| Check {
            group: AUTHENTICATION.into(),
            subresource: key.clone(),
            ..core("userextras", "", value)
        }));
    }
    checks
}

/// A user as Go's `%#v` writes upstream's type.
fn go_syntax(user: &User) -> String {
    let strings = |texts: &[String]| {
        let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        format!("[]string{{{}}}", quoted.join(", "))
    };
    let groups = if user.groups.is_empty() { "[]string(nil)".to_owned() } else { strings(&user.groups) };
    let mut extra: Vec<String> = user.extra.iter().map(|(key, values)| format!("{}:{}", quoted(key), strings(values))).collect();
    extra.sort();
    let extra = match extra.is_empty() {
        true => "map[string][]string(nil)".to_owned(),
        false => format!("map[string][]string{{{}}}", extra.join(", ")),
    };
    format!("&user.DefaultInfo{{Name:\"\", UID:{}, Groups:{groups}, Extra:{extra}}}", quoted(&user.uid))
}
