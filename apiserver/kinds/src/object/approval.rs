//! The conditions of a CertificateSigningRequest, as `/approval` and `/status` write them.
//!
//! Fed by `object::prepare_subresource` and `object::validate_subresource`. Does not judge who may approve.

use crate::field::FieldError;
use serde_json::Value;

const APPROVED: &str = "Approved";
const DENIED: &str = "Denied";
const FAILED: &str = "Failed";
/// The subresource that may say whether a request is granted.
pub(super) const APPROVAL: &str = "approval";
const PLACE: &str = "status.conditions";

fn conditions(object: &Value) -> &[Value] {
    object.pointer("/status/conditions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn of_type<'a>(object: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    conditions(object).iter().filter(move |c| c["type"] == kind)
}

/// Fills in the times that are missing: a condition that was there already keeps when it began.
pub(super) fn date(new: &mut Value, old: &Value, now: &str) {
    let before = conditions(old).to_vec();
    let missing = |condition: &Value, field: &str| condition.get(field).is_none_or(Value::is_null);
    let Some(Value::Array(list)) = new.pointer_mut("/status/conditions") else { return };
    for condition in list.iter_mut().filter(|c| c.is_object()) {
        if missing(condition, "lastUpdateTime") {
            condition["lastUpdateTime"] = now.into();
        }
        if missing(condition, "lastTransitionTime") {
            let same = before.iter().find(|b| b["type"] == condition["type"] && b["status"] == condition["status"]);
            let since = same.filter(|b| !missing(b, "lastTransitionTime")).map(|b| b["lastTransitionTime"].clone());
            condition["lastTransitionTime"] = since.unwrap_or_else(|| now.into());
        }
    }
}

/// Every fault of the conditions after a write to a subresource.
pub(super) fn validate(sub: &str, new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = each(new);
    for kind in [APPROVED, DENIED, FAILED] {
        if of_type(new, kind).count() < of_type(old, kind).count() {
            out.push(FieldError::forbidden(PLACE, format!("updates may not remove a condition of type \"{kind}\"")));
        }
    }
    if sub != APPROVAL {
        for kind in [APPROVED, DENIED] {
            if of_type(new, kind).count() > of_type(old, kind).count() {
                out.push(FieldError::forbidden(PLACE, format!("updates may not add a condition of type \"{kind}\"")));
            }
        }
    }
    let certificate = |object: &Value| object.pointer("/status/certificate").cloned();
    if certificate(old).is_some() && certificate(new) != certificate(old) {
        out.push(FieldError::forbidden("status.certificate", "updates may not modify existing certificate content"));
    }
    out
}

fn each(new: &Value) -> Vec<FieldError> {
    let mut out = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (i, condition) in conditions(new).iter().enumerate() {
        let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
        let place = |field: &str| format!("{PLACE}[{i}].{field}");
        let (kind, status) = (text("type"), text("status"));
        let allowed: &[&str] = if [APPROVED, DENIED, FAILED].contains(&kind) { &["True"] } else { &["False", "True", "Unknown"] };
        if kind.is_empty() {
            out.push(FieldError::required(place("type"), ""));
        }
        if status.is_empty() {
            out.push(FieldError::required(place("status"), ""));
        } else if !allowed.contains(&status) {
            out.push(FieldError::not_supported(place("status"), status, allowed));
        }
        let other = if kind == APPROVED { DENIED } else { APPROVED };
        if (kind == APPROVED || kind == DENIED) && seen.contains(&other) {
            out.push(FieldError::invalid(PLACE, kind, "Approved and Denied conditions are mutually exclusive"));
        }
        if seen.contains(&kind) {
            out.push(FieldError::duplicate(place("type"), kind));
        }
        seen.push(kind);
    }
    out
}

/// What `/status` cannot change about an approval: the instances that were there stay as they were.
pub(super) fn hold_approval(new: &mut Value, old: &Value) {
    for kind in [APPROVED, DENIED] {
        let before: Vec<Value> = of_type(old, kind).cloned().collect();
        if before.len() != of_type(new, kind).count() {
            continue;
        }
        let Some(Value::Array(list)) = new.pointer_mut("/status/conditions") else { return };
        for (condition, kept) in list.iter_mut().filter(|c| c["type"] == kind).zip(before) {
            *condition = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(conditions: Value) -> Value {
        json!({"status": {"conditions": conditions}})
    }

    #[test]
    fn only_approval_approves() {
        let approved = with(json!([{"type": "Approved", "status": "True"}]));
        assert_eq!(validate("approval", &approved, &with(json!([]))), []);
        assert_eq!(validate("status", &approved, &with(json!([])))[0].field, "status.conditions");
        assert_eq!(validate("status", &approved, &approved), []);
        let removed = validate("approval", &with(json!([])), &approved);
        assert_eq!(removed.len(), 1, "{removed:?}");
        let both = with(json!([{"type": "Approved", "status": "True"}, {"type": "Denied", "status": "False"}]));
        assert_eq!(validate("approval", &both, &approved).len(), 2);
        assert_eq!(validate("approval", &with(json!([{"type": "Own", "status": "Odd"}, {}])), &with(json!([]))).len(), 3);
    }

    #[test]
    fn conditions_keep_when_they_began() {
        let old = with(json!([{"type": "Own", "status": "True", "lastTransitionTime": "then"}]));
        let mut new = with(json!([{"type": "Own", "status": "True"}, {"type": "New", "status": "True", "lastUpdateTime": null}]));
        date(&mut new, &old, "now");
        let list = conditions(&new);
        assert_eq!((&list[0]["lastTransitionTime"], &list[0]["lastUpdateTime"]), (&json!("then"), &json!("now")));
        assert_eq!((&list[1]["lastTransitionTime"], &list[1]["lastUpdateTime"]), (&json!("now"), &json!("now")));
    }
}
