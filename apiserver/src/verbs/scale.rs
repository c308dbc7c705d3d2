//! `scale`: replicas of a workload as an autoscaling/v1 Scale.

use super::ask::Ask;
use super::house::House;
use super::reply::{Reply, Shown};
use super::update::{Live, live};
use super::write;
use crate::admit::policies::{Pass, Written};
use crate::clock;
use crate::decode::accept::Shape;
use crate::decode::bytes;
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use crate::store::body::pack;
use serde_json::{Value, json};
use skiff_kinds::{show, workload};
use skiff_patch::apply::{Write, track_update};

/// GET of a scale.
///
/// # Errors
/// 404.
pub fn get(house: &House, ask: &Ask) -> Outcome<Reply> {
    let found = live(house, ask).ok_or_else(|| Refusal::not_found(&ask.about()))?;
    crate::custom::scale::check_replicas(&ask.kind, &found.value)?;
    answer(ask, &scale_of(&ask.kind, &found.value)?)
}

/// A Scale in the asked form: it has columns of its own, whatever kind it is of.
fn answer(ask: &Ask, scale: &Value) -> Outcome<Reply> {
    let Shape::Table(version) = ask.form.shape else { return Reply::value(200, ask.form, scale) };
    let columns: Vec<Value> = show::columns("autoscaling", "Scale").iter().map(show::Column::to_json).collect();
    let cells = show::cells("autoscaling", "Scale", &skiff_schema::Tree::from(scale), (clock::now_ms() / 1000) as i64);
    let api_version = format!("meta.k8s.io/{version}");
    let object = json!({"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": scale["metadata"]});
    let table = json!({"kind": "Table", "apiVersion": api_version, "metadata": {}, "columnDefinitions": columns,
        "rows": [{"cells": cells, "object": object}]});
    Ok(Reply::json(200, &table))
}

fn scale_of(kind: &Kind, object: &Value) -> Outcome<Value> {
    if let Some(scale) = crate::custom::scale::scale_of(kind, object) {
        return scale;
    }
    workload::scale_of(kind.kind(), object).ok_or_else(Refusal::no_resource)
}

/// PUT or PATCH of a scale.
///
/// # Errors
/// 404, 409, 422.
pub async fn change(house: &House, ask: &Ask, body: &[u8], patch: bool) -> Outcome<Reply> {
    let dry = ask.write_options(if patch { "PatchOptions" } else { "UpdateOptions" }, false)?;
    for _ in 0..5 {
        let found = live(house, ask).ok_or_else(|| Refusal::not_found(&ask.about()))?;
        let before = scale_of(&ask.kind, &found.value)?;
        let mut wanted = if patch { patched(house, ask, body, &found, &before)? } else { sent(ask, body)? };
        let version = wanted.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !version.is_empty() && version != found.shown.version.to_string() {
            return Err(Refusal::modified(&ask.about()));
        }
        let pass = Pass::update(house, ask, dry).of_kind("autoscaling", "v1", "Scale");
        pass.mutate(&mut wanted, Some(&before), |_| Ok(()))?;
        let errors = workload::validate_scale(&wanted);
        if !errors.is_empty() {
            return Err(Refusal::invalid("autoscaling", "Scale", &ask.address.name, &errors));
        }
        pass.validate(Written { new: Some(&wanted), old: Some(&before) })?;
        let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
        match store(house, ask, &found, replicas, dry).await? {
            Some(value) => return answer(ask, &scale_of(&ask.kind, &value)?),
            None if !version.is_empty() => return Err(Refusal::modified(&ask.about())),
            None => {}
        }
    }
    Err(Refusal::modified(&ask.about()))
}

fn sent(ask: &Ask, body: &[u8]) -> Outcome<Value> {
    let mut scale = bytes::parse(bytes::media(ask.content_type.as_deref())?, body)?;
    typed(ask, &mut scale)?;
    let name = scale.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if !name.is_empty() && name != ask.address.name {
        let text = format!("the name of the object ({name}) does not match the name on the URL ({})", ask.address.name);
        return Err(Refusal::bad_request(text));
    }
    Ok(scale)
}

fn typed(_ask: &Ask, scale: &mut Value) -> Outcome<()> {
    let facts = skiff_schema::facts::built_in();
    let Some(root) = facts.kind(&skiff_schema::Gvk::new("autoscaling", "v1", "Scale")) else { return Ok(()) };
    skiff_schema::check::admit_built_in(&facts.schema, root, "Scale", scale)
        .map(drop)
        .map_err(|e| Refusal::bad_request(e.cannot_be_handled("Scale", "v1")))
}

fn patched(_house: &House, ask: &Ask, body: &[u8], _found: &Live, before: &Value) -> Outcome<Value> {
    let media = ask.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    let mut scale = match media.as_str() {
        "application/json-patch+json" => skiff_patch::json::apply(before.clone(), &bytes::json(body)?)
            .map_err(|e| Refusal::new(e.code(), if e.code() == 400 { "BadRequest" } else { "Invalid" }, e.to_string()))?,
        // A Scale has no list, so a strategic merge is a merge; an apply sets what it names.
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
            skiff_patch::merge::apply(before.clone(), bytes::json(body)?).map_err(|e| Refusal::bad_request(e.to_string()))?
        }
        "application/apply-patch+yaml" => {
            skiff_patch::merge::apply(before.clone(), bytes::yaml(body)?).map_err(|e| Refusal::bad_request(e.to_string()))?
        }
        _ => return Err(Refusal::media_type("415: Unsupported Media Type")),
    };
    typed(ask, &mut scale)?;
    Ok(scale)
}

async fn store(house: &House, ask: &Ask, found: &Live, replicas: i64, dry: bool) -> Outcome<Option<Value>> {
    let kind = &ask.kind;
    let mut new = found.value.clone();
    if !crate::custom::scale::set(kind, &mut new, replicas) {
        workload::apply_scale(&mut new, replicas);
    }
    if new == found.value {
        return Ok(Some(new));
    }
    let manager = ask.field_manager();
    let api_version = kind.resource.api_version();
    let now = clock::now_rfc3339();
    if let Some(subject) = write::subject(kind) {
        let write = Write {
            field_manager: &manager,
            api_version: &api_version,
            subresource: "scale",
            now: &now,
            reset: write::main_reset(kind),
        };
        track_update(subject, &write, Some(&found.value), &mut new);
    }
    let generation = found.value.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    new["metadata"]["generation"] = (generation + 1).into();
    if dry {
        return Ok(Some(new));
    }
    let Some(stored) = found.stored else { return Err(Refusal::method()) };
    let Some(version) = write::commit_change(house, kind, &found.value, &new, stored).await? else { return Ok(None) };
    let shown = Shown { version, body: pack(&new, true).into() };
    Ok(Some(super::reply::whole(kind, &shown)))
}
