//! The end of a namespace: marked, emptied, removed. Also `finalize`.
//!
//! The emptying task is bounded by the content; it is begun again at the start of the server for namespaces found on the way.

use super::ask::Ask;
use super::house::House;
use super::reply::Shown;
use super::update::Live;
use super::write;
use crate::clock;
use crate::registry::ids;
use crate::status::Outcome;
use crate::store::body::{pack, unpack};
use crate::store::is_deleting;
use serde_json::{Value, json};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Put, Write};
use std::sync::Arc;
use std::time::Duration;

/// Pause between two passes while something in the namespace is still stopping.
const PAUSE: Duration = Duration::from_millis(100);

/// Marks a namespace as going and begins to empty it.
///
/// # Errors
/// 503 while stopping.
pub async fn delete(house: &Arc<House>, ask: &Ask, found: &Live, stored: u64, dry: bool) -> Outcome<Option<(bool, Shown)>> {
    if is_deleting(&found.value) {
        return Ok(Some((false, found.shown.clone())));
    }
    let mut new = found.value.clone();
    new["metadata"]["deletionTimestamp"] = clock::now_rfc3339().into();
    new["status"]["phase"] = "Terminating".into();
    let shown = |version| Shown { version, body: pack(&new, true).into() };
    if dry {
        return Ok(Some((false, shown(found.shown.version))));
    }
    let Some(version) = write::commit_change(house, &ask.kind, &found.value, &new, stored).await? else { return Ok(None) };
    begin_emptying(house, &ask.address.name);
    Ok(Some((false, shown(version))))
}

/// Empties a namespace in the background.
pub fn begin_emptying(house: &Arc<House>, namespace: &str) {
    let (house, namespace) = (house.clone(), namespace.to_owned());
    tokio::spawn(async move {
        loop {
            match pass(&house, &namespace).await {
                Ok(true) => return,
                Ok(false) => tokio::time::sleep(PAUSE).await,
                Err(refusal) => {
                    tracing::warn!(%namespace, message = %refusal.message, "emptying a namespace");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    });
}

/// One pass; true when the namespace itself is gone.
async fn pass(house: &House, namespace: &str) -> Outcome<bool> {
    let (durable, ephemeral, left) = plan(house, namespace);
    if !ephemeral.writes.is_empty() {
        // Nothing is expected of these, so nothing can clash.
        let _ = house.store.commit_ephemeral(&ephemeral);
    }
    let Some(kind) = house.registry.kinds().of_id(ids::NAMESPACES).cloned() else { return Ok(true) };
    if !durable.writes.is_empty() {
        write::commit(house, &kind, durable).await?;
    }
    if left > 0 {
        return Ok(false);
    }
    let document = house.store.read().world.documents.get(ids::NAMESPACES, namespace).cloned();
    let Some(document) = document else { return Ok(true) };
    let held = unpack(&document.body)
        .pointer("/spec/finalizers")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|f| f != "kubernetes"));
    if held {
        return Ok(false);
    }
    let write = Write { resource: ids::NAMESPACES, key: namespace.into(), expect: Expect::Version(document.version), put: None };
    Ok(write::commit(house, &kind, Transaction { writes: vec![write] }).await?.is_some())
}

/// What can go now, and how much is left to wait for.
fn plan(house: &House, namespace: &str) -> (Transaction, Transaction, usize) {
    let core = house.store.read();
    let prefix = format!("{namespace}/");
    let mut durable = Transaction { writes: Vec::new() };
    let mut ephemeral = Transaction { writes: Vec::new() };
    let mut left = 0;
    for (resource, table) in core.world.documents.tables() {
        let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded);
        for (key, document) in table.range::<str, _>(from).take_while(|(k, _)| k.starts_with(&prefix)) {
            let write = |put| Write { resource, key: key.to_string(), expect: Expect::Any, put };
            if core.is_ephemeral(resource) {
                ephemeral.writes.push(write(None));
                continue;
            }
            let object = unpack(&document.body);
            let held = object.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty());
            let stopping = resource == ids::PODS && core.own_sandbox_placed(document.uid);
            if !held && !stopping {
                durable.writes.push(write(None));
                continue;
            }
            left += 1;
            if !is_deleting(&object) {
                let mut new = object;
                new["metadata"]["deletionTimestamp"] = clock::now_rfc3339().into();
                new["metadata"]["deletionGracePeriodSeconds"] = json!(if stopping { 1 } else { 0 });
                let put = Put { uid: document.uid, owners: document.owners.clone(), body: pack(&new, true).into() };
                durable.writes.push(write(Some(put)));
            }
        }
    }
    // Derived Pods of what was just removed may still be stopping on their nodes.
    left += core.items(ids::PODS, Some(namespace)).len().saturating_sub(left);
    (durable, ephemeral, left)
}
