//! DELETE of one object and of a collection: preconditions, grace, finalizers, and what becomes of dependents.
//!
//! Dependents go, or are released, in the same transaction as their owner, so there is no collector to wait for; what has
//! finalizers is marked and stays. Only a foreground deletion goes on in the background (`collect.rs`), and a namespace is
//! emptied by `namespace.rs`.

use super::ask::Ask;
use super::dependents::{dependents, finalizers, is_collectors, set_collectors};
use super::house::House;
use super::propagation::{Options, Policy};
use super::reply::{self, ListMeta, Reply, Shown};
use super::select::Selection;
use super::update::{Live, live, uid_of};
use super::write;
use crate::admit::policies::{Pass, Written};
use crate::clock;
use crate::registry::{Kind, ids};
use crate::status::{About, Outcome, Refusal};
use crate::store::body::pack;
use crate::store::is_deleting;
use serde_json::{Value, json};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Write};
use std::sync::Arc;

/// DELETE of an object.
///
/// # Errors
/// 404, 409, 403.
pub async fn delete(house: &Arc<House>, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    delete_past(house, ask, body, |pass, old| pass.validate(Written { new: None, old: Some(old) })).await
}

/// The same for an eviction, which policies have been asked about as such.
///
/// # Errors
/// As [`delete`].
pub async fn evict(house: &Arc<House>, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    delete_past(house, ask, body, |_, _| Ok(())).await
}

async fn delete_past(
    house: &Arc<House>,
    ask: &Ask,
    body: &[u8],
    judge: impl Fn(&Pass<'_>, &Value) -> Outcome<()>,
) -> Outcome<Reply> {
    let options = Options::parse(ask, body)?;
    for _ in 0..5 {
        let Some(found) = live(house, ask) else { return Err(Refusal::not_found(&ask.about())) };
        check_preconditions(ask, &options, &found)?;
        check_protected(ask)?;
        judge(&Pass::delete(house, ask, options.dry), &found.value)?;
        let policy = policy(house, ask, ask, &options, &found);
        if let Some((gone, shown)) = remove(house, ask, &options, policy, &found).await? {
            return answer(ask, &found, gone, &shown, policy.finalizer());
        }
    }
    Err(Refusal::modified(&ask.about()))
}

fn check_protected(ask: &Ask) -> Outcome<()> {
    let protected =
        ask.kind.id == ids::NAMESPACES && matches!(ask.address.name.as_str(), "default" | "kube-system" | "kube-public");
    if protected { Err(Refusal::forbidden(&ask.about(), "this namespace may not be deleted")) } else { Ok(()) }
}

fn check_preconditions(ask: &Ask, options: &Options, found: &Live) -> Outcome<()> {
    let there = found.value.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    // Upstream names the Kind here, not the resource.
    let about = About::new(ask.kind.group(), ask.kind.kind(), &ask.address.name);
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != there) {
        return Err(Refusal::conflict(
            &about,
            format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({there}). The object might have been deleted and then recreated"
            ),
        ));
    }
    if let Some(version) = options.version.as_deref().filter(|v| *v != found.shown.version.to_string()) {
        return Err(Refusal::conflict(
            &about,
            format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The object might have been modified",
                found.shown.version
            ),
        ));
    }
    Ok(())
}

/// What becomes of an object's dependents; `heard` gets the warnings.
fn policy(house: &House, heard: &Ask, ask: &Ask, options: &Options, found: &Live) -> Policy {
    let kind = &ask.kind;
    if let (None, Some(warning)) = (options.policy, &kind.resource.orphans) {
        let has_derived = house.store.read().has_derived(kind.id, &ask.address.key());
        if has_derived {
            heard.warn(format!(
                "pods of {} are preserved upstream when no propagationPolicy is given; skiff removes them, as with Background",
                kind.resource.plural
            ));
        } else if !warning.is_empty() {
            heard.warn(warning.to_string());
        }
        return Policy::by_default(kind, &found.value, has_derived);
    }
    options.policy.unwrap_or_else(|| Policy::by_default(kind, &found.value, false))
}

/// Removes or marks. `None`: somebody else was faster. The flag says whether it is gone.
async fn remove(
    house: &Arc<House>,
    ask: &Ask,
    options: &Options,
    policy: Policy,
    found: &Live,
) -> Outcome<Option<(bool, Shown)>> {
    let kind = &ask.kind;
    let Some(stored) = found.stored else {
        return super::derived::delete(house, ask, found, options.grace_s, options.dry).map(Some);
    };
    if kind.id == ids::NAMESPACES {
        return super::namespace::delete(house, ask, found, stored, options.dry).await;
    }
    if kind.id == ids::CRDS {
        return crate::custom::removal::delete(house, ask, found, stored, options.dry).await;
    }
    let grace_s = grace_of(house, kind, &found.value, options.grace_s);
    let (has_derived, waits) = {
        let core = house.store.read();
        (
            core.has_derived(kind.id, &ask.address.key()),
            policy == Policy::Foreground && core.has_dependents(kind.id, &ask.address.key()),
        )
    };
    if policy == Policy::Orphan && has_derived {
        // Its Pods are no documents that could be without an owner.
        return Err(Refusal::unsupported(format!(
            "propagationPolicy Orphan of {} {:?} while it has pods",
            kind.resource.plural, ask.address.name
        )));
    }
    let others = finalizers(&found.value).any(|f| !is_collectors(f));
    if grace_s == 0 && !others && !waits {
        return take_away(house, ask, options, policy, found, stored).await;
    }
    let mut new = found.value.clone();
    let shorter =
        found.value.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|g| g > grace_s);
    if !is_deleting(&found.value) || shorter {
        new = mark(&found.value, grace_s);
    }
    set_collectors(&mut new, policy.finalizer().filter(|_| waits));
    if new == found.value {
        return Ok(Some((false, found.shown.clone())));
    }
    if options.dry {
        return Ok(Some((false, Shown { version: found.shown.version, body: pack(&new, true).into() })));
    }
    let mut released = Transaction::default();
    if policy == Policy::Orphan {
        dependents(&house.store.read(), uid_of(&found.value), true, &mut released);
    }
    let version = write::commit_change_with(house, kind, &found.value, &new, stored, released).await?;
    if version.is_some() && waits {
        super::collect::begin(house, kind.id, &ask.address.key());
    }
    Ok(version.map(|version| (false, Shown { version, body: pack(&new, true).into() })))
}

/// Removes the object, and what it owns or its hold on that, at once.
async fn take_away(
    house: &Arc<House>,
    ask: &Ask,
    options: &Options,
    policy: Policy,
    found: &Live,
    stored: u64,
) -> Outcome<Option<(bool, Shown)>> {
    let kind = &ask.kind;
    if options.dry {
        return Ok(Some((true, found.shown.clone())));
    }
    let main = Write { resource: kind.id, key: ask.address.key(), expect: Expect::Version(stored), put: None };
    let mut transaction = Transaction { writes: vec![main] };
    dependents(&house.store.read(), uid_of(&found.value), policy == Policy::Orphan, &mut transaction);
    // What is released must stand by itself before its owner's records go.
    transaction.writes.rotate_left(1);
    super::knative::leave(house, ask, &found.value);
    let done = write::commit(house, kind, transaction).await?;
    Ok(done.map(|versions| {
        let version = versions.last().copied().unwrap_or(found.shown.version);
        (true, marked(kind, found, 0, version))
    }))
}

/// Grace of a deletion in seconds; only Pods that run somewhere have one.
fn grace_of(house: &House, kind: &Kind, object: &Value, asked: Option<i64>) -> i64 {
    if kind.id != ids::PODS {
        return 0;
    }
    let placed = object.pointer("/spec/nodeName").and_then(Value::as_str).is_some_and(|n| !n.is_empty());
    let runs = house.store.read().own_sandbox_placed(uid_of(object));
    if !placed || !runs {
        return 0;
    }
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    asked.unwrap_or(own).max(0)
}

pub(crate) fn mark(object: &Value, grace_s: i64) -> Value {
    let mut new = object.clone();
    let meta = &mut new["metadata"];
    if meta.get("deletionTimestamp").is_none_or(Value::is_null)
        && let Some(generation) = meta.get("generation").and_then(Value::as_i64)
    {
        meta["generation"] = (generation + 1).into();
    }
    let end_s = clock::now_ms() / 1000 + u64::try_from(grace_s).unwrap_or(0);
    meta["deletionTimestamp"] = clock::rfc3339(end_s).into();
    meta["deletionGracePeriodSeconds"] = grace_s.into();
    new
}

/// The object as the answer to its deletion shows it: Pods carry the marks of it.
fn marked(kind: &Kind, found: &Live, grace_s: i64, version: u64) -> Shown {
    if kind.id != ids::PODS {
        return found.shown.clone();
    }
    Shown { version, body: pack(&mark(&found.value, grace_s), true).into() }
}

/// Kinds whose DELETE answers with the object even when it is gone (api-surface.md 1.8).
fn answers_with_object(kind: &Kind) -> bool {
    matches!(
        (kind.group(), kind.kind()),
        (
            "",
            "Pod"
                | "Service"
                | "Namespace"
                | "ServiceAccount"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "PodTemplate"
                | "ResourceQuota"
        ) | ("storage.k8s.io" | "resource.k8s.io", _)
            | ("serving.knative.dev", "Route" | "DomainMapping")
    )
}

fn answer(ask: &Ask, found: &Live, gone: bool, shown: &Shown, held_by: Option<&str>) -> Outcome<Reply> {
    if let Some(finalizer) = held_by.filter(|_| gone) {
        // Nothing is left to wait for, but the answer is that of a server whose collector still has to come.
        let mut new = mark(&found.value, 0);
        match new.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut) {
            Some(list) => list.push(finalizer.into()),
            None => new["metadata"]["finalizers"] = json!([finalizer]),
        }
        return reply::object(ask, 200, &Shown { version: shown.version, body: pack(&new, true).into() });
    }
    if !gone || answers_with_object(&ask.kind) {
        return reply::object(ask, 200, shown);
    }
    let mut details = json!({"name": ask.address.name});
    if !ask.kind.group().is_empty() {
        details["group"] = ask.kind.group().into();
    }
    details["kind"] = (*ask.kind.resource.plural).into();
    details["uid"] = found.value["metadata"]["uid"].clone();
    Ok(reply::success(200, Some(details)))
}

/// An update that takes the last finalizer off an object under deletion is its end. `None` if it is not that.
///
/// # Errors
/// 503 while stopping.
pub async fn finish_if_final(house: &House, ask: &Ask, old: &Value, new: &Value, stored: u64) -> Outcome<Option<u64>> {
    let (left, had) = (finalizers(new).count(), finalizers(old).count());
    let namespace = ask.kind.id == ids::NAMESPACES;
    if !is_deleting(new) || left > 0 || had == 0 || namespace || house.store.read().own_sandbox_placed(uid_of(new)) {
        return Ok(None);
    }
    let mut transaction = Transaction {
        writes: vec![Write { resource: ask.kind.id, key: ask.address.key(), expect: Expect::Version(stored), put: None }],
    };
    dependents(&house.store.read(), uid_of(new), false, &mut transaction);
    let done = write::commit(house, &ask.kind, transaction).await?;
    Ok(done.and_then(|versions| versions.first().copied()))
}

/// DELETE of a collection: each object as if deleted by itself; the answer lists what was there.
///
/// # Errors
/// What is wrong with the options or selectors.
pub async fn delete_collection(house: &Arc<House>, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let options = Options::parse(ask, body)?;
    let selection = Selection::parse(ask)?;
    let (items, version) = {
        let core = house.store.read();
        (core.items(ask.kind.id, ask.namespace()), core.world.version)
    };
    let mut taken = Vec::new();
    for item in items.into_iter().filter(|item| selection.admits_key(&item.key)) {
        let body = house.store.read().show(&ask.kind, &item.key, &item.view);
        if !selection.matches(&ask.kind, &body) {
            continue;
        }
        let name = item.key.rsplit('/').next().unwrap_or_default().to_owned();
        let namespace = item.key.split_once('/').map(|(n, _)| n.to_owned()).unwrap_or_default();
        let one = ask.about_object(&namespace, &name);
        for _ in 0..5 {
            let Some(found) = live(house, &one) else { break };
            let verdict = Pass::delete(house, &one, options.dry).validate(Written { new: None, old: Some(&found.value) });
            one.warnings.lock().drain(..).for_each(|text| ask.warn(text));
            verdict?;
            let policy = policy(house, ask, &one, &options, &found);
            if remove(house, &one, &options, policy, &found).await?.is_some() {
                taken.push(Shown { version: item.version, body });
                break;
            }
        }
    }
    reply::list(ask, &ListMeta { version, ..ListMeta::default() }, taken.into_iter())
}
