//! The end of a definition: its objects go first, each as if deleted by itself, then the definition and with it its kinds.
//!
//! Runs in the background like the emptying of a namespace and goes on after a restart.

use crate::clock;
use crate::registry::{ids, resource_id};
use crate::status::Outcome;
use crate::store::body::{pack, unpack};
use crate::store::is_deleting;
use crate::verbs::ask::Ask;
use crate::verbs::delete::mark;
use crate::verbs::dependents::dependents;
use crate::verbs::house::House;
use crate::verbs::passes;
use crate::verbs::reply::Shown;
use crate::verbs::update::Live;
use crate::verbs::write::{self, put};
use serde_json::Value;
use skiff_custom::conditions;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Put, ResourceId, Write};
use std::sync::Arc;
use std::time::Duration;

/// Pause between two passes while objects are held by their finalizers.
const PAUSE: Duration = Duration::from_millis(200);

/// Marks a definition as going and begins to remove its objects. `None`: somebody else was faster.
///
/// # Errors
/// 503 while stopping.
pub(crate) async fn delete(
    house: &Arc<House>,
    ask: &Ask,
    found: &Live,
    stored: u64,
    dry: bool,
) -> Outcome<Option<(bool, Shown)>> {
    if is_deleting(&found.value) {
        return Ok(Some((false, found.shown.clone())));
    }
    let mut new = mark(&found.value, 0);
    conditions::terminate(&mut new, &clock::now_rfc3339());
    let shown = |version| Shown { version, body: pack(&new, true).into() };
    if dry {
        return Ok(Some((false, shown(found.shown.version))));
    }
    let Some(version) = write::commit_change(house, &ask.kind, &found.value, &new, stored).await? else { return Ok(None) };
    begin(house, &ask.address.name);
    Ok(Some((false, shown(version))))
}

/// Removes a definition's objects, and then it, in the background.
pub fn begin(house: &Arc<House>, name: &str) {
    let (house, key) = (house.clone(), name.to_owned());
    passes::begin("removing a definition", name, PAUSE, move || {
        let (house, key) = (house.clone(), key.clone());
        async move { pass(&house, &key).await }
    });
}

/// One pass; true when there is nothing left to do.
async fn pass(house: &House, name: &str) -> Outcome<bool> {
    let document = house.store.read().world.documents.get(ids::CRDS, name).cloned();
    let Some(document) = document else { return Ok(true) };
    let object = unpack(&document.body);
    if !is_deleting(&object) {
        return Ok(true);
    }
    let Some(kind) = house.registry.kinds().of_id(ids::CRDS).cloned() else { return Ok(true) };
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = resource_id(&text(&spec["group"]), &text(&spec["names"]["plural"]));
    // The objects of built-in kinds are not their definition's: Knative's outlive it.
    if house.registry.built_in_of(id).is_none() {
        let (transaction, left) = plan(house, id);
        if !transaction.writes.is_empty() {
            write::commit(house, &kind, transaction).await?;
        }
        if left > 0 {
            return Ok(false);
        }
    }
    let mut last = object.clone();
    conditions::terminated(&mut last, &clock::now_rfc3339());
    let held = last.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty());
    let mut transaction = Transaction {
        writes: vec![Write {
            resource: ids::CRDS,
            key: name.to_owned(),
            expect: Expect::Version(document.version),
            put: held.then(|| put(ids::CRDS, &last)),
        }],
    };
    if !held {
        dependents(&house.store.read(), document.uid, false, &mut transaction);
    }
    let done = write::commit(house, &kind, transaction).await?.is_some();
    if done && !held {
        super::definitions::reconsider(house, &kind, &text(&spec["group"])).await?;
    }
    Ok(done)
}

/// What can go now, and how much is left to wait for.
fn plan(house: &House, id: ResourceId) -> (Transaction, usize) {
    let core = house.store.read();
    let mut transaction = Transaction { writes: Vec::new() };
    let mut left = 0;
    for (key, document) in core.world.documents.table(id) {
        let object = unpack(&document.body);
        let write = |put| Write { resource: id, key: key.to_string(), expect: Expect::Any, put };
        let held = object.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty());
        if !held {
            if !transaction.writes.iter().any(|w| w.resource == id && w.key == **key) {
                transaction.writes.push(write(None));
                dependents(&core, document.uid, false, &mut transaction);
            }
            continue;
        }
        left += 1;
        if !is_deleting(&object) {
            let new = mark(&object, 0);
            let put = Put { uid: document.uid, owners: document.owners.clone(), body: pack(&new, true).into() };
            transaction.writes.push(write(Some(put)));
        }
    }
    (transaction, left)
}
