//! RBAC against the recorded answers of a real server and the corners of upstream's rules.

use super::*;
use serde_json::{Value, json};

fn robot() -> User {
    User::service_account("ns", "robot").with_authenticated_group()
}

fn ask<'a>(user: &'a User, verb: &'a str, resource: &'a str, name: &'a str, namespace: &'a str) -> Attributes<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes { user, verb, group: "", resource, subresource, name, namespace, path: None }
}

fn visit<'a>(user: &'a User, path: &'a str) -> Attributes<'a> {
    Attributes { path: Some(path), ..ask(user, "get", "", "", "") }
}

fn role(rules: Value) -> Value {
    json!({ "rules": rules })
}

fn core_rule(verbs: &[&str], resources: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": [""], "resources": resources})
}

fn bind(role_kind: &str, role: &str, subjects: Value) -> Value {
    json!({"roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role}, "subjects": subjects})
}

fn to_robot() -> Value {
    json!([{"kind": "ServiceAccount", "name": "robot", "namespace": "ns"}])
}

fn recorded() -> RoleBook {
    let mut book = RoleBook::new();
    book.put(RoleKind::Role, "ns/r", &role(json!([core_rule(&["get", "list", "create"], &["configmaps"])])));
    book.put(RoleKind::RoleBinding, "ns/b", &bind("Role", "r", to_robot()));
    book
}

#[test]
fn refusals_read_as_recorded() {
    let robot = robot();
    let who = "User \"system:serviceaccount:ns:robot\" cannot";
    let cases = [
        (
            ask(&robot, "list", "configmaps", "", "ns"),
            format!("configmaps is forbidden: {who} list resource \"configmaps\" in API group \"\" in the namespace \"ns\""),
        ),
        (
            ask(&robot, "list", "nodes", "", ""),
            format!("nodes is forbidden: {who} list resource \"nodes\" in API group \"\" at the cluster scope"),
        ),
        (
            ask(&robot, "delete", "configmaps", "x", "ns"),
            format!(
                "configmaps \"x\" is forbidden: {who} delete resource \"configmaps\" in API group \"\" in the namespace \"ns\""
            ),
        ),
        (
            Attributes { group: GROUP, ..ask(&robot, "create", "roles", "", "ns") },
            format!(
                "roles.{GROUP} is forbidden: {who} create resource \"roles\" in API group \"{GROUP}\" in the namespace \"ns\""
            ),
        ),
        (visit(&robot, "/metrics"), format!("forbidden: {who} get path \"/metrics\"")),
    ];
    for (asked, text) in cases {
        assert_eq!(forbidden_message(&asked, ""), text);
    }
}

#[test]
fn a_binding_grants_in_its_namespace_only_and_says_so() {
    let (book, robot) = (recorded(), robot());
    let decision = book.authorize(&ask(&robot, "list", "configmaps", "", "ns"));
    let reason = "RBAC: allowed by RoleBinding \"b/ns\" of Role \"r\" to ServiceAccount \"robot/ns\"";
    assert_eq!(decision, Decision { allowed: true, reason: reason.into() });
    for refused in [
        ask(&robot, "delete", "configmaps", "x", "ns"),
        ask(&robot, "list", "configmaps", "", "other"),
        ask(&robot, "list", "configmaps", "", ""),
        ask(&robot, "list", "secrets", "", "ns"),
        Attributes { group: "apps", ..ask(&robot, "list", "configmaps", "", "ns") },
    ] {
        assert_eq!(book.authorize(&refused), Decision { allowed: false, reason: String::new() });
    }
}

#[test]
fn changes_and_removals_are_seen() {
    let (mut book, robot) = (recorded(), robot());
    let asked = ask(&robot, "list", "configmaps", "", "ns");
    book.put(RoleKind::RoleBinding, "ns/b", &bind("Role", "r", json!([{"kind": "User", "name": "alice"}])));
    assert!(!book.authorize(&asked).allowed);
    book.put(RoleKind::RoleBinding, "ns/b", &bind("Role", "r", to_robot()));
    assert!(book.authorize(&asked).allowed);
    book.remove(RoleKind::Role, "ns/r");
    let reason = "RBAC: role.rbac.authorization.k8s.io \"r\" not found";
    assert_eq!(book.authorize(&asked), Decision { allowed: false, reason: reason.into() });
    book.remove(RoleKind::RoleBinding, "ns/b");
    assert_eq!(book.authorize(&asked).reason, "");
}

#[test]
fn stars_names_subresources_and_paths() {
    let mut book = RoleBook::new();
    let alice = User { name: "alice".into(), groups: vec!["dev".into()], ..User::default() };
    let rules = json!([
        {"verbs": ["update"], "apiGroups": ["*"], "resources": ["*/scale"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]},
        {"verbs": ["get"], "nonResourceURLs": ["/apis/*", "/version"]},
    ]);
    book.put(RoleKind::ClusterRole, "dev", &role(rules));
    book.put(RoleKind::ClusterRoleBinding, "dev", &bind("ClusterRole", "dev", json!([{"kind": "Group", "name": "dev"}])));
    for allowed in [
        ask(&alice, "update", "deployments/scale", "d", "ns"),
        ask(&alice, "get", "secrets", "one", "ns"),
        ask(&alice, "get", "pods/log", "p", "ns"),
        visit(&alice, "/version"),
        visit(&alice, "/apis/apps"),
    ] {
        let decision = book.authorize(&allowed);
        assert!(decision.allowed, "{allowed:?}");
        let reason = "RBAC: allowed by ClusterRoleBinding \"dev\" of ClusterRole \"dev\" to Group \"dev\"";
        assert_eq!(decision.reason, reason);
    }
    for refused in [
        ask(&alice, "update", "deployments", "d", "ns"),
        ask(&alice, "get", "secrets", "two", "ns"),
        ask(&alice, "get", "secrets", "", "ns"),
        ask(&alice, "get", "pods", "p", "ns"),
        visit(&alice, "/versions"),
        visit(&alice, "/apis"),
    ] {
        assert!(!book.authorize(&refused).allowed, "{refused:?}");
    }
    assert!(book.authorize(&ask(&User::admin(), "delete", "nodes", "n", "")).allowed);
}

#[test]
fn aggregated_roles_gather_through_one_another() {
    let mut book = RoleBook::new();
    let aggregated = |to: &str, of: Value| {
        let selector = json!({"matchLabels": {format!("aggregate-to-{to}"): "true"}});
        json!({"metadata": {"labels": of}, "aggregationRule": {"clusterRoleSelectors": [selector]}})
    };
    book.put(RoleKind::ClusterRole, "admin", &aggregated("admin", json!({})));
    book.put(RoleKind::ClusterRole, "edit", &aggregated("edit", json!({"aggregate-to-admin": "true"})));
    let rules = json!([core_rule(&["get"], &["pods"])]);
    let source = json!({"metadata": {"labels": {"aggregate-to-edit": "true"}}, "rules": rules});
    book.put(RoleKind::ClusterRole, "source", &source);
    assert_eq!(book.aggregated_rules("admin"), rules.as_array().cloned());
    book.put(RoleKind::ClusterRole, "source", &json!({"rules": rules}));
    assert_eq!(book.aggregated_rules("admin"), Some(Vec::new()));
    book.put(RoleKind::ClusterRole, "source", &source);
    book.remove(RoleKind::ClusterRole, "source");
    assert_eq!(book.aggregated_rules("edit"), Some(Vec::new()));
    assert_eq!(book.aggregated_rules("source"), None);
}

#[test]
fn nobody_grants_what_they_do_not_hold() {
    let (mut book, robot) = (recorded(), robot());
    let rules =
        [core_rule(&["get", "list", "watch", "delete"], &["configmaps"]), json!({"verbs": ["get"], "nonResourceURLs": ["/x"]})];
    let text = "user \"system:serviceaccount:ns:robot\" (groups=[\"system:serviceaccounts\" \
                \"system:serviceaccounts:ns\" \"system:authenticated\"]) is attempting to grant RBAC permissions not \
                currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"watch\" \"delete\"]}\n\
                {NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}";
    assert_eq!(book.escalation(&robot, "ns", &rules).as_deref(), Some(text));
    assert_eq!(book.escalation(&robot, "ns", &[core_rule(&["list"], &["configmaps"])]), None);
    assert_eq!(book.escalation(&User::admin(), "ns", &rules), None);

    let reference = json!({"kind": "ClusterRole", "name": "none"});
    let missing = "clusterrole.rbac.authorization.k8s.io \"none\" not found";
    assert_eq!(book.binding_refusal(&robot, "ns", &reference), Err(missing.into()));
    let own = json!({"apiGroup": GROUP, "kind": "Role", "name": "r"});
    assert_eq!(book.binding_refusal(&robot, "ns", &own), Ok(None));

    let new = json!({"metadata": {"name": "r2"}, "rules": rules});
    assert!(book.role_refusal(&robot, RoleKind::Role, "ns", &new).is_some());
    let escalate = json!({"verbs": ["escalate"], "apiGroups": [GROUP], "resources": ["roles"]});
    book.put(RoleKind::Role, "ns/r", &role(json!([escalate])));
    assert_eq!(book.role_refusal(&robot, RoleKind::Role, "ns", &new), None);
}

#[test]
fn rules_are_listed_by_what_they_are_about() {
    let (mut book, robot) = (recorded(), robot());
    book.put(RoleKind::ClusterRole, "v", &role(json!([{"verbs": ["get"], "nonResourceURLs": ["/version"]}])));
    let everyone = json!([{"kind": "Group", "name": "system:authenticated"}]);
    book.put(RoleKind::ClusterRoleBinding, "v", &bind("ClusterRole", "v", everyone));
    let (resource, other) = book.rules_for(&robot, "ns");
    assert_eq!(resource, [core_rule(&["get", "list", "create"], &["configmaps"])]);
    assert_eq!(other, [json!({"verbs": ["get"], "nonResourceURLs": ["/version"]})]);
    assert!(book.rules_for(&robot, "").0.is_empty());
}
