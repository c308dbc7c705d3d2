//! The status of a definition: which of its names are accepted, and the conditions that say so.
//!
//! Fed with the document, the names that others of its group hold, and the time. What upstream's controllers write a moment
//! after a definition, written at once.

use crate::definition::Names;
use crate::tree::text;
use serde_json::{Map, Value, json};

/// The finalizer of a definition whose objects are being removed.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// Protected groups need this annotation.
const APPROVAL: &str = "api-approved.kubernetes.io";

/// Brings the status up to date with the names that others hold.
pub fn settle(document: &mut Value, others: &[Names], now: &str) {
    if !document.get("status").is_some_and(Value::is_object) {
        document["status"] = json!({});
    }
    let wished = Names::read(&document["spec"]["names"]);
    let accepted = Names::read(&document["status"]["acceptedNames"]);
    let first_time = !has(document, "Established", "True");
    let (accepted, conflict) = accept(&wished, &accepted, others);
    document["status"]["acceptedNames"] = names_value(&accepted);
    if let Some(approved) = approval(document) {
        set(document, "KubernetesAPIApprovalPolicyConformant", approved.0, approved.1, &approved.2, now);
    }
    match &conflict {
        None => set(document, "NamesAccepted", true, "NoConflicts", "no conflicts found", now),
        Some((reason, message)) => set(document, "NamesAccepted", false, reason, message, now),
    }
    if conflict.is_none() && first_time {
        set(document, "Established", true, "InitialNamesAccepted", "the initial names have been accepted", now);
    } else if first_time {
        set(document, "Established", false, "NotAccepted", "not all names are accepted", now);
    }
}

/// Marks a definition as going: its objects are removed before it is.
pub fn terminate(document: &mut Value, now: &str) {
    let message = "CustomResource deletion is in progress";
    set(document, "Terminating", true, "InstanceDeletionInProgress", message, now);
    let Some(meta) = document.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let finalizers = meta.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|f| f == CLEANUP)
    {
        list.push(CLEANUP.into());
    }
}

/// Says that all objects are gone and takes the finalizer off.
pub fn terminated(document: &mut Value, now: &str) {
    set(document, "Terminating", false, "InstanceDeletionCompleted", "removed all instances", now);
    if let Some(list) = document.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut) {
        list.retain(|f| f != CLEANUP);
    }
}

/// Whether a condition has a status.
#[must_use]
pub fn has(document: &Value, kind: &str, status: &str) -> bool {
    let conditions = document.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| text(c, "type") == kind && text(c, "status") == status)
}

/// Whether its objects are served.
#[must_use]
pub fn is_established(document: &Value) -> bool {
    has(document, "Established", "True")
}

/// What is missing from a definition in one of Kubernetes' own groups.
#[must_use]
pub fn missing_approval(document: &Value) -> Option<String> {
    let wanted = is_protected(document) && annotation(document).is_empty();
    wanted.then(|| {
        format!("protected groups must have approval annotation {APPROVAL:?}, see https://github.com/kubernetes/enhancements/pull/1111")
    })
}

fn is_protected(document: &Value) -> bool {
    let group = text(&document["spec"], "group");
    ["k8s.io", "kubernetes.io"].iter().any(|own| group == *own || group.strip_suffix(own).is_some_and(|g| g.ends_with('.')))
}

fn annotation(document: &Value) -> &str {
    document.pointer("/metadata/annotations").map_or("", |a| text(a, APPROVAL))
}

fn approval(document: &Value) -> Option<(bool, &'static str, String)> {
    if !is_protected(document) {
        return None;
    }
    let given = annotation(document);
    Some(match given {
        "" => (false, "MissingAnnotation", missing_approval(document).unwrap_or_default()),
        _ if given.starts_with("unapproved") => (false, "UnapprovedAnnotation", format!("not approved: {given:?}")),
        _ => (true, "ApprovedAnnotation", format!("approved in {given}")),
    })
}

/// The names that can be had, and the last of the conflicts, as upstream words it.
fn accept(wished: &Names, before: &Names, others: &[Names]) -> (Names, Option<(&'static str, String)>) {
    let resources: Vec<&str> =
        others.iter().flat_map(|n| [&n.plural, &n.singular].into_iter().chain(&n.short)).map(String::as_str).collect();
    let kinds: Vec<&str> = others.iter().flat_map(|n| [&n.kind, &n.list_kind]).map(String::as_str).collect();
    let mut accepted = before.clone();
    let mut conflict = None;
    let mut take = |name: &str, taken: &[&str], reason, place: &mut String| {
        if taken.contains(&name) && !name.is_empty() {
            conflict = Some((reason, format!("{name:?} is already in use")));
        } else {
            name.clone_into(place);
        }
    };
    take(&wished.plural, &resources, "PluralConflict", &mut accepted.plural);
    take(&wished.singular, &resources, "SingularConflict", &mut accepted.singular);
    take(&wished.kind, &kinds, "KindConflict", &mut accepted.kind);
    take(&wished.list_kind, &kinds, "ListKindConflict", &mut accepted.list_kind);
    let taken: Vec<&String> = wished.short.iter().filter(|s| resources.contains(&s.as_str())).collect();
    match taken.first() {
        Some(short) => conflict = Some(("ShortNamesConflict", format!("{short:?} is already in use"))),
        None => accepted.short.clone_from(&wished.short),
    }
    accepted.categories.clone_from(&wished.categories);
    (accepted, conflict)
}

fn names_value(names: &Names) -> Value {
    let mut map = Map::new();
    let mut one = |key: &str, text: &String, always: bool| {
        if always || !text.is_empty() {
            map.insert(key.into(), text.clone().into());
        }
    };
    one("plural", &names.plural, true);
    one("singular", &names.singular, false);
    one("kind", &names.kind, true);
    one("listKind", &names.list_kind, false);
    for (key, list) in [("shortNames", &names.short), ("categories", &names.categories)] {
        if !list.is_empty() {
            map.insert(key.into(), list.clone().into());
        }
    }
    map.into()
}

/// Sets a condition; its time moves only with its status.
fn set(document: &mut Value, kind: &str, status: bool, reason: &str, message: &str, now: &str) {
    let status = if status { "True" } else { "False" };
    let mut new = json!({"type": kind, "status": status, "lastTransitionTime": now, "reason": reason, "message": message});
    let list = &mut document["status"]["conditions"];
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else { return };
    match list.iter_mut().find(|c| text(c, "type") == kind) {
        Some(old) => {
            if text(old, "status") == status
                && let Some(time) = old.get("lastTransitionTime")
            {
                new["lastTransitionTime"] = time.clone();
            }
            *old = new;
        }
        None => list.push(new),
    }
}
