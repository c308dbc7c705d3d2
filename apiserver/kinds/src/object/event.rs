//! Event, in the core group and in events.k8s.io: one thing under two spellings.
//!
//! Fed through the strategy table; the group is read off the object. Turning one spelling into the other is `convert`'s business.

use super::at::{At, Faults};
use super::fill::unset;
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const EVENT: Strategy = Strategy { default, validate, validate_update, ..PLAIN };

const NAME_BYTES_MAX: usize = 128;
const NOTE_BYTES_MAX: usize = 1024;

/// The fields that carry other names in events.k8s.io: (core, events.k8s.io).
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn is_core(object: &Value) -> bool {
    object.get("apiVersion").and_then(Value::as_str) != Some("events.k8s.io/v1")
}

/// The field of this group that core calls `name`.
fn field<'a>(object: &'a Value, name: &str) -> At<'a> {
    let alias = ALIASES.iter().find(|(core, _)| *core == name).map(|(_, other)| *other);
    let here = if is_core(object) { name } else { alias.unwrap_or(name) };
    // Upstream reports in the words of its internal type, which are core's with a few of the new ones.
    let shown = if name == "reportingComponent" { "reportingController" } else { name };
    At::new(object.get(here), shown)
}

/// What Go writes out even when it is nothing.
fn default(object: &mut Value) {
    let core = is_core(object);
    let Some(map) = object.as_object_mut() else { return };
    let name = |pair: &(&'static str, &'static str)| if core { pair.0 } else { pair.1 };
    let pick = |wanted: &str| ALIASES.iter().find(|(c, _)| *c == wanted).map_or("", name);
    unset(map, pick("involvedObject"), json!({}));
    unset(map, pick("source"), json!({}));
    for time in [pick("firstTimestamp"), pick("lastTimestamp"), "eventTime"] {
        map.entry(time).or_insert(Value::Null);
    }
    if core {
        unset(map, "reportingComponent", "");
        unset(map, "reportingInstance", "");
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = always(object);
    if is_core(object) {
        return out;
    }
    series(&mut out, object);
    let root = At::root(object);
    if !root.get("eventTime").is_set() {
        out.push(root.get("eventTime").required(""));
    }
    let kind = root.get("type").text();
    if !matches!(kind, "Normal" | "Warning") {
        out.push(FieldError::invalid("type", "", format!("has invalid value: {kind}")));
    }
    for name in ["firstTimestamp", "lastTimestamp", "count"] {
        if !field(object, name).is_empty() {
            out.push(FieldError::invalid(name, "", "needs to be unset"));
        }
    }
    let source = field(object, "source");
    if !source.get("component").is_empty() || !source.get("host").is_empty() {
        out.push(FieldError::invalid("source", "", "needs to be unset"));
    }
    out
}

/// Rules for both groups: old-style events have no `eventTime`.
fn always(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let own = root.get("metadata").get("namespace");
    let about = field(object, "involvedObject").get("namespace");
    let mismatch = || FieldError::invalid(about.path(), about.text(), "does not match event.namespace");
    if root.get("eventTime").is_set() {
        // A cluster-scoped object's events live in one of two namespaces.
        if about.text().is_empty() && !matches!(own.text(), "default" | "kube-system") {
            out.push(mismatch());
        }
        reported(&mut out, object);
    } else if about.text() != own.text() && !(about.text().is_empty() && own.text() == "default") {
        out.push(mismatch());
    }
    let faults = syntax::dns1123_subdomain_faults(own.text());
    out.extend(faults.into_iter().map(|m| FieldError::invalid("namespace", own.text(), m)));
    out
}

fn reported(out: &mut Faults, object: &Value) {
    let root = At::root(object);
    let controller = field(object, "reportingComponent");
    if controller.text().is_empty() {
        out.push(controller.required(""));
    }
    rule::qualified(out, &controller);
    for name in ["reportingInstance", "action", "reason"] {
        let at = root.get(name);
        rule::present(out, &at);
        if at.len() > NAME_BYTES_MAX {
            out.push(FieldError::invalid(name, "", format!("can have at most {NAME_BYTES_MAX} characters")));
        }
    }
    if field(object, "message").len() > NOTE_BYTES_MAX {
        out.push(FieldError::invalid("message", "", format!("can have at most {NOTE_BYTES_MAX} characters")));
    }
}

fn series(out: &mut Faults, object: &Value) {
    let series = At::root(object).get("series");
    if !series.is_set() {
        return;
    }
    if series.get("count").int().unwrap_or(0) < 2 {
        out.push(FieldError::invalid("series.count", "", "should be at least 2"));
    }
    if !series.get("lastObservedTime").is_set() {
        out.push(series.get("lastObservedTime").required(""));
    }
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = always(new);
    if is_core(new) {
        return out;
    }
    if new.get("series") != old.get("series") {
        series(&mut out, new);
    }
    for name in [
        "involvedObject",
        "reason",
        "message",
        "source",
        "firstTimestamp",
        "lastTimestamp",
        "count",
        "type",
        "eventTime",
        "action",
        "related",
        "reportingComponent",
        "reportingInstance",
    ] {
        rule::immutable(&mut out, &field(new, name), &field(old, name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_events_live_with_their_object() {
        let event = |own: &str, about: &str| json!({"apiVersion": "v1", "metadata": {"namespace": own}, "involvedObject": {"namespace": about}});
        assert_eq!(validate(&event("a", "a")), []);
        assert_eq!(validate(&event("default", "")), []);
        assert_eq!(
            validate(&event("a", "b"))[0].to_string(),
            "involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"
        );
    }

    #[test]
    fn new_events_are_strict() {
        let mut event = json!({"apiVersion": "events.k8s.io/v1", "metadata": {"namespace": "a"}, "regarding": {"namespace": "a"},
            "eventTime": "2024-01-01T00:00:00.000000Z", "reportingController": "x.io/c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal"});
        default(&mut event);
        assert_eq!(validate(&event), []);
        event["type"] = "Odd".into();
        event["deprecatedCount"] = 1.into();
        let fields: Vec<String> = validate(&event).into_iter().map(|f| f.field).collect();
        assert_eq!(fields, ["type", "count"]);
    }
}
