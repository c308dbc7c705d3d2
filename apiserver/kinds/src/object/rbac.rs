//! Role, ClusterRole and their bindings.
//!
//! Fed through the strategy table. Whether a client may grant what it writes is access control's business.

use super::at::{At, Faults, same};
use super::fill::{blank, drop_empty, each, object_at, text};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const ROLE: Strategy = Strategy {
    default: default_role,
    validate: |role| validate_role(role, true),
    validate_update: |role, _| validate_role(role, true),
    ..PLAIN
};
pub(super) const CLUSTER_ROLE: Strategy = Strategy {
    default: default_role,
    validate: |role| validate_role(role, false),
    validate_update: |role, _| validate_role(role, false),
    ..PLAIN
};
pub(super) const BINDING: Strategy = Strategy {
    default: default_binding,
    validate: |binding| validate_binding(binding, true),
    validate_update: |new, old| update_binding(new, old, true),
    ..PLAIN
};
pub(super) const CLUSTER_BINDING: Strategy = Strategy {
    default: default_binding,
    validate: |binding| validate_binding(binding, false),
    validate_update: |new, old| update_binding(new, old, false),
    ..PLAIN
};

const GROUP: &str = "rbac.authorization.k8s.io";

fn default_role(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    each(map, "rules", |rule| drop_empty(rule, &["apiGroups", "resources", "resourceNames", "nonResourceURLs"]));
    // The list itself is written out even when there is none.
    if map.get("rules").is_none_or(|v| v.is_null() || v.as_array().is_some_and(Vec::is_empty)) {
        map.insert("rules".into(), Value::Null);
    }
}

fn validate_role(object: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    root.get("rules").items().for_each(|entry| validate_rule(&mut out, &entry, namespaced));
    for selector in root.get("aggregationRule").get("clusterRoleSelectors").items() {
        rule::selector(&mut out, &selector);
    }
    let aggregation = root.get("aggregationRule");
    if aggregation.is_set() && aggregation.get("clusterRoleSelectors").is_empty() {
        let at = aggregation.get("clusterRoleSelectors");
        out.push(at.required("at least one clusterRoleSelector required if aggregationRule is non-nil"));
    }
    out
}

fn validate_rule(out: &mut Faults, entry: &At, namespaced: bool) {
    if entry.get("verbs").is_empty() {
        out.push(entry.get("verbs").required("verbs must contain at least one value"));
    }
    let (groups, resources, names) = (entry.get("apiGroups"), entry.get("resources"), entry.get("resourceNames"));
    let urls = entry.get("nonResourceURLs");
    if !urls.is_empty() {
        if namespaced {
            out.push(urls.invalid("namespaced rules cannot apply to non-resource URLs"));
        }
        if [&groups, &resources, &names].iter().any(|list| !list.is_empty()) {
            out.push(urls.invalid("rules cannot apply to both regular resources and non-resource URLs"));
        }
        return;
    }
    if groups.is_empty() {
        out.push(groups.required("resource rules must supply at least one api group"));
    }
    if resources.is_empty() {
        out.push(resources.required("resource rules must supply at least one resource"));
    }
}

fn default_binding(object: &mut Value) {
    if let Some(reference) = object_at(object, "/roleRef") {
        blank(reference, "apiGroup", GROUP);
    }
    let Some(map) = object.as_object_mut() else { return };
    each(map, "subjects", |subject| {
        if matches!(text(subject, "kind"), "User" | "Group") {
            blank(subject, "apiGroup", GROUP);
        }
    });
    drop_empty(map, &["subjects"]);
}

fn validate_binding(object: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let reference = root.get("roleRef");
    if reference.get("apiGroup").text() != GROUP {
        out.push(reference.get("apiGroup").unsupported(&[GROUP]));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&reference.get("kind").text()) {
        let kind = reference.get("kind");
        out.push(FieldError::not_supported_in_order(kind.path(), kind.text(), kinds));
    }
    rule::path_segment(&mut out, &reference.get("name"));
    root.get("subjects").items().for_each(|subject| validate_subject(&mut out, &subject, namespaced));
    out
}

fn validate_subject(out: &mut Faults, subject: &At, namespaced: bool) {
    let (name, group, namespace) = (subject.get("name"), subject.get("apiGroup"), subject.get("namespace"));
    rule::present(out, &name);
    match subject.get("kind").text() {
        "ServiceAccount" => {
            if !name.text().is_empty() {
                rule::each(out, &name, syntax::dns1123_subdomain_faults(name.text()));
            }
            if !group.text().is_empty() {
                out.push(group.unsupported(&[""]));
            }
            if !namespaced && namespace.text().is_empty() {
                out.push(namespace.required(""));
            }
        }
        "User" | "Group" => {
            if group.text() != GROUP {
                out.push(group.unsupported(&[GROUP]));
            }
        }
        other => {
            let kind = subject.get("kind");
            out.push(FieldError::not_supported_in_order(kind.path(), other, &["ServiceAccount", "User", "Group"]));
        }
    }
}

fn update_binding(new: &Value, old: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut out = validate_binding(new, namespaced);
    if !same(new.get("roleRef"), old.get("roleRef")) {
        let part = |name: &str| At::root(new).get("roleRef").get(name).text().to_owned();
        // Upstream shows its internal struct here, with Go's field names.
        let shown = json!({"APIGroup": part("apiGroup"), "Kind": part("kind"), "Name": part("name")});
        out.push(FieldError::invalid("roleRef", shown, "cannot change roleRef"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_complete() {
        let cases = [
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}), true, 0),
            (json!({"verbs": [], "apiGroups": [""]}), true, 2),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}), true, 1),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}), false, 0),
        ];
        for (entry, namespaced, wanted) in cases {
            assert_eq!(validate_role(&json!({"rules": [entry]}), namespaced).len(), wanted);
        }
    }

    #[test]
    fn subjects_get_their_group() {
        let mut binding = json!({"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "b"}]});
        default_binding(&mut binding);
        assert_eq!(binding["subjects"][0]["apiGroup"], GROUP);
        assert!(binding["subjects"][1].get("apiGroup").is_none());
        let faults: Vec<String> = validate_binding(&binding, false).into_iter().map(|f| f.field).collect();
        assert_eq!(faults, ["subjects[1].namespace"]);
    }
}
