//! That the texts read whole, and that what they grant is what clients take for granted.

use super::*;
use crate::rbac::Attributes;
use crate::user::User;
use std::collections::HashSet;

fn book() -> RoleBook {
    let mut book = RoleBook::new();
    for (kind, object) in objects() {
        book.put(kind, &key(&object), &object);
    }
    book
}

fn member(group: &str) -> User {
    User { name: "alice".into(), groups: vec![group.into()], ..User::default() }
}

#[test]
fn every_rule_is_whole_and_every_name_is_given_once() {
    let all = objects();
    let mut seen = HashSet::new();
    for (kind, object) in &all {
        assert!(seen.insert((*kind, key(object))), "{object}");
        for rule in object["rules"].as_array().into_iter().flatten().map(Rule::from_json) {
            let on_resources = !rule.groups.is_empty() && !rule.resources.is_empty() && rule.urls.is_empty();
            let on_paths = !rule.urls.is_empty() && rule.groups.is_empty() && rule.resources.is_empty();
            assert!(!rule.verbs.is_empty() && (on_resources || on_paths), "{object}");
        }
        if matches!(kind, RoleKind::Role | RoleKind::ClusterRole) {
            assert!(object["rules"].as_array().is_some_and(|rules| !rules.is_empty()), "{object}");
        }
    }
    let lines = TEXTS.iter().flat_map(|(_, text)| text.lines()).map(str::trim);
    let rule_lines = lines.filter(|line| line.contains(" | ") || line.contains(" @ ") || *line == "events").count();
    let gathered = |object: &Value| object.get("aggregationRule").is_some();
    let plain = all.iter().filter(|(_, object)| !gathered(object));
    let rules: usize = plain.map(|(_, object)| object["rules"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(rules, rule_lines);
}

#[test]
fn every_binding_finds_its_role() {
    let book = book();
    for (_, object) in objects().iter().filter(|(_, object)| object.get("roleRef").is_some()) {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        assert!(book.role_rules(&object["roleRef"], namespace).is_some(), "{object}");
    }
}

#[test]
fn everyone_may_look_around_and_only_admins_may_more() {
    let book = book();
    let (everyone, nobody) = (member("system:authenticated"), User::anonymous());
    let visit = |user: &User, path: &str| {
        let asked =
            Attributes { user, verb: "get", group: "", resource: "", subresource: "", name: "", namespace: "", path: Some(path) };
        book.authorize(&asked).allowed
    };
    assert!(visit(&everyone, "/apis/apps/v1") && visit(&everyone, "/openapi/v3") && visit(&nobody, "/version"));
    assert!(!visit(&nobody, "/apis") && !visit(&everyone, "/metrics"));
}

#[test]
fn admin_holds_what_edit_and_view_and_knative_hold() {
    let mut book = book();
    let binding = json!({
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"kind": "Group", "name": "owners"}],
    });
    book.put(RoleKind::RoleBinding, "ns/owners", &binding);
    let owner = member("owners");
    let may = |verb: &str, group: &str, resource: &str, namespace: &str| {
        let asked = Attributes { user: &owner, verb, group, resource, subresource: "", name: "", namespace, path: None };
        book.authorize(&asked).allowed
    };
    assert!(may("create", GROUP, "roles", "ns") && may("delete", "apps", "deployments", "ns"));
    assert!(may("list", "", "events", "ns") && may("create", "serving.knative.dev", "services", "ns"));
    assert!(!may("create", "", "resourcequotas", "ns") && !may("list", "", "pods", "other"));
    assert!(!may("list", "", "nodes", ""));
}
