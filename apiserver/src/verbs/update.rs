//! PUT and PATCH, of objects and of their `status`: one path from the live object to the changed one.
//!
//! A PATCH without a version of its own is tried again when somebody else wrote in between; a PUT or a patch with a version
//! is refused then.

use super::ask::{Ask, FieldValidation};
use super::create::{insert, place};
use super::house::House;
use super::intake;
use super::patch::{Patch, PatchKind};
use super::reply::{self, Reply, Shown, whole};
use super::write::{self, Origin};
use crate::admit::policies::{self, Pass, Written};
use crate::clock;
use crate::project::name;
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use crate::store::body::pack;
use serde_json::Value;
use skiff_kinds::object::{self, meta};
use skiff_kinds::workload;
use skiff_patch::apply::{Reset, Write, reset, settle_times, track_update};

/// Tries of a PATCH against concurrent writes. Upstream's store tries for as long as the request may take; here one writer of an
/// object wins with each entry of the log, so this many writers at once all get their turn.
const TRIES_MAX: usize = 200;

/// How the new object comes about.
pub(super) enum Change {
    /// PUT.
    Whole(Value),
    /// PATCH.
    Patch(Patch),
}

/// The live object of a write.
pub struct Live {
    /// As clients see it.
    pub value: Value,
    /// As clients see it, bytes.
    pub shown: Shown,
    /// Version of the stored document; `None` for a derived object.
    pub stored: Option<u64>,
}

/// Reads the live object.
pub(super) fn live(house: &House, ask: &Ask) -> Option<Live> {
    let key = ask.address.key();
    let core = house.store.read();
    let item = core.item(ask.kind.id, &key)?;
    let body = core.show(&ask.kind, &item.key, &item.view);
    let stored = core.world.documents.get(ask.kind.id, &key).map(|d| d.version);
    let shown = Shown { version: item.version, body };
    Some(Live { value: whole(&ask.kind, &shown), shown, stored })
}

/// PUT.
///
/// # Errors
/// Whatever is wrong with the object; 404, 409.
pub async fn put(house: &House, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let dry = ask.write_options("UpdateOptions", false)?;
    let validation = ask.field_validation("UpdateOptions")?;
    let mut object = intake::object(ask, body, validation)?;
    check_name(ask, &mut object)?;
    place(ask, &mut object)?;
    change(house, ask, &Change::Whole(object), dry, validation).await
}

/// PATCH.
///
/// # Errors
/// As [`put`], and what is wrong with the patch.
pub async fn patch(house: &House, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let mut patch = Patch::decode(ask, body)?;
    let apply = matches!(patch.kind, PatchKind::Apply);
    let dry = ask.write_options("PatchOptions", apply)?;
    let validation = ask.field_validation("PatchOptions")?;
    if apply && validation != FieldValidation::Ignore {
        patch.note_duplicates(body);
    }
    change(house, ask, &Change::Patch(patch), dry, validation).await
}

fn check_name(ask: &Ask, object: &mut Value) -> Outcome<()> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        object["metadata"]["name"] = ask.address.name.clone().into();
    } else if name != ask.address.name {
        let text = format!("the name of the object ({name}) does not match the name on the URL ({})", ask.address.name);
        return Err(Refusal::bad_request(text));
    }
    Ok(())
}

async fn change(house: &House, ask: &Ask, change: &Change, dry: bool, validation: FieldValidation) -> Outcome<Reply> {
    for _ in 0..TRIES_MAX {
        let Some(live) = live(house, ask) else {
            return absent(house, ask, change, dry, validation).await;
        };
        let mut new = match change {
            Change::Whole(object) => object.clone(),
            Change::Patch(patch) => patch.apply(ask, &live, validation)?,
        };
        let sent = new.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        let own_version = match change {
            Change::Whole(_) => !sent.is_empty(),
            Change::Patch(patch) => patch.names_version(),
        };
        if own_version && sent != live.shown.version.to_string() {
            return Err(Refusal::modified(&ask.about()));
        }
        check_unconditional(ask, change, &sent)?;
        // Of a patch upstream asks this in validation, which says it otherwise.
        if matches!(change, Change::Whole(_)) {
            check_uid(ask, &new, &live.value)?;
        }
        check_name(ask, &mut new)?;
        place(ask, &mut new)?;
        let prepared = prepare(house, ask, change, new, &live, dry)?;
        match store(house, ask, &live, prepared, dry).await? {
            Some(shown) => return reply::object(ask, 200, &shown),
            None if own_version => return Err(Refusal::modified(&ask.about())),
            None => {}
        }
    }
    Err(Refusal::modified(&ask.about()))
}

/// A PUT of these kinds without a version is refused (api-surface.md 1.9).
fn check_unconditional(ask: &Ask, change: &Change, sent: &str) -> Outcome<()> {
    let r = &ask.kind.resource;
    let strict = r.custom
        || matches!(
            (&*r.group, &*r.kind),
            ("apiextensions.k8s.io" | "admissionregistration.k8s.io" | "coordination.k8s.io" | "apiregistration.k8s.io", _)
                | ("policy", "PodDisruptionBudget")
                | ("node.k8s.io", "RuntimeClass")
                | ("storage.k8s.io", "CSINode" | "CSIDriver" | "VolumeAttachment")
        );
    if strict && sent.is_empty() && matches!(change, Change::Whole(_)) {
        let error = skiff_kinds::FieldError::invalid("metadata.resourceVersion", 0, "must be specified for an update");
        // Upstream's generic store names the resource here, not the kind.
        return Err(Refusal::invalid(&r.group, &r.plural, &ask.address.name, &[error]));
    }
    Ok(())
}

fn check_uid(ask: &Ask, new: &Value, live: &Value) -> Outcome<()> {
    let uid = |object: &Value| object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (sent, there) = (uid(new), uid(live));
    if sent.is_empty() || sent == there {
        return Ok(());
    }
    Err(Refusal::conflict(&ask.about(), format!("Precondition failed: UID in precondition: {sent}, UID in object meta: {there}")))
}

/// The object is not there: an apply makes it, some kinds are made by PUT, all else is 404.
async fn absent(house: &House, ask: &Ask, change: &Change, dry: bool, validation: FieldValidation) -> Outcome<Reply> {
    let sub = !ask.address.subresource.is_empty();
    match change {
        Change::Patch(patch) if matches!(patch.kind, PatchKind::Apply) && !sub => {
            let mut object = patch.apply_new(ask, validation)?;
            check_name(ask, &mut object)?;
            place(ask, &mut object)?;
            if object.pointer("/metadata/uid").and_then(Value::as_str).is_some_and(|u| !u.is_empty()) {
                return Err(Refusal::conflict(
                    &ask.about(),
                    "uid mismatch: the provided object specified uid, and no existing object was found",
                ));
            }
            let shown = insert(house, ask, object, dry, Origin::Apply).await?;
            reply::object(ask, 201, &shown)
        }
        Change::Whole(object) if !sub && created_by_put(ask) => {
            let mut object = object.clone();
            if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                meta.shift_remove("resourceVersion");
            }
            let shown = insert(house, ask, object, dry, Origin::Request).await?;
            reply::object(ask, 201, &shown)
        }
        _ => Err(Refusal::not_found(&ask.about())),
    }
}

fn created_by_put(ask: &Ask) -> bool {
    matches!(
        (ask.kind.group(), ask.kind.kind()),
        ("", "Endpoints" | "Event" | "LimitRange" | "Service")
            | ("coordination.k8s.io", "Lease")
            | ("node.k8s.io", "RuntimeClass")
            | ("rbac.authorization.k8s.io", _)
    )
}

/// Which part of the object a write may change.
fn part(subresource: &str, kind: &crate::registry::Kind) -> Reset<'static> {
    match subresource {
        "status" => reset::SPEC,
        "approval" => Reset::Only(&[&["metadata"], &["status", "conditions"]]),
        "ephemeralcontainers" => Reset::Only(&[&["spec", "ephemeralContainers"]]),
        _ => write::main_reset(kind),
    }
}

/// Defaults, ownership, admission and validation of a changed object.
fn prepare(house: &House, ask: &Ask, change: &Change, mut new: Value, live: &Live, dry: bool) -> Outcome<Value> {
    let kind = &ask.kind;
    let sub = ask.address.subresource.as_str();
    let now = clock::now_rfc3339();
    meta::carry_meta(&mut new, &live.value);
    new["metadata"]["resourceVersion"] = live.shown.version.to_string().into();
    super::knative::default_changed(house, ask, &mut new, &live.value)?;
    (kind.strategy.default)(&mut new);
    confine(kind, sub, &mut new, &live.value);
    if !sub.is_empty() {
        object::prepare_subresource(kind.group(), kind.kind(), sub, &mut new, &live.value, &now);
    }
    if sub == "status" {
        // Times that Go prints as null belong to whoever writes the condition.
        write::complete(kind, &mut new);
    }
    let applied = matches!(change, Change::Patch(patch) if matches!(patch.kind, PatchKind::Apply));
    if let (Some(subject), false) = (write::subject(kind), applied) {
        let manager = ask.field_manager();
        let api_version = kind.resource.api_version();
        let write =
            Write { field_manager: &manager, api_version: &api_version, subresource: sub, now: &now, reset: part(sub, kind) };
        track_update(subject, &write, Some(&live.value), &mut new);
    }
    if sub.is_empty() {
        (kind.strategy.prepare_update)(&mut new, &live.value);
        crate::custom::prepare_update(kind, &mut new, &live.value);
        write::admit(house, ask, &mut new, Some(&live.value), dry)?;
    }
    let pass = Pass::update(house, ask, dry);
    let plugins = |new: &mut Value| match sub {
        "" => write::admit(house, ask, new, Some(&live.value), dry),
        _ => Ok(()),
    };
    if pass.mutate(&mut new, Some(&live.value), plugins)? {
        confine(kind, sub, &mut new, &live.value);
        if sub.is_empty() {
            (kind.strategy.prepare_update)(&mut new, &live.value);
            crate::custom::prepare_update(kind, &mut new, &live.value);
        }
    }
    if sub.is_empty() {
        super::knative::admit(house, ask, &mut new, Some(&live.value))?;
    }
    let mut errors = meta::validate_meta_update(&new, &live.value);
    if !kind.resource.custom {
        errors.extend(meta::validate_builtin_finalizers(&new));
    }
    errors.extend(match sub {
        "" => (kind.strategy.validate_update)(&new, &live.value),
        "status" => workload::validate_status_update(kind.group(), kind.kind(), &new, &live.value),
        "ephemeralcontainers" => workload::validate_ephemeral_update(&new, &live.value),
        "resize" => workload::validate_resize(&new, &live.value),
        _ => Vec::new(),
    });
    if !sub.is_empty() {
        errors.extend(object::validate_subresource(kind.group(), kind.kind(), sub, &new, &live.value));
    }
    crate::custom::validate(house, kind, sub, &new, Some(&live.value), &mut errors);
    policies::check(house, ask, sub, &new, Some(&live.value), &mut errors);
    if !errors.is_empty() {
        return Err(Refusal::invalid(kind.group(), kind.kind(), &ask.address.name, &errors));
    }
    if sub.is_empty() {
        super::knative::check(house, ask, &new, Some(&live.value))?;
        super::access::check_escalation(house, ask, &new)?;
    }
    write::complete(kind, &mut new);
    pass.validate(Written { new: Some(&new), old: Some(&live.value) })?;
    Ok(new)
}

/// A subresource changes its part only; the main resource everything but `status`.
fn confine(kind: &crate::registry::Kind, sub: &str, new: &mut Value, live: &Value) {
    let keep = |new: &mut Value, field: &str| {
        if let Some(map) = new.as_object_mut() {
            match live.get(field) {
                Some(value) => map.insert(field.into(), value.clone()),
                None => map.shift_remove(field),
            };
        }
    };
    match sub {
        "status" => {
            let fields: Vec<String> =
                live.as_object().into_iter().chain(new.as_object()).flat_map(|m| m.keys().cloned()).collect();
            for field in fields.iter().filter(|f| !matches!(f.as_str(), "status" | "metadata")) {
                keep(new, field);
            }
            if kind.resource.custom {
                let managed = new.pointer("/metadata/managedFields").cloned();
                keep(new, "metadata");
                if let Some(managed) = managed {
                    new["metadata"]["managedFields"] = managed;
                }
            }
        }
        "approval" => {
            let conditions = new.pointer("/status/conditions").cloned();
            keep(new, "spec");
            keep(new, "status");
            if let Some(conditions) = conditions {
                new["status"]["conditions"] = conditions;
            }
        }
        "ephemeralcontainers" | "resize" => {
            let wanted = new.pointer("/spec/ephemeralContainers").cloned();
            let containers = new.pointer("/spec/containers").cloned();
            keep(new, "spec");
            keep(new, "status");
            match (sub, wanted, containers) {
                ("ephemeralcontainers", Some(wanted), _) => new["spec"]["ephemeralContainers"] = wanted,
                ("resize", _, Some(containers)) => new["spec"]["containers"] = containers,
                _ => {}
            }
            if new["spec"] != live["spec"] {
                let generation = live.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
                new["metadata"]["generation"] = (generation + 1).into();
            }
        }
        _ if kind.resource.has_status() => keep(new, "status"),
        _ => {}
    }
}

/// Commits; `None` if somebody else was faster.
async fn store(house: &House, ask: &Ask, live: &Live, mut new: Value, dry: bool) -> Outcome<Option<Shown>> {
    if settle_times(&live.value, &mut new) {
        return Ok(Some(live.shown.clone()));
    }
    let body = |new: &Value| bytes::Bytes::from(pack(new, true));
    if dry {
        return Ok(Some(Shown { version: live.shown.version, body: body(&new) }));
    }
    let Some(stored) = live.stored else {
        return super::derived::edit(house, ask, live, &new).await.map(Some);
    };
    if let Some(version) = super::delete::finish_if_final(house, ask, &live.value, &new, stored).await? {
        return Ok(Some(Shown { version, body: body(&new) }));
    }
    let version = write::commit_change(house, &ask.kind, &live.value, &new, stored).await?;
    Ok(version.map(|version| {
        let version = if ask.kind.id == ids::DEPLOYMENTS {
            house.find(&ask.kind, &ask.address.key()).map_or(version, |s| s.version)
        } else {
            version
        };
        Shown { version, body: body(&new) }
    }))
}

/// Identity of a value.
pub(crate) fn uid_of(value: &Value) -> u128 {
    name::uid_of(value.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default())
}
