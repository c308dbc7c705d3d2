//! Writes to objects that are made from records: labels put on a derived Pod by hand are kept in its overlay, a Pod is deleted
//! by stopping its sandbox, everything else is refused by name, never dropped in silence.

use super::ask::Ask;
use super::house::House;
use super::reply::Shown;
use super::update::Live;
use crate::project::read::Item;
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use crate::store::View;
use serde_json::{Map, Value};
use skiff_engine::wire::SandboxKey;
use std::sync::Arc;

/// Bytes of metadata that an overlay keeps.
const METADATA_BYTES_MAX: usize = 64 << 10;

/// Identity of the sandbox behind a derived Pod. Rows are looked up inside the turn that uses them: they are reused.
fn sandbox_of(house: &House, ask: &Ask) -> Option<SandboxKey> {
    let core = house.store.read();
    match core.item(ask.kind.id, &ask.address.key())? {
        Item { view: View::Pod(_, at), .. } => Some(at.sandbox.key()),
        _ => None,
    }
}

/// Whether two states of a Pod name the same owners; order does not matter.
fn same_owners(live: &Value, new: &Value) -> bool {
    let owners = |object: &Value| {
        let list = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let mut uids: Vec<String> = list.filter_map(|o| o.get("uid")?.as_str().map(str::to_owned)).collect();
        uids.sort_unstable();
        uids
    };
    owners(live) == owners(new)
}

/// Keeps an edit of a derived object.
///
/// # Errors
/// 422/501 naming what can't be kept.
pub async fn edit(house: &House, ask: &Ask, live: &Live, new: &Value) -> Outcome<Shown> {
    let refuse = |what: &str| {
        Refusal::new(
            422,
            "Invalid",
            format!("{what} of {} {:?} is derived and can't be changed by hand", ask.kind.resource.plural, ask.address.name),
        )
    };
    if ask.kind.id != ids::PODS {
        return Err(refuse("the content"));
    }
    if new.get("spec") != live.value.get("spec") {
        return Err(refuse("spec"));
    }
    if new.get("status") != live.value.get("status") && ask.address.subresource == "status" {
        return Err(refuse("status"));
    }
    if !same_owners(&live.value, new) {
        // It goes with its revision, whoever else might hold it.
        return Err(refuse("metadata.ownerReferences"));
    }
    let mut kept = Map::new();
    for field in ["labels", "annotations", "finalizers", "ownerReferences", "managedFields"] {
        if let Some(value) = new.pointer(&format!("/metadata/{field}")) {
            kept.insert(field.into(), value.clone());
        }
    }
    let bytes = serde_json::to_vec(&Value::Object(kept)).map_err(Refusal::internal)?;
    if bytes.len() > METADATA_BYTES_MAX {
        return Err(Refusal::too_large(METADATA_BYTES_MAX as u64));
    }
    // The overlay holds the members without the braces: the Pod's metadata is spliced from them.
    let members: Arc<[u8]> = bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default().into();
    let Some(key) = sandbox_of(house, ask) else { return Err(Refusal::not_found(&ask.about())) };
    house.store.turn(|world, turn| {
        if let Some(row) = world.sandboxes.find(key) {
            world.edit_sandbox(turn, row, Some(members));
        }
    });
    house.find(&ask.kind, &ask.address.key()).ok_or_else(|| Refusal::not_found(&ask.about()))
}

/// Deletes a derived Pod: its sandbox is told to stop, and its revision makes another.
///
/// # Errors
/// 405 for what is not deleted but follows from something else.
pub fn delete(house: &House, ask: &Ask, found: &Live, grace_s: Option<i64>, dry: bool) -> Outcome<(bool, Shown)> {
    if ask.kind.id != ids::PODS {
        // Deleting derived Endpoints brings them back at once upstream; here they never go.
        return Ok((true, found.shown.clone()));
    }
    let own = found.value.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    let grace_s = u32::try_from(grace_s.unwrap_or(own).max(0)).unwrap_or(30);
    if dry {
        return Ok((false, found.shown.clone()));
    }
    let Some(key) = sandbox_of(house, ask) else { return Err(Refusal::not_found(&ask.about())) };
    house.store.turn(|world, turn| match world.sandboxes.find(key) {
        Some(row) if grace_s == 0 => world.forget_sandbox(turn, row),
        Some(row) => world.stop_sandbox(turn, row, grace_s),
        None => {}
    });
    match house.find(&ask.kind, &ask.address.key()) {
        Some(shown) => Ok((false, shown)),
        None => Ok((true, found.shown.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn owners_are_compared_by_identity() {
        let pod =
            |uids: &[&str]| json!({"metadata": {"ownerReferences": uids.iter().map(|u| json!({"uid": u})).collect::<Vec<_>>()}});
        assert!(same_owners(&pod(&["a", "b"]), &pod(&["b", "a"])));
        assert!(!same_owners(&pod(&["a"]), &pod(&["a", "b"])));
        assert!(!same_owners(&pod(&["a"]), &json!({"metadata": {}})));
    }
}
