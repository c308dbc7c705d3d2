//! Create-only kinds: questions about access and identity. Nothing is stored.

use super::ask::Ask;
use super::house::House;
use super::intake;
use super::reply::Reply;
use super::token;
use crate::status::{Outcome, Refusal};
use serde_json::{Value, json};
use skiff_access::{Attributes, User};

/// POST of a review.
///
/// # Errors
/// 400, 422; 501 for a kind without an answer here.
pub fn create(house: &House, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let validation = ask.field_validation("CreateOptions")?;
    let mut object = intake::object(ask, body, validation)?;
    let errors = (ask.kind.strategy.validate)(&object);
    if !errors.is_empty() {
        return Err(Refusal::invalid(ask.kind.group(), ask.kind.kind(), "", &errors));
    }
    let spec = object.get("spec").cloned().unwrap_or_default();
    let status = match ask.kind.kind() {
        "SelfSubjectAccessReview" => access(house, &ask.user, &spec),
        "SubjectAccessReview" | "LocalSubjectAccessReview" => access(house, &reviewed(&spec), &spec),
        "SelfSubjectReview" => json!({"userInfo": ask.user.to_json()}),
        "SelfSubjectRulesReview" => {
            let namespace = spec.get("namespace").and_then(Value::as_str).unwrap_or_default();
            let (resource, other) = house.roles.read().rules_for(&ask.user, namespace);
            json!({"resourceRules": resource, "nonResourceRules": other, "incomplete": false})
        }
        "TokenReview" => token::review(house, &spec),
        kind => return Err(Refusal::unsupported(format!("creating a {kind}"))),
    };
    let sent = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    object["metadata"] = sent;
    if object["metadata"].get("creationTimestamp").is_none() && ask.kind.kind() == "SelfSubjectReview" {
        object["metadata"]["creationTimestamp"] = crate::clock::now_rfc3339().into();
    }
    if let Some(subject) = super::write::subject(&ask.kind) {
        let manager = ask.field_manager();
        let api_version = ask.kind.resource.api_version();
        let now = crate::clock::now_rfc3339();
        let write = skiff_patch::apply::Write {
            field_manager: &manager,
            api_version: &api_version,
            subresource: "",
            now: &now,
            reset: skiff_patch::apply::Reset::Nothing,
        };
        skiff_patch::apply::track_update(subject, &write, None, &mut object);
    }
    object["status"] = status;
    Reply::value(201, ask.form, &object)
}

fn reviewed(spec: &Value) -> User {
    let texts = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let extra = spec.get("extra").and_then(Value::as_object).into_iter().flatten();
    User {
        name: text("user"),
        uid: text("uid"),
        groups: texts(spec.get("groups")),
        extra: extra.map(|(k, v)| (k.clone(), texts(Some(v)))).collect(),
    }
}

fn access(house: &House, user: &User, spec: &Value) -> Value {
    let resource = spec.get("resourceAttributes").cloned().unwrap_or_default();
    let other = spec.get("nonResourceAttributes").cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let path = text(&other, "path");
    let on_path = other.is_object();
    let of = if on_path { &other } else { &resource };
    let (verb, group, kind, sub, name, namespace) = (
        text(of, "verb"),
        text(of, "group"),
        text(of, "resource"),
        text(of, "subresource"),
        text(of, "name"),
        text(of, "namespace"),
    );
    let asked = Attributes {
        user,
        verb: &verb,
        group: &group,
        resource: &kind,
        subresource: &sub,
        name: &name,
        namespace: &namespace,
        path: on_path.then_some(path.as_str()),
    };
    let decision = house.roles.read().authorize(&asked);
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    status
}
