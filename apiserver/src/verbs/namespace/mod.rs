//! The end of a namespace: marked, emptied, removed. Also `finalize`.
//!
//! The emptying task is bounded by the content; it is begun again at the start of the server for namespaces found on the way.

pub mod given;
mod remaining;

use super::ask::Ask;
use super::house::House;
use super::passes;
use super::reply::Shown;
use super::update::Live;
use super::write;
use crate::clock;
use crate::registry::{Kinds, ids};
use crate::status::Outcome;
use crate::store::Core;
use crate::store::body::{pack, unpack};
use crate::store::is_deleting;
use remaining::Remaining;
use serde_json::{Value, json};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Put, ResourceId, Write};
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
    let (house, key) = (house.clone(), namespace.to_owned());
    passes::begin("emptying a namespace", namespace, PAUSE, move || {
        let (house, key) = (house.clone(), key.clone());
        async move { pass(&house, &key).await }
    });
}

/// One pass; true when the namespace itself is gone.
async fn pass(house: &House, namespace: &str) -> Outcome<bool> {
    let going = house.store.read().world.documents.get(ids::NAMESPACES, namespace).is_some_and(|d| is_deleting(&unpack(&d.body)));
    if !going {
        // Gone, perhaps made anew under the same name.
        return Ok(true);
    }
    let Plan { durable, ephemeral, left } = plan(house, namespace);
    if !ephemeral.writes.is_empty() {
        // Nothing is expected of these, so nothing can clash.
        let _ = house.store.commit_ephemeral(&ephemeral);
    }
    let Some(kind) = house.registry.kinds().of_id(ids::NAMESPACES).cloned() else { return Ok(true) };
    if !durable.writes.is_empty() {
        write::commit(house, &kind, durable).await?;
    }
    let document = house.store.read().world.documents.get(ids::NAMESPACES, namespace).cloned();
    let Some(document) = document else { return Ok(true) };
    let old = unpack(&document.body);
    let next = next(&old, &left);
    let done = next.is_none();
    if next.as_ref() == Some(&old) {
        return Ok(false);
    }
    let put = next.map(|object| write::put(ids::NAMESPACES, &object));
    let write = Write { resource: ids::NAMESPACES, key: namespace.into(), expect: Expect::Version(document.version), put };
    // Somebody may have written in between; the next pass looks again.
    let written = write::commit(house, &kind, Transaction { writes: vec![write] }).await?.is_some();
    Ok(done && written)
}

/// The namespace after a pass: with the conditions that say what it waits for, without the server's own finalizer once the
/// content is gone, and `None` when nothing holds it.
fn next(old: &Value, left: &Remaining) -> Option<Value> {
    let mut new = old.clone();
    if left.is_empty() {
        let finalizers = new.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut);
        let held = finalizers.is_some_and(|all| {
            all.retain(|f| f != "kubernetes");
            !all.is_empty()
        });
        if !held {
            return None;
        }
    }
    new["status"]["conditions"] = left.conditions(&new["status"]["conditions"], &clock::now_rfc3339());
    Some(new)
}

/// What can go now, and what is left to wait for.
struct Plan {
    durable: Transaction,
    ephemeral: Transaction,
    left: Remaining,
}

/// Pods go first: while one is left, nothing else is touched (a NetworkPolicy must outlive the Pods that it guards). Pods that
/// are derived go with what makes them.
fn plan(house: &House, namespace: &str) -> Plan {
    let core = house.store.read();
    let nothing = || Transaction { writes: Vec::new() };
    let mut plan = Plan { durable: nothing(), ephemeral: nothing(), left: Remaining::default() };
    let kinds = house.registry.kinds();
    let pods = plan.add(&core, &kinds, ids::PODS, namespace);
    if pods > 0 {
        return plan;
    }
    for (resource, _) in core.world.documents.tables().filter(|(resource, _)| *resource != ids::PODS) {
        plan.add(&core, &kinds, resource, namespace);
    }
    // Derived Pods of what was just removed may still be stopping on their nodes; own ones are in the plan already.
    let prefix = format!("{namespace}/");
    let own = core.world.documents.table(ids::PODS).range::<str, _>(from(&prefix)).take_while(|(k, _)| k.starts_with(&prefix));
    let derived = core.items(ids::PODS, Some(namespace)).len().saturating_sub(own.count());
    plan.left.note("pods", "", derived);
    plan
}

fn from(prefix: &str) -> (std::ops::Bound<&str>, std::ops::Bound<&str>) {
    (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded)
}

impl Plan {
    /// Adds one resource's content; says how many objects cannot go yet.
    fn add(&mut self, core: &Core, kinds: &Kinds, resource: ResourceId, namespace: &str) -> usize {
        let prefix = format!("{namespace}/");
        let table = core.world.documents.table(resource);
        let mut left = 0;
        for (key, document) in table.range::<str, _>(from(&prefix)).take_while(|(k, _)| k.starts_with(&prefix)) {
            let write = |put| Write { resource, key: key.to_string(), expect: Expect::Any, put };
            if core.is_ephemeral(resource) {
                self.ephemeral.writes.push(write(None));
                continue;
            }
            let object = unpack(&document.body);
            let held = object.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty());
            let stopping = resource == ids::PODS && core.own_sandbox_placed(document.uid);
            if !held && !stopping {
                self.durable.writes.push(write(None));
                continue;
            }
            left += 1;
            self.left.note_finalizers(&object);
            if !is_deleting(&object) {
                let mut new = object;
                new["metadata"]["deletionTimestamp"] = clock::now_rfc3339().into();
                new["metadata"]["deletionGracePeriodSeconds"] = json!(if stopping { 1 } else { 0 });
                let put = Put { uid: document.uid, owners: document.owners.clone(), body: pack(&new, true).into() };
                self.durable.writes.push(write(Some(put)));
            }
        }
        if let Some(kind) = kinds.of_id(resource) {
            self.left.note(&kind.resource.plural, &kind.resource.group, left);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_goes_when_nothing_holds_it() {
        let terminating = |finalizers: &[&str]| json!({"spec": {"finalizers": finalizers}, "status": {"phase": "Terminating"}});
        let mut left = Remaining::default();
        assert_eq!(next(&terminating(&["kubernetes"]), &left), None);
        assert_eq!(next(&json!({"spec": {}, "status": {}}), &left), None);
        let held = next(&terminating(&["kubernetes", "e.com/x"]), &left).unwrap();
        assert_eq!(held["spec"]["finalizers"], json!(["e.com/x"]));
        left.note("configmaps", "", 1);
        let waiting = next(&terminating(&["kubernetes"]), &left).unwrap();
        assert_eq!(waiting["spec"]["finalizers"], json!(["kubernetes"]));
        assert_eq!(waiting["status"]["conditions"][3]["status"], "True");
    }
}
