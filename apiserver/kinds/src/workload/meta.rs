//! Labels, annotations and label selectors: their faults, what they match, how they are spelled.
//!
//! Fed by every template-bearing kind, and by other kinds with a selector. Must not know those kinds.

use super::read::{Faults, Read, each};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

/// All annotations of an object together may weigh this much.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// Every fault of a map of labels.
#[must_use]
pub fn labels(map: Option<&Value>, path: &str) -> Vec<FieldError> {
    let mut out = Faults::new();
    for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
        each(&mut out, path, key, syntax::qualified_name(key));
        let value = value.as_str().unwrap_or("");
        each(&mut out, path, value, syntax::label_value(value));
    }
    out
}

/// Every fault of a map of annotations.
#[must_use]
pub fn annotations(map: Option<&Value>, path: &str) -> Vec<FieldError> {
    let mut out = Faults::new();
    let mut weight = 0;
    for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
        // Annotation keys are checked in lower case; upstream allows capitals in their prefix.
        each(&mut out, path, key, syntax::qualified_name(&key.to_lowercase()));
        weight += key.len() + value.as_str().map_or(0, str::len);
    }
    if weight > ANNOTATIONS_BYTES_MAX {
        out.push(FieldError::too_long(path, ANNOTATIONS_BYTES_MAX));
    }
    out
}

/// Every fault of a `LabelSelector`.
#[must_use]
pub fn label_selector(selector: &Value, path: &str) -> Vec<FieldError> {
    let mut out = labels(selector.at("matchLabels"), &format!("{path}.matchLabels"));
    for (i, term) in selector.list("matchExpressions").iter().enumerate() {
        requirement(&mut out, term, &format!("{path}.matchExpressions[{i}]"));
    }
    out
}

fn requirement(out: &mut Faults, term: &Value, path: &str) {
    let values = term.list("values");
    match term.text("operator") {
        "In" | "NotIn" if values.is_empty() => {
            out.push(FieldError::required(format!("{path}.values"), "must be specified when `operator` is 'In' or 'NotIn'"))
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => out.push(FieldError::forbidden(
            format!("{path}.values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => out.push(FieldError::invalid(format!("{path}.operator"), other, "not a valid selector operator")),
    }
    let key = term.text("key");
    each(out, &format!("{path}.key"), key, syntax::qualified_name(key));
    for (i, value) in values.iter().filter_map(Value::as_str).enumerate() {
        each(out, &format!("{path}.values[{i}]"), value, syntax::label_value(value));
    }
}

/// Does a `LabelSelector` match these labels? An absent selector matches nothing, an empty one everything.
#[must_use]
pub fn matches(selector: Option<&Value>, labels: &Value) -> bool {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return false };
    let pairs = selector.pairs("matchLabels");
    pairs.iter().all(|(k, v)| labels.get(k) == Some(*v))
        && selector.list("matchExpressions").iter().all(|term| {
            let held = labels.get(term.text("key"));
            let listed = held.is_some_and(|h| term.list("values").contains(h));
            match term.text("operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => held.is_some(),
                "DoesNotExist" => held.is_none(),
                _ => false,
            }
        })
}

/// Does the selector select at all?
pub(crate) fn is_empty_selector(selector: &Value) -> bool {
    selector.pairs("matchLabels").is_empty() && selector.list("matchExpressions").is_empty()
}

/// A `LabelSelector` as one line, `a=b,c in (d,e),!f`, sorted by key as upstream prints it.
#[must_use]
pub fn spell_selector(selector: &Value) -> String {
    let mut terms: Vec<(String, String)> = Vec::new();
    for (key, value) in selector.pairs("matchLabels") {
        terms.push((key.to_owned(), format!("{key}={}", value.as_str().unwrap_or(""))));
    }
    for term in selector.list("matchExpressions") {
        let key = term.text("key");
        let mut values: Vec<&str> = term.list("values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let line = match term.text("operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        terms.push((key.to_owned(), line));
    }
    terms.sort_by(|a, b| a.0.cmp(&b.0));
    terms.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(",")
}

/// A plain map of labels as one line (the selector of a ReplicationController).
#[must_use]
pub fn spell_labels(map: &Value) -> String {
    let mut terms: Vec<String> =
        map.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or(""))).collect();
    terms.sort_unstable();
    terms.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_match_and_spell() {
        let s = json!({"matchLabels": {"b": "1"}, "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "c", "operator": "DoesNotExist"}]});
        assert_eq!(spell_selector(&s), "a in (x,y),b=1,!c");
        assert!(matches(Some(&s), &json!({"a": "x", "b": "1"})));
        assert!(!matches(Some(&s), &json!({"a": "x", "b": "1", "c": ""})));
        assert!(!matches(None, &json!({})));
        assert!(matches(Some(&json!({})), &json!({"a": "b"})));
    }

    #[test]
    fn selector_faults() {
        let s = json!({"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "a", "operator": "Is"}]});
        let faults = label_selector(&s, "spec.selector");
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                "spec.selector.matchExpressions[1].operator: Invalid value: \"Is\": not a valid selector operator",
            ]
        );
    }
}
