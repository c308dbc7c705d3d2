//! Events, in core's shape and in that of `events.k8s.io`; the columns are the same.

use super::Printer;
use super::column::{Column, NAME_WIDE, text, wide};
use super::read::{cell, int, name, present, text as read, text_or};
use super::time::since_text;
use serde_json::Value;
use skiff_schema::Tree;

static EVENT: [Column; 10] = [
    text("Last Seen", "The time at which the most recent occurrence of this event was recorded."),
    text("Type", "Type of this event (Normal, Warning), new types could be added in the future"),
    text(
        "Reason",
        "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    text("Object", "The object that this event is about."),
    wide(
        "Subobject",
        "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers\\[2\\]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers\\[2\\]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
    ),
    wide("Source", "The component reporting this event. Should be a short machine understandable string."),
    text("Message", "A human-readable description of the status of this operation."),
    wide("First Seen", "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)"),
    wide("Count", "The number of times this event has occurred."),
    NAME_WIDE,
];

pub(super) fn printer(kind: &str) -> Option<Printer> {
    (kind == "Event").then_some((&EVENT, event))
}

/// The field in core's spelling, or in that of `events.k8s.io`.
fn either<'a>(object: &'a Tree, core: &str, other: &str) -> &'a str {
    text_or(object, core, read(object, other))
}

fn event(object: &Tree, now: i64) -> Vec<Value> {
    let (last, first) = times(object, now);
    let count = if present(object, "/series") {
        int(object, "/series/count")
    } else {
        // Events of the newer API are not counted.
        int(object, "/count").max(int(object, "/deprecatedCount")).max(1)
    };
    let kind = either(object, "/involvedObject/kind", "/regarding/kind").to_lowercase();
    let target = match either(object, "/involvedObject/name", "/regarding/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    vec![
        last.into(),
        cell(object, "/type"),
        cell(object, "/reason"),
        target.into(),
        either(object, "/involvedObject/fieldPath", "/regarding/fieldPath").into(),
        source(object).into(),
        either(object, "/message", "/note").trim().into(),
        first.into(),
        count.into(),
        name(object),
    ]
}

/// Last and first seen.
fn times(object: &Tree, now: i64) -> (String, String) {
    let first = text_or(object, "/firstTimestamp", either(object, "/deprecatedFirstTimestamp", "/eventTime"));
    let last = either(object, "/lastTimestamp", "/deprecatedLastTimestamp");
    let last = if present(object, "/series") { read(object, "/series/lastObservedTime") } else { last };
    let last = if last.is_empty() && !present(object, "/series") { first } else { last };
    (since_text(last, now), since_text(first, now))
}

fn source(object: &Tree) -> String {
    let reporter = either(object, "/reportingComponent", "/reportingController");
    let component = text_or(object, "/source/component", text_or(object, "/deprecatedSource/component", reporter));
    let instance = read(object, "/reportingInstance");
    let host = text_or(object, "/source/host", text_or(object, "/deprecatedSource/host", instance));
    if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }
}
