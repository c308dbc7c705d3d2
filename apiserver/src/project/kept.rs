//! What clients write into a status that records make. Records know nothing of it, so it stays as it was written, beside what
//! they say: a condition of another type, an amount of another resource. What records do say is theirs.
//!
//! Used by writers (what of a status is stored) and by readers (how both are shown together).

use crate::registry::ids;
use memchr::memmem;
use serde_json::{Map, Value, json};
use skiff_engine::record::ResourceId;

/// Types of the conditions that records make, of the resources whose other conditions are kept. Upstream's controllers leave
/// those alone too.
fn own_conditions(resource: ResourceId) -> Option<&'static [&'static str]> {
    match resource {
        ids::DEPLOYMENTS => Some(&["Available", "Progressing", "ReplicaFailure"]),
        ids::REPLICA_SETS | ids::REPLICATION_CONTROLLERS => Some(&["ReplicaFailure"]),
        _ => None,
    }
}

/// The part of an object's status that is stored, if there is one.
#[must_use]
pub fn kept(resource: ResourceId, object: &Value) -> Option<Value> {
    let own = own_conditions(resource)?;
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    let foreign = |c: &&Value| type_of(c).is_some_and(|kind| !own.contains(&kind));
    let kept: Vec<Value> = conditions.iter().filter(foreign).cloned().collect();
    (!kept.is_empty()).then(|| json!({"conditions": kept}))
}

/// Whether a body has a stored status at all: looked for before anything is parsed. It may find one where there is none.
#[must_use]
pub fn may_be_in(body: &[u8]) -> bool {
    memmem::find(body, b",\"status\":{").is_some()
}

fn type_of(item: &Value) -> Option<&str> {
    item.get("type").and_then(Value::as_str)
}

/// Adds what is stored to what records say: members of maps, and items of lists that are told apart by `type`.
pub fn add(stored: &Value, shown: &mut Value) {
    let (Some(stored), Some(shown)) = (stored.as_object(), shown.as_object_mut()) else { return };
    for (field, value) in stored {
        match (value, shown.get_mut(field)) {
            (Value::Object(more), Some(Value::Object(there))) => add_members(more, there),
            (Value::Array(more), Some(Value::Array(there))) => {
                let known: Vec<String> = there.iter().filter_map(type_of).map(str::to_owned).collect();
                let foreign = |item: &&Value| type_of(item).is_some_and(|kind| !known.iter().any(|k| k == kind));
                there.extend(more.iter().filter(foreign).cloned());
            }
            (Value::Array(more), None) if more.iter().all(|item| type_of(item).is_some()) => {
                shown.insert(field.clone(), value.clone());
            }
            // A number or word that records do not say now is out of date.
            _ => {}
        }
    }
}

fn add_members(more: &Map<String, Value>, there: &mut Map<String, Value>) {
    for (name, value) in more {
        if !there.contains_key(name) {
            there.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_other_types_are_kept() {
        let object = json!({"status": {"replicas": 3, "conditions": [{"type": "Available", "status": "True"}, {"type": "Mine", "status": "True"}]}});
        let stored = kept(ids::DEPLOYMENTS, &object).unwrap();
        assert_eq!(stored, json!({"conditions": [{"type": "Mine", "status": "True"}]}));
        let mut shown = json!({"readyReplicas": 1, "conditions": [{"type": "Available", "status": "False"}]});
        add(&stored, &mut shown);
        assert_eq!(shown["conditions"], json!([{"type": "Available", "status": "False"}, {"type": "Mine", "status": "True"}]));
        assert_eq!(kept(ids::DEPLOYMENTS, &json!({"status": {"conditions": [{"type": "Progressing"}]}})), None);
        assert_eq!(kept(ids::KSERVICES, &object), None);
    }

    #[test]
    fn amounts_of_other_resources_are_kept_and_numbers_are_not() {
        let stored = json!({"capacity": {"cpu": "1", "example.com/dongle": "4"}, "phase": "Old", "images": [{"names": ["x"]}]});
        let mut shown = json!({"capacity": {"cpu": "2"}});
        add(&stored, &mut shown);
        assert_eq!(shown, json!({"capacity": {"cpu": "2", "example.com/dongle": "4"}}));
    }
}
