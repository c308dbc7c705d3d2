//! ServiceAccount tokens: the `token` subresource and TokenReview.

use super::ask::Ask;
use super::house::House;
use super::intake;
use super::reply::Reply;
use crate::admit::authenticate::{ISSUER, token_user};
use crate::admit::policies::{Pass, Written};
use crate::clock;
use crate::project::name;
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use serde_json::{Value, json};
use skiff_access::Claims;
use skiff_kinds::FieldError;

/// Shortest and longest life of a token, seconds.
const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;

/// A signed token of a ServiceAccount.
#[must_use]
pub fn issue(house: &House, namespace: &str, account: &str, uid: u128, audiences: &[String], now_s: u64, seconds: u64) -> String {
    let now_s = i64::try_from(now_s).unwrap_or(i64::MAX);
    let claims = Claims {
        issuer: ISSUER.into(),
        audiences: if audiences.is_empty() { vec![ISSUER.into()] } else { audiences.to_vec() },
        namespace: namespace.into(),
        name: account.into(),
        uid: name::uid_text(uid),
        expires_s: now_s.saturating_add(i64::try_from(seconds).unwrap_or(SECONDS_MIN)),
        issued_s: now_s,
        not_before_s: now_s,
        jti: name::uid_text(name::new_uid()),
        ..Claims::default()
    };
    house.keys.issue(&claims)
}

/// POST of a TokenRequest to a ServiceAccount.
///
/// # Errors
/// 404, 422.
pub fn request(house: &House, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let kinds = house.registry.kinds();
    let kind = kinds
        .find("authentication.k8s.io", "v1", "tokenrequests")
        .or_else(|| kinds.of_kind("authentication.k8s.io", "TokenRequest"));
    let media = crate::decode::bytes::media(ask.content_type.as_deref())?;
    let mut object = crate::decode::bytes::parse(media, body)?;
    if let Some(kind) = kind {
        intake::typed(ask, kind, &mut object, None, super::ask::FieldValidation::Ignore)?;
    }
    let account = house.store.read().world.documents.get(ids::SERVICE_ACCOUNTS, &ask.address.key()).cloned();
    let Some(account) = account else { return Err(Refusal::not_found(&ask.about())) };
    let pass = Pass::create(house, ask, &ask.address.name, false).of_kind("authentication.k8s.io", "v1", "TokenRequest");
    pass.validate(Written { new: Some(&object), old: None })?;
    let seconds = object.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(3600);
    let mut errors = Vec::new();
    if seconds < SECONDS_MIN {
        errors.push(FieldError::invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"));
    }
    if seconds > SECONDS_MAX {
        errors.push(FieldError::invalid(
            "spec.expirationSeconds",
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        ));
    }
    if !errors.is_empty() {
        return Err(Refusal::invalid("authentication.k8s.io", "TokenRequest", "", &errors));
    }
    let audiences: Vec<String> = object
        .pointer("/spec/audiences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect();
    let now_s = clock::now_ms() / 1000;
    let seconds = u64::try_from(seconds).unwrap_or(3600);
    let token = issue(house, &ask.address.namespace, &ask.address.name, account.uid, &audiences, now_s, seconds);
    let audiences = if audiences.is_empty() { vec![ISSUER.to_owned()] } else { audiences };
    object["kind"] = "TokenRequest".into();
    object["apiVersion"] = "authentication.k8s.io/v1".into();
    object["metadata"] =
        json!({"name": ask.address.name, "namespace": ask.address.namespace, "creationTimestamp": clock::rfc3339(now_s)});
    object["spec"]["audiences"] = json!(audiences);
    object["spec"]["expirationSeconds"] = seconds.into();
    if object["spec"].get("boundObjectRef").is_none() {
        object["spec"]["boundObjectRef"] = Value::Null;
    }
    object["status"] = json!({"token": token, "expirationTimestamp": clock::rfc3339(now_s + seconds)});
    Reply::value(201, ask.form, &object)
}

/// The status of a TokenReview.
#[must_use]
pub fn review(house: &House, spec: &Value) -> Value {
    let token = spec.get("token").and_then(Value::as_str).unwrap_or_default();
    let asked: Vec<&str> =
        spec.get("audiences").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let audiences = if asked.is_empty() { vec![ISSUER] } else { asked };
    match token_user(house, token, &audiences) {
        Some((user, _)) => {
            json!({"authenticated": true, "user": user.to_json(), "audiences": audiences})
        }
        None => json!({"user": {}, "error": "[invalid bearer token, service account token is not valid yet]"}),
    }
}
