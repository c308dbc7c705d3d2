//! What every write shares: metadata of a new object, ownership's subject, admission, the transaction and its companions.

use super::ask::Ask;
use super::house::House;
use crate::admit;
use crate::project::kept::kept;
use crate::project::name;
use crate::project::read::status_from_records;
use crate::registry::{Kind, ids};
use crate::status::{About, Outcome, Refusal};
use crate::store::body::pack;
use serde_json::Value;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Put, ResourceId, Write};
use skiff_patch::apply::{Origin as Topology, Reset, Subject, reset};

/// Who asks for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client.
    Request,
    /// A client's apply: ownership is recorded already.
    Apply,
    /// The server itself, at its start.
    House,
}

/// Sets what the server sets on a new object, and drops what a client cannot set.
pub fn begin_new(object: &mut Value, now: &str) {
    let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
        meta.shift_remove(field);
    }
    meta.insert("uid".into(), name::uid_text(name::new_uid()).into());
    meta.insert("creationTimestamp".into(), now.into());
}

/// The type that ownership of fields is tracked by.
#[must_use]
pub fn subject(kind: &Kind) -> Option<Subject<'_>> {
    let (schema, root) = kind.schema()?;
    let origin = if kind.resource.custom { Topology::Custom } else { Topology::BuiltIn };
    Some(Subject { schema, root, origin })
}

/// What a write to the main resource cannot change.
#[must_use]
pub fn main_reset(kind: &Kind) -> Reset<'static> {
    if kind.resource.has_status() { reset::STATUS } else { Reset::Nothing }
}

/// Adds what a Go server prints even where nothing was given.
pub fn complete(kind: &Kind, object: &mut Value) {
    if let Some((schema, root)) = kind.schema()
        && !kind.resource.custom
    {
        skiff_schema::check::complete(schema, root, object);
        // Zero times and statuses of the metadata are never printed.
        if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.retain(|_, value| !value.is_null());
        }
    }
}

/// The built-in admission plugins that change or refuse an object (api-surface.md 1.18).
///
/// # Errors
/// 403 and what the plugin says.
pub fn admit(house: &House, ask: &Ask, object: &mut Value, old: Option<&Value>, dry: bool) -> Outcome<()> {
    admit::plugins::run(house, ask, object, old, dry)
}

/// The namespace of a new object must exist and not be going.
///
/// # Errors
/// 404, 403.
pub fn check_namespace(house: &House, ask: &Ask, object: &Value) -> Outcome<()> {
    let Some(namespace) = ask.namespace().filter(|_| ask.kind.resource.namespaced) else { return Ok(()) };
    let core = house.store.read();
    let Some(document) = core.world.documents.get(ids::NAMESPACES, namespace) else {
        return Err(Refusal::not_found(&About::new("", "namespaces", namespace)));
    };
    // The text is looked for before the body is parsed: nearly all namespaces are not going.
    let going = document.body.windows(19).any(|w| w == b"\"deletionTimestamp\"");
    if !going {
        return Ok(());
    }
    let taken = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let text = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut refusal = Refusal::forbidden(&ask.kind.about(taken), text);
    if let Some(details) = refusal.details.as_mut() {
        details["causes"] = serde_json::json!([{"reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"), "field": "metadata.namespace"}]);
    }
    Err(refusal)
}

/// Key of an object in its table.
#[must_use]
pub fn key_of(kind: &Kind, object: &Value) -> String {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    let name = text("/metadata/name");
    if kind.resource.namespaced { format!("{}/{name}", text("/metadata/namespace")) } else { name.to_owned() }
}

/// Key of a namespaced object.
#[must_use]
pub fn key_of_namespaced(object: &Value) -> String {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"))
}

/// Whether an object's status is stored with it.
#[must_use]
pub fn keeps_status(resource: ResourceId) -> bool {
    !status_from_records(resource) || resource == ids::NODES
}

/// The content of a document from an object.
#[must_use]
pub fn put(resource: ResourceId, object: &Value) -> Put {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    Put {
        uid: name::uid_of(object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default()),
        owners: owners.map(|o| name::uid_of(o.get("uid").and_then(Value::as_str).unwrap_or_default())).collect(),
        body: body_of(resource, object).into(),
    }
}

/// The bytes of an object as they are stored. Of a status that records make, only what they know nothing of.
fn body_of(resource: ResourceId, object: &Value) -> Vec<u8> {
    let Some(status) = kept(resource, object) else { return pack(object, keeps_status(resource)) };
    let mut object = object.clone();
    object["status"] = status;
    pack(&object, true)
}

/// Commits a new object with its companions. `None` if the name is taken. Returns the version, 0 for a dry run.
///
/// # Errors
/// 503 while the server is stopping, and what a companion refuses.
pub async fn commit_new(house: &House, ask: &Ask, object: &Value, dry: bool) -> Outcome<Option<u64>> {
    let kind = &ask.kind;
    let key = key_of(kind, object);
    if dry {
        return Ok(house.store.read().item(kind.id, &key).is_none().then_some(0));
    }
    // A derived object of this name stands in the way as a stored one would.
    if house.store.read().item(kind.id, &key).is_some() {
        return Ok(None);
    }
    let main = Write { resource: kind.id, key, expect: super::create::NEW, put: Some(put(kind.id, &kind.stored(object))) };
    let mut transaction = Transaction { writes: vec![main] };
    super::companion::add(house, kind, None, object, &mut transaction)?;
    Ok(commit(house, kind, transaction).await?.map(|versions| versions.first().copied().unwrap_or(0)))
}

/// Commits a change of an object that is stored at a version. `None` if it has changed meanwhile.
///
/// # Errors
/// As [`commit_new`].
pub async fn commit_change(house: &House, kind: &Kind, old: &Value, new: &Value, stored: u64) -> Outcome<Option<u64>> {
    commit_change_with(house, kind, old, new, stored, Transaction::default()).await
}

/// The same, together with other writes.
///
/// # Errors
/// As [`commit_new`].
pub async fn commit_change_with(
    house: &House,
    kind: &Kind,
    old: &Value,
    new: &Value,
    stored: u64,
    others: Transaction,
) -> Outcome<Option<u64>> {
    let put = put(kind.id, &kind.stored(new));
    let main = Write { resource: kind.id, key: key_of(kind, new), expect: Expect::Version(stored), put: Some(put) };
    let mut transaction = Transaction { writes: vec![main] };
    transaction.writes.extend(others.writes);
    super::companion::add(house, kind, Some(old), new, &mut transaction)?;
    Ok(commit(house, kind, transaction).await?.map(|versions| versions.first().copied().unwrap_or(0)))
}

/// Commits a transaction the way its first resource is stored. `None` if a precondition did not hold.
///
/// # Errors
/// 503 while the server is stopping.
pub async fn commit(house: &House, kind: &Kind, transaction: Transaction) -> Outcome<Option<Vec<u64>>> {
    let result = if super::create::is_durable(kind) {
        house.store.commit(transaction).await.map_err(|_| Refusal::unavailable("the server is shutting down"))?
    } else {
        house.store.commit_ephemeral(&transaction)
    };
    Ok(result.ok().map(|committed| committed.versions))
}
