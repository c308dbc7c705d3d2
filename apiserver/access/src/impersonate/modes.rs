//! Who may act as whom: the constrained modes of 1.36 first, then the verb `impersonate` as it always was.
//!
//! Fed by the request path with what the headers ask for and what the request itself is. Every mode that applies is tried,
//! and where none allows it, the first one's refusal is the answer; so a requester without any right reads of a verb such
//! as `impersonate-on:user-info:list` on what the request was for. Must not know of headers.

use super::{AUTHENTICATION, Check, Impersonation, legacy_checks, with_implied_groups};
use crate::rbac::{Attributes, RoleBook, forbidden_message};
use crate::user::{MASTERS, User, split_service_account};

const NODE_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";
/// The extra that tells on which node a ServiceAccount's pod runs.
const NODE_NAME_KEY: &str = "authentication.kubernetes.io/node-name";
const ALL: &str = "*";
/// From how many checks on one for all of them is tried first.
const MANY: usize = 4;

/// Leave to act as somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Whom the request goes on as.
    pub user: User,
    /// The verb that allowed it, for the audit; empty for plain `impersonate`.
    pub constraint: String,
}

/// A refusal, with what its Status names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The whole message.
    pub message: String,
    /// `details.group`.
    pub group: String,
    /// `details.kind`.
    pub resource: String,
    /// `details.name`.
    pub name: String,
}

#[derive(Clone, Copy)]
enum Mode {
    AssociatedNode,
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
}

impl Mode {
    const ALL: [Mode; 4] = [Mode::AssociatedNode, Mode::ArbitraryNode, Mode::ServiceAccount, Mode::UserInfo];

    fn name(self) -> &'static str {
        match self {
            Mode::AssociatedNode => "associated-node",
            Mode::ArbitraryNode => "arbitrary-node",
            Mode::ServiceAccount => "serviceaccount",
            Mode::UserInfo => "user-info",
        }
    }

    fn applies(self, wanted: &User, requester: &User) -> bool {
        let name_only = wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        let node = node_name(&wanted.name);
        let account = split_service_account(&wanted.name).is_some();
        match self {
            Mode::AssociatedNode => {
                let own = requester.extra.iter().find(|(key, _)| key == NODE_NAME_KEY).map(|(_, values)| values.as_slice());
                name_only
                    && node.is_some_and(|node| matches!(own, Some([own]) if own == node))
                    && split_service_account(&requester.name).is_some()
            }
            Mode::ArbitraryNode => name_only && node.is_some(),
            Mode::ServiceAccount => name_only && account,
            Mode::UserInfo => node.is_none() && !account,
        }
    }
}

impl Impersonation {
    /// Whether the requester of `asked` may make that request as the wanted user.
    ///
    /// # Errors
    /// No mode allows it: the first refusal.
    pub fn decide(&self, book: &RoleBook, asked: &Attributes) -> Result<Granted, Refusal> {
        let mut first = None;
        for mode in Mode::ALL.into_iter().filter(|mode| mode.applies(&self.wanted, asked.user)) {
            match self.constrained(mode, book, asked) {
                Ok(granted) => return Ok(granted),
                Err(refusal) => {
                    first.get_or_insert(refusal);
                }
            }
        }
        let refused = self.checks.iter().find_map(|check| permit(book, &check.attributes(asked.user, "impersonate")).err());
        match refused {
            None => Ok(Granted { user: self.user.clone(), constraint: String::new() }),
            Some(refusal) => Err(first.unwrap_or(refusal)),
        }
    }

    fn constrained(&self, mode: Mode, book: &RoleBook, asked: &Attributes) -> Result<Granted, Refusal> {
        let on = format!("impersonate-on:{}:{}", mode.name(), asked.verb);
        permit(book, &Attributes { verb: &on, ..*asked })?;
        let verb = format!("impersonate:{}", mode.name());
        let mut checks = constrained_checks(&self.wanted);
        if matches!(mode, Mode::AssociatedNode) {
            // Leave for one's own node is leave for whichever that is.
            checks[0].name = ALL.into();
        }
        let of = |resource: &str| checks.iter().filter(|check| check.resource == resource).cloned().collect::<Vec<_>>();
        for resource in ["users", "nodes", "serviceaccounts", "uids"] {
            permit_each(book, &of(resource), asked.user, &verb)?;
        }
        self.permit_groups(book, &of("groups"), asked.user, &verb)?;
        self.permit_extra(book, &of("userextras"), asked.user, &verb)?;
        let mut wanted = self.wanted.clone();
        if node_name(&wanted.name).is_some() {
            wanted.groups = vec![NODES.into()];
        }
        Ok(Granted { user: with_implied_groups(&wanted), constraint: verb })
    }

    fn permit_groups(&self, book: &RoleBook, checks: &[Check], requester: &User, verb: &str) -> Result<(), Refusal> {
        let Some(first) = checks.first() else { return Ok(()) };
        if checks.iter().any(|check| check.name.is_empty()) {
            let check = Check { name: String::new(), ..first.clone() };
            let why = "impersonating the empty string group is not allowed";
            return Err(refusal(&check.attributes(requester, verb), why));
        }
        if let Some(masters) = checks.iter().find(|check| check.name == MASTERS) {
            let why = "impersonating the system:masters group is not allowed";
            return Err(refusal(&masters.attributes(requester, verb), why));
        }
        let every = Check { name: ALL.into(), ..first.clone() };
        if checks.len() >= MANY && permit(book, &every.attributes(requester, verb)).is_ok() {
            return Ok(());
        }
        permit_each(book, checks, requester, verb)
    }

    fn permit_extra(&self, book: &RoleBook, checks: &[Check], requester: &User, verb: &str) -> Result<(), Refusal> {
        let Some(first) = checks.first() else { return Ok(()) };
        if let Some(why) = self.wanted.extra.iter().find_map(|(key, values)| extra_problem(key, values)) {
            let check = Check { subresource: String::new(), name: String::new(), ..first.clone() };
            return Err(refusal(&check.attributes(requester, verb), &why));
        }
        let every = Check { subresource: ALL.into(), name: ALL.into(), ..first.clone() };
        if checks.len() >= MANY && permit(book, &every.attributes(requester, verb)).is_ok() {
            return Ok(());
        }
        permit_each(book, checks, requester, verb)
    }
}

fn permit(book: &RoleBook, asked: &Attributes) -> Result<(), Refusal> {
    let decision = book.authorize(asked);
    if decision.allowed { Ok(()) } else { Err(refusal(asked, &decision.reason)) }
}

fn permit_each(book: &RoleBook, checks: &[Check], requester: &User, verb: &str) -> Result<(), Refusal> {
    checks.iter().try_for_each(|check| permit(book, &check.attributes(requester, verb)))
}

fn refusal(asked: &Attributes, reason: &str) -> Refusal {
    Refusal {
        message: forbidden_message(asked, reason),
        group: asked.group.into(),
        resource: asked.resource.into(),
        name: asked.name.into(),
    }
}

/// The same things as ever, but users and groups are of the authentication group here, and nodes are nodes.
fn constrained_checks(wanted: &User) -> Vec<Check> {
    let mut checks = legacy_checks(wanted);
    for check in &mut checks {
        check.group = AUTHENTICATION.into();
    }
    if let Some(node) = node_name(&wanted.name) {
        checks[0].resource = "nodes".into();
        checks[0].name = node.into();
    }
    checks
}

fn extra_problem(key: &str, values: &[String]) -> Option<String> {
    if key.is_empty() {
        return Some("impersonating the empty string key in extra is not allowed".into());
    }
    if !key.split_once('/').is_some_and(|(domain, path)| is_subdomain(domain) && !path.is_empty()) {
        let shown = crate::rbac::quoted(key);
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        return Some(format!("impersonating an invalid key in extra is not allowed: extra.key: Invalid value: {shown}: {why}"));
    }
    if values.iter().any(String::is_empty) {
        return Some("impersonating the empty string value in extra is not allowed".into());
    }
    None
}

fn node_name(user: &str) -> Option<&str> {
    user.strip_prefix(NODE_PREFIX).filter(|name| is_subdomain(name))
}

fn is_subdomain(name: &str) -> bool {
    let label = |label: &str| {
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        edge(label.bytes().next()) && edge(label.bytes().last()) && label.bytes().all(|byte| byte == b'-' || edge(Some(byte)))
    };
    name.len() <= 253 && name.split('.').all(label)
}
