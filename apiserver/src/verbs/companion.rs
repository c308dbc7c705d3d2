//! Documents that come with another one, in the same transaction: what a controller of a stock cluster would write a moment
//! later. A Namespace's ServiceAccount and authority, a Deployment's ReplicaSet, a Knative Service's children.

use super::house::House;
use super::write::put;
use crate::clock;
use crate::project::name;
use crate::registry::{Kind, ids};
use crate::status::Outcome;
use crate::store::Core;
use crate::store::body::unpack;
use serde_json::{Map, Value, json};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, ResourceId, Write};
use skiff_schema::select::LabelSelector;

/// Deployment's annotation with the number of its newest ReplicaSet.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Adds the companions of a write.
///
/// # Errors
/// What Knative's reconciliation refuses.
pub fn add(house: &House, kind: &Kind, old: Option<&Value>, new: &Value, transaction: &mut Transaction) -> Outcome<()> {
    match kind.id {
        ids::NAMESPACES if old.is_none() => namespace(house, new, transaction),
        ids::DEPLOYMENTS => deployment(house, old, new, transaction),
        ids::CRDS => crate::custom::settle(house, old, new, transaction),
        ids::VALIDATING_POLICIES => crate::admit::policies::settle(house, kind, new, transaction),
        _ => return super::knative::companions(house, kind, old, new, transaction),
    }
    Ok(())
}

/// A new object written by the server itself.
#[must_use]
pub fn write_new(resource: ResourceId, object: &Value) -> Write {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let key = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
    Write { resource, key, expect: Expect::Any, put: Some(put(resource, object)) }
}

fn meta(namespace: &str, name: &str) -> Value {
    json!({"name": name, "namespace": namespace, "uid": name::uid_text(name::new_uid()), "creationTimestamp": clock::now_rfc3339()})
}

fn namespace(house: &House, new: &Value, transaction: &mut Transaction) {
    let Some(namespace) = new.pointer("/metadata/name").and_then(Value::as_str) else { return };
    transaction.writes.extend(super::namespace::given::with_namespace(house, namespace));
}

/// The ReplicaSet of the present template, and the Deployment's number.
fn deployment(house: &House, old: Option<&Value>, new: &Value, transaction: &mut Transaction) {
    if crate::store::is_deleting(new) {
        return;
    }
    if old.is_some_and(|old| is_settled(old, new)) {
        return;
    }
    let key = super::write::key_of_namespaced(new);
    let hash = crate::store::template_hash(new);
    let set_key = format!("{key}-{hash}");
    let core = house.store.read();
    let uid = name::uid_of(new.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default());
    let owned = core.world.documents.owned_by(uid).iter().filter(|(resource, _)| *resource == ids::REPLICA_SETS);
    let mut sets: Vec<(String, Value)> = owned
        .filter_map(|(resource, key)| Some((key.to_string(), unpack(&core.world.documents.get(*resource, key)?.body))))
        .collect();
    let orphans = if old.is_none() { orphans(&core, &key, new) } else { Vec::new() };
    drop(core);
    for (key, set) in &orphans {
        transaction.writes.push(Write {
            resource: ids::REPLICA_SETS,
            key: key.clone(),
            expect: Expect::Any,
            put: Some(put(ids::REPLICA_SETS, set)),
        });
    }
    sets.extend(orphans);
    let number = |set: &Value| {
        let text = set.pointer("/metadata/annotations").and_then(|a| a.get(REVISION)).and_then(Value::as_str);
        text.and_then(|t| t.parse::<u64>().ok()).unwrap_or(0)
    };
    let newest = sets.iter().map(|(_, set)| number(set)).max().unwrap_or(0);
    let found = sets.iter().find(|(k, _)| *k == set_key);
    let revision = match found {
        Some((_, set)) if number(set) == newest => newest,
        _ => newest + 1,
    };
    // A paused Deployment makes no new ReplicaSet, and its number stays (upstream's deployment controller).
    if found.is_none() && new.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return;
    }
    let set = replica_set(new, found.map(|(_, set)| set), &set_key, &hash, revision);
    if found.is_none_or(|(_, before)| *before != set) {
        transaction.writes.retain(|w| w.resource != ids::REPLICA_SETS || w.key != set_key);
        transaction.writes.push(Write {
            resource: ids::REPLICA_SETS,
            key: set_key.clone(),
            expect: Expect::Any,
            put: Some(put(ids::REPLICA_SETS, &set)),
        });
    }
    trim_history(new, &sets, &set_key, transaction);
    let shown = old.and_then(|o| o.pointer("/metadata/annotations")).and_then(|a| a.get(REVISION)).and_then(Value::as_str);
    let sent = new.pointer("/metadata/annotations").and_then(|a| a.get(REVISION)).and_then(Value::as_str);
    let text = revision.to_string();
    if sent != Some(&text) || shown != Some(&text) {
        // The stored object carries the number; the answer to this request does not, as upstream's does not.
        let mut numbered = new.clone();
        annotate(&mut numbered, REVISION, &text);
        if let Some(main) = transaction.writes.first_mut() {
            main.put = Some(put(ids::DEPLOYMENTS, &numbered));
        }
    }
}

/// ReplicaSets that a Deployment of this name left behind and a new one takes up, with their Pods: nobody's, and selected.
fn orphans(core: &Core, key: &str, deployment: &Value) -> Vec<(String, Value)> {
    let prefix = format!("{key}-");
    let Ok(selector) = LabelSelector::from_object(deployment.pointer("/spec/selector")) else { return Vec::new() };
    let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded);
    let near = core.world.documents.table(ids::REPLICA_SETS).range::<str, _>(from).take_while(|(k, _)| k.starts_with(&prefix));
    near.filter(|(_, document)| document.owners.is_empty())
        .map(|(key, document)| (key.to_string(), unpack(&document.body)))
        .filter(|(_, set)| !crate::store::is_deleting(set) && selector.matches_labels(set.pointer("/metadata/labels")))
        .map(|(key, mut set)| {
            set["metadata"]["ownerReferences"] = json!([controller(deployment)]);
            (key, set)
        })
        .collect()
}

fn controller(deployment: &Value) -> Value {
    let meta = &deployment["metadata"];
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"], "uid": meta["uid"],
        "controller": true, "blockOwnerDeletion": true})
}

/// Nothing that a ReplicaSet is made from has changed; a change of replicas alone is none (its counts are made from records).
fn is_settled(old: &Value, new: &Value) -> bool {
    let same = |pointer: &str| old.pointer(pointer) == new.pointer(pointer);
    let numbered = new.pointer("/metadata/annotations").is_some_and(|a| a.get(REVISION).is_some());
    numbered
        && [
            "/metadata/annotations",
            "/spec/template",
            "/spec/minReadySeconds",
            "/spec/paused",
            "/spec/revisionHistoryLimit",
            "/spec/strategy",
        ]
        .iter()
        .all(|pointer| same(pointer))
}

fn annotate(object: &mut Value, key: &str, value: &str) {
    let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = meta.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if let Some(map) = annotations.as_object_mut() {
        map.insert(key.into(), value.into());
    }
}

/// The ReplicaSet of a Deployment's template: made, or brought up to date.
fn replica_set(deployment: &Value, before: Option<&Value>, key: &str, hash: &str, revision: u64) -> Value {
    let (namespace, set_name) = key.split_once('/').unwrap_or(("", key));
    let mut set = before.cloned().unwrap_or_else(|| {
        let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
        label(&mut template["metadata"], "labels", hash);
        label(&mut selector, "matchLabels", hash);
        let mut meta = meta(namespace, set_name);
        meta["generation"] = 1.into();
        meta["labels"] = template["metadata"]["labels"].clone();
        meta["ownerReferences"] = json!([controller(deployment)]);
        json!({"metadata": meta, "spec": {"selector": selector, "template": template}})
    });
    let mut annotations = deployment.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
    annotations.insert(REVISION.into(), revision.to_string().into());
    let earlier = before.and_then(|b| b.pointer("/metadata/annotations")).and_then(Value::as_object);
    if let Some(history) = earlier.and_then(|a| a.get("deployment.kubernetes.io/revision-history")) {
        annotations.insert("deployment.kubernetes.io/revision-history".into(), history.clone());
    }
    let was = earlier.and_then(|a| a.get(REVISION)).and_then(Value::as_str);
    if let Some(was) = was.filter(|w| *w != revision.to_string()) {
        let history = annotations.get("deployment.kubernetes.io/revision-history").and_then(Value::as_str);
        let history = history.map_or_else(|| was.to_owned(), |h| format!("{h},{was}"));
        annotations.insert("deployment.kubernetes.io/revision-history".into(), history.into());
    }
    set["metadata"]["annotations"] = Value::Object(annotations);
    match deployment.pointer("/spec/minReadySeconds") {
        Some(seconds) => set["spec"]["minReadySeconds"] = seconds.clone(),
        None => {
            if let Some(spec) = set["spec"].as_object_mut() {
                spec.shift_remove("minReadySeconds");
            }
        }
    }
    set
}

fn label(parent: &mut Value, field: &str, hash: &str) {
    if !parent.is_object() {
        *parent = Value::Object(Map::new());
    }
    if !parent[field].is_object() {
        parent[field] = Value::Object(Map::new());
    }
    parent[field][crate::store::HASH_LABEL] = hash.into();
}

/// ReplicaSets beyond `revisionHistoryLimit` go, oldest first, if nothing of them runs any more.
fn trim_history(deployment: &Value, sets: &[(String, Value)], current: &str, transaction: &mut Transaction) {
    let limit = deployment.pointer("/spec/revisionHistoryLimit").and_then(Value::as_u64).unwrap_or(10) as usize;
    let number = |set: &Value| {
        let text = set.pointer("/metadata/annotations").and_then(|a| a.get(REVISION)).and_then(Value::as_str);
        text.and_then(|t| t.parse::<u64>().ok()).unwrap_or(0)
    };
    let mut old: Vec<(u64, &String)> = sets.iter().filter(|(k, _)| k != current).map(|(k, set)| (number(set), k)).collect();
    old.sort_unstable();
    // One more than the limit may still be running: the rollout that this write begins has not scaled it down yet.
    let surplus = old.len().saturating_sub(limit + 1);
    for (_, key) in old.into_iter().take(surplus) {
        transaction.writes.push(Write { resource: ids::REPLICA_SETS, key: key.clone(), expect: Expect::Any, put: None });
    }
}
