//! The roles and bindings a server begins with: upstream's, and Knative's additions to admin, edit and view.
//!
//! Read by the server at its first start, which stores them as it stores any object. They are kept as text beside this
//! file, one rule to a line:
//!
//! * `role NAME` opens a ClusterRole, `role NAMESPACE/NAME` a Role; `-> edit` after it lets edit gather it;
//! * `controller NAME` opens the ClusterRole `system:controller:NAME` and binds it to that ServiceAccount of kube-system;
//! * `gather NAME` is an aggregated ClusterRole;
//! * `VERBS | GROUPS | RESOURCES [| NAMES]` and `VERBS @ PATHS` are rules, `events` the rule of whoever tells of events;
//! * `bind [NAMESPACE/]NAME ROLE SUBJECTS` binds, to `user=`, `group=`, `account=NAMESPACE/NAME` or `none`.
//!
//! Must not know where objects are stored.

#[cfg(test)]
mod tests;

use crate::rbac::{GROUP, RoleBook, RoleKind, Rule};
use serde_json::{Map, Value, json};

const READ: &str = "get,list,watch";
const WRITE: &str = "create,delete,deletecollection,patch,update";
const READ_WRITE: &str = "create,delete,deletecollection,get,list,patch,update,watch";
const EVENTS: &str = "create,patch,update | core,events.k8s.io | events";
const CONTROLLER_PREFIX: &str = "system:controller:";

/// Whose roles a text holds, which shows in their labels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Kubernetes,
    Knative,
}

const TEXTS: [(Origin, &str); 4] = [
    (Origin::Kubernetes, include_str!("cluster.rules")),
    (Origin::Kubernetes, include_str!("controllers.rules")),
    (Origin::Kubernetes, include_str!("namespaced.rules")),
    (Origin::Knative, include_str!("knative.rules")),
];

/// All objects, roles before bindings; aggregated roles with the rules they gather.
#[must_use]
pub fn objects() -> Vec<(RoleKind, Value)> {
    let mut all = Vec::new();
    for (origin, text) in TEXTS {
        read(origin, text, &mut all);
    }
    all.sort_by_key(|(kind, _)| *kind);
    fill_aggregated(&mut all);
    all
}

/// An object's key in a [`RoleBook`].
#[must_use]
pub fn key(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    match (text("/metadata/namespace"), text("/metadata/name")) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

fn fill_aggregated(all: &mut [(RoleKind, Value)]) {
    let mut book = RoleBook::new();
    for (kind, object) in all.iter().filter(|(kind, _)| *kind == RoleKind::ClusterRole) {
        book.put(*kind, &key(object), object);
    }
    for (_, object) in all.iter_mut().filter(|(kind, _)| *kind == RoleKind::ClusterRole) {
        if let Some(rules) = book.aggregated_rules(&key(object)) {
            object["rules"] = Value::Array(rules);
        }
    }
}

fn read(origin: Origin, text: &str, all: &mut Vec<(RoleKind, Value)>) {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "role" => all.push(role(origin, rest)),
            "gather" => all.push(aggregated(origin, rest)),
            "controller" => {
                let name = format!("{CONTROLLER_PREFIX}{rest}");
                // The binding goes first, so that the rules that follow find their role last.
                all.push(binding(origin, &format!("{name} {name} account=kube-system/{rest}")));
                all.push(role(origin, &name));
            }
            "bind" => all.push(binding(origin, rest)),
            _ => {
                if let Some((_, role)) = all.iter_mut().rev().find(|(_, object)| object.get("rules").is_some())
                    && let Some(rules) = role["rules"].as_array_mut()
                {
                    rules.push(rule(line).to_json());
                }
            }
        }
    }
}

fn role(origin: Origin, heading: &str) -> (RoleKind, Value) {
    let (name, gatherer) = heading.split_once(" -> ").map_or((heading, None), |(name, to)| (name, Some(to)));
    let kind = if name.contains('/') { RoleKind::Role } else { RoleKind::ClusterRole };
    let mut object = headed(origin, kind, name, gatherer);
    object.insert("rules".into(), json!([]));
    (kind, Value::Object(object))
}

fn aggregated(origin: Origin, heading: &str) -> (RoleKind, Value) {
    let (kind, mut object) = role(origin, heading);
    let name = heading.split(' ').next().unwrap_or_default();
    object["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {gathered_label(name): "true"}}]});
    (kind, object)
}

fn binding(origin: Origin, line: &str) -> (RoleKind, Value) {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (name, role, subjects) = (next(), next(), next());
    let namespaced = name.contains('/');
    let (kind, role_kind) = match namespaced {
        true => (RoleKind::RoleBinding, RoleKind::Role),
        false => (RoleKind::ClusterRoleBinding, RoleKind::ClusterRole),
    };
    let mut object = headed(origin, kind, name, None);
    let subjects: Vec<Value> = subjects.split(',').filter_map(subject).collect();
    if !subjects.is_empty() {
        object.insert("subjects".into(), Value::Array(subjects));
    }
    object.insert("roleRef".into(), json!({"apiGroup": GROUP, "kind": role_kind.as_str(), "name": role}));
    (kind, Value::Object(object))
}

fn subject(text: &str) -> Option<Value> {
    let (kind, name) = text.split_once('=')?;
    match kind {
        "user" => Some(json!({"kind": "User", "apiGroup": GROUP, "name": name})),
        "group" => Some(json!({"kind": "Group", "apiGroup": GROUP, "name": name})),
        "account" => {
            let (namespace, name) = name.split_once('/')?;
            Some(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}))
        }
        _ => None,
    }
}

fn headed(origin: Origin, kind: RoleKind, key: &str, gatherer: Option<&str>) -> Map<String, Value> {
    let (namespace, name) = key.split_once('/').map_or((None, key), |(namespace, name)| (Some(namespace), name));
    let mut metadata = Map::new();
    metadata.insert("name".into(), json!(name));
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), json!(namespace));
    }
    let mut labels = Map::new();
    match origin {
        Origin::Kubernetes => labels.insert("kubernetes.io/bootstrapping".into(), json!("rbac-defaults")),
        Origin::Knative => labels.insert("app.kubernetes.io/name".into(), json!("knative-serving")),
    };
    if let Some(gatherer) = gatherer {
        labels.insert(gathered_label(gatherer), json!("true"));
    }
    metadata.insert("labels".into(), Value::Object(labels));
    if origin == Origin::Kubernetes {
        metadata.insert("annotations".into(), json!({"rbac.authorization.kubernetes.io/autoupdate": "true"}));
    }
    let mut object = Map::new();
    object.insert("kind".into(), json!(kind.as_str()));
    object.insert("apiVersion".into(), json!(format!("{GROUP}/v1")));
    object.insert("metadata".into(), Value::Object(metadata));
    object
}

fn gathered_label(gatherer: &str) -> String {
    format!("{GROUP}/aggregate-to-{gatherer}")
}

fn rule(line: &str) -> Rule {
    let line = if line == "events" { EVENTS } else { line };
    if let Some((verbs, paths)) = line.split_once(" @ ") {
        return Rule { verbs: list(verbs), urls: list(paths), ..Rule::default() };
    }
    let mut parts = line.split(" | ");
    let mut next = || parts.next().map(list).unwrap_or_default();
    let (verbs, groups, resources, names) = (next(), next(), next(), next());
    Rule { verbs, groups, resources, names, urls: Vec::new() }
}

/// A list as upstream's own are: sorted.
fn list(text: &str) -> Vec<String> {
    let text = match text.trim() {
        "read" => READ,
        "write" => WRITE,
        "readwrite" => READ_WRITE,
        other => other,
    };
    let spelled = |entry: &str| if entry == "core" { String::new() } else { entry.to_owned() };
    let mut entries: Vec<String> = text.split(',').map(spelled).collect();
    entries.sort();
    entries
}
