//! POST of a new object: intake, defaults, ownership, admission, validation, transaction.

use super::ask::Ask;
use super::house::House;
use super::intake;
use super::reply::{self, Reply, Shown};
use super::write::{self, Origin};
use crate::admit::policies::{self, Pass, Written};
use crate::clock;
use crate::observe::events;
use crate::project::name;
use crate::project::read::status_from_records;
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use crate::store::body::pack;
use serde_json::Value;
use skiff_engine::record::Expect;
use skiff_kinds::object::meta;
use skiff_kinds::table::Storage;
use skiff_patch::apply::{Write, track_update};

/// How often a generated name that is taken is replaced (upstream: 8).
const NAMES_MAX: usize = 8;

/// POST to a collection.
///
/// # Errors
/// Whatever is wrong with the object; 409 if it exists.
pub async fn create(house: &House, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let dry = ask.write_options("CreateOptions", false)?;
    let validation = ask.field_validation("CreateOptions")?;
    let mut object = intake::object(ask, body, validation)?;
    place(ask, &mut object)?;
    let shown = insert(house, ask, object, dry, Origin::Request).await?;
    reply::object(ask, 201, &shown)
}

/// Name and namespace of the body and of the path must agree.
pub(super) fn place(ask: &Ask, object: &mut Value) -> Outcome<()> {
    let namespaced = ask.kind.resource.namespaced;
    let map = match object.as_object_mut() {
        Some(map) => map,
        None => return Err(Refusal::bad_request("the object is no JSON object")),
    };
    let meta = map.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
    if meta.is_null() {
        *meta = Value::Object(serde_json::Map::new());
    }
    let Some(meta) = meta.as_object_mut() else { return Err(Refusal::bad_request("metadata is no JSON object")) };
    let sent = meta.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
    if namespaced {
        if !sent.is_empty() && sent != ask.address.namespace {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        meta.insert("namespace".into(), ask.address.namespace.clone().into());
    }
    Ok(())
}

/// Makes the object, whoever asks for it.
///
/// # Errors
/// As [`create`].
pub async fn insert(house: &House, ask: &Ask, mut object: Value, dry: bool, origin: Origin) -> Outcome<Shown> {
    let kind = &ask.kind;
    let now = clock::now_rfc3339();
    let generate = object.pointer("/metadata/generateName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = !object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().is_empty();
    if object.pointer("/metadata/resourceVersion").and_then(Value::as_str).is_some_and(|v| !v.is_empty()) {
        return Err(Refusal::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    crate::custom::check_alive(kind)?;
    write::begin_new(&mut object, &now);
    if !named && !generate.is_empty() {
        object["metadata"]["name"] = generated(&generate).into();
    }
    // The house's own objects must be there whatever policies say, or it could not start again.
    let asked = origin != Origin::House;
    if asked {
        // The first of upstream's admission plugins: no other may complain before it.
        write::check_namespace(house, ask, &object)?;
    }
    super::knative::default_new(house, ask, &mut object)?;
    (kind.strategy.default)(&mut object);
    if origin != Origin::Apply {
        own(ask, &now, &mut object);
    }
    (kind.strategy.prepare_create)(&mut object);
    crate::custom::prepare_create(kind, &mut object);
    write::admit(house, ask, &mut object, None, dry)?;
    let name = object.pointer("/metadata/name").and_then(Value::as_str).filter(|_| named).unwrap_or_default().to_owned();
    let pass = Pass::create(house, ask, &name, dry);
    if asked && pass.mutate(&mut object, None, |object| write::admit(house, ask, object, None, dry))? {
        (kind.strategy.prepare_create)(&mut object);
        crate::custom::prepare_create(kind, &mut object);
    }
    super::knative::admit(house, ask, &mut object, None)?;
    let mut errors = meta::validate_meta(&object, kind.resource.namespaced, meta::name_rule(kind.group(), kind.kind()));
    if !kind.resource.custom {
        errors.extend(meta::validate_builtin_finalizers(&object));
    }
    errors.extend((kind.strategy.validate)(&object));
    crate::custom::validate(house, kind, "", &object, None, &mut errors);
    policies::check(house, ask, "", &object, None, &mut errors);
    if !errors.is_empty() {
        let shown_name = if named { object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default() } else { "" };
        return Err(Refusal::invalid(kind.group(), kind.kind(), shown_name, &errors));
    }
    super::knative::check(house, ask, &object, None)?;
    super::access::check_escalation(house, ask, &object)?;
    write::complete(kind, &mut object);
    if asked {
        // Again: admission may have taken a while.
        write::check_namespace(house, ask, &object)?;
        pass.validate(Written { new: Some(&object), old: None })?;
    }
    for _ in 0..NAMES_MAX {
        match write::commit_new(house, ask, &object, dry).await? {
            Some(version) => {
                if !dry && origin != Origin::House {
                    events::of_idle(house, kind, &object);
                }
                let keep = !status_from_records(kind.id) || kind.id == ids::NODES;
                return Ok(Shown { version, body: pack(&object, keep).into() });
            }
            None if !named && !generate.is_empty() => object["metadata"]["name"] = generated(&generate).into(),
            None => break,
        }
    }
    let taken = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    Err(Refusal::already_exists(&kind.about(taken)))
}

/// The creator owns what it sent.
fn own(ask: &Ask, now: &str, object: &mut Value) {
    let kind = &ask.kind;
    let Some(subject) = write::subject(kind) else { return };
    let manager = ask.field_manager();
    let api_version = kind.resource.api_version();
    let write =
        Write { field_manager: &manager, api_version: &api_version, subresource: "", now, reset: write::main_reset(kind) };
    track_update(subject, &write, None, object);
}

/// `generateName` plus five letters; the base is cut to 58.
fn generated(base: &str) -> String {
    let cut = base.char_indices().nth(58).map_or(base.len(), |(at, _)| at);
    format!("{}{}", &base[..cut], name::letters(rand::random(), 5))
}

/// Precondition of a new object.
pub(super) const NEW: Expect = Expect::Absent;

/// Whether objects of the kind go through the log.
pub(super) fn is_durable(kind: &crate::registry::Kind) -> bool {
    !matches!(kind.resource.storage, Storage::Ephemeral)
}
