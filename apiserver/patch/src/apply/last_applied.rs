//! The bridge from client-side apply: kubectl's annotation with the configuration it applied last.
//!
//! Used by apply for the manager `kubectl` only, as upstream does; knows the schema through the walks it calls.

use super::check::complaints;
use super::compare::compare;
use super::extract::{set_of, strip};
use super::fieldset::FieldSet;
use super::topology::{Origin, Subject};
use crate::go_text;
use serde_json::Value;

/// The annotation.
pub const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The manager for which the annotation counts.
pub(crate) const KUBECTL: &str = "kubectl";

/// Most bytes of all annotations together.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// The fields that client-side apply has set and nobody has changed since: kubectl may take them over without force.
pub(crate) fn unchanged_since(subject: Subject<'_>, api_version: &str, live: &Value) -> Option<FieldSet> {
    let text = annotation(live)?;
    let applied: Value = serde_json::from_str(text).ok()?;
    if applied.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    let place = subject.place();
    if complaints(&place, &applied).is_some() {
        return None;
    }
    let mut set = set_of(&place, &applied);
    strip(&mut set);
    // The annotation is a plain document, without the zero values of a Go struct.
    let plain = Subject { origin: Origin::Custom, ..subject };
    let changes = compare(plain, Some(&applied), Some(live));
    for changed in [&changes.modified, &changes.added, &changes.removed] {
        set.subtract(changed);
    }
    Some(set)
}

/// Keeps the annotation, if the object has one, in step with a configuration that kubectl applies on the server.
pub(crate) fn refresh(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut document = config.clone();
    if let Some(annotations) = annotations_mut(&mut document) {
        annotations.shift_remove(ANNOTATION);
    }
    let mut text = go_text::json(&document);
    text.push('\n');
    let Some(annotations) = annotations_mut(object) else { return };
    annotations.insert(ANNOTATION.into(), text.into());
    let bytes: usize = annotations.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
    if bytes > ANNOTATIONS_BYTES_MAX {
        annotations.shift_remove(ANNOTATION);
    }
}

fn annotation(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str().filter(|text| !text.is_empty())
}

fn annotations_mut(object: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    object.get_mut("metadata")?.get_mut("annotations")?.as_object_mut()
}
