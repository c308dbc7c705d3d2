//! Impersonation as recorded and as upstream reads its headers.

use super::*;
use crate::rbac::{RoleBook, RoleKind};
use serde_json::json;

fn ask(headers: &[(&'static str, &'static str)]) -> Result<Option<Impersonation>, String> {
    requested(headers.iter().copied())
}

fn listing(user: &User) -> Attributes<'_> {
    let (verb, resource, namespace) = ("list", "configmaps", "ns");
    Attributes { user, verb, group: "", resource, subresource: "", name: "", namespace, path: None }
}

#[test]
fn other_headers_ask_for_nobody() {
    assert_eq!(ask(&[("accept", "*/*"), ("Impersonate-User", "")]), Ok(None));
}

#[test]
fn everything_named_is_checked() {
    let headers = [
        ("Impersonate-User", "alice"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Uid", "u"),
        ("Impersonate-Extra-Acme.com%2fScopes", "view"),
    ];
    let wanted = ask(&headers).expect("readable").expect("somebody");
    assert_eq!(wanted.user.groups, ["dev", "system:authenticated"]);
    assert_eq!(wanted.user.extra, [("acme.com/scopes".to_owned(), vec!["view".to_owned()])]);
    let resources: Vec<_> = wanted.checks.iter().map(|check| (&*check.resource, &*check.subresource)).collect();
    assert_eq!(resources, [("users", ""), ("uids", ""), ("groups", ""), ("userextras", "acme.com/scopes")]);
}

#[test]
fn a_group_needs_a_user() {
    let text = "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"g\"}, Extra:map[string][]string(nil)} \
                without impersonating a user name";
    assert_eq!(ask(&[("impersonate-group", "g")]), Err(text.to_owned()));
}

#[test]
fn service_accounts_and_nodes_bring_their_groups() {
    let book = RoleBook::new();
    let admin = User::admin();
    let granted = |name| {
        let wanted = ask(&[("impersonate-user", name)]).expect("readable").expect("somebody");
        wanted.decide(&book, &listing(&admin)).expect("masters may").user.groups
    };
    let robot = granted("system:serviceaccount:ns:robot");
    assert_eq!(robot, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
    assert_eq!(granted("system:node:n1"), ["system:nodes", "system:authenticated"]);
    assert_eq!(granted("system:anonymous"), ["system:unauthenticated"]);
}

#[test]
fn the_first_refusal_is_the_answer_and_the_old_verb_still_allows() {
    let mut book = RoleBook::new();
    let robot = User::service_account("ns", "robot");
    let wanted = ask(&[("impersonate-user", "alice")]).expect("readable").expect("somebody");
    let refusal = wanted.decide(&book, &listing(&robot)).expect_err("no rights");
    let text = "configmaps is forbidden: User \"system:serviceaccount:ns:robot\" cannot impersonate-on:user-info:list \
                resource \"configmaps\" in API group \"\" in the namespace \"ns\"";
    assert_eq!((refusal.message.as_str(), refusal.resource.as_str()), (text, "configmaps"));

    let rules = json!([{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["alice"]}]);
    book.put(RoleKind::ClusterRole, "imp", &json!({"rules": rules}));
    let subjects = json!([{"kind": "ServiceAccount", "name": "robot", "namespace": "ns"}]);
    let binding = json!({"roleRef": {"kind": "ClusterRole", "name": "imp"}, "subjects": subjects});
    book.put(RoleKind::ClusterRoleBinding, "imp", &binding);
    let granted = wanted.decide(&book, &listing(&robot)).expect("allowed");
    assert_eq!((granted.user.name.as_str(), granted.constraint.as_str()), ("alice", ""));
}
