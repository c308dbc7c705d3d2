//! Pod templates: what is checked in every one, and how a controller's selector must fit its labels.
//!
//! Fed by the kinds that hold a template. Must not know which kind that is.

use super::podspec::{self, Holder};
use super::read::{Faults, Read};
use super::{meta, pod_notes};
use crate::field::FieldError;
use serde_json::Value;

/// Every fault of a `PodTemplateSpec`.
pub fn check(out: &mut Vec<FieldError>, template: &Value, path: &str) {
    let nothing = Value::Null;
    let metadata = template.at("metadata").unwrap_or(&nothing);
    let spec = template.at("spec").unwrap_or(&nothing);
    out.extend(meta::labels(metadata.at("labels"), &format!("{path}.labels")));
    let field = format!("{path}.annotations");
    out.extend(meta::annotations(metadata.at("annotations"), &field));
    pod_notes::check(out, metadata.at("annotations"), spec, &field);
    podspec::check(out, spec, &format!("{path}.spec"), Holder { is_pod: false, name: "" });
    if !spec.list("ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        out.push(FieldError::forbidden(format!("{path}.spec.ephemeralContainers"), detail));
    }
}

/// Labels and annotations only, for kinds whose pods get volumes that the template does not show.
pub(crate) fn check_metadata(out: &mut Faults, template: &Value, path: &str) {
    let nothing = Value::Null;
    let metadata = template.at("metadata").unwrap_or(&nothing);
    out.extend(meta::labels(metadata.at("labels"), &format!("{path}.labels")));
    let field = format!("{path}.annotations");
    out.extend(meta::annotations(metadata.at("annotations"), &field));
    pod_notes::check(out, metadata.at("annotations"), template.at("spec").unwrap_or(&nothing), &field);
}

/// The labels of a template; null when it has none, as upstream shows a nil map.
fn labels_of(template: &Value) -> Value {
    template.pointer("/metadata/labels").filter(|l| l.is_object()).cloned().unwrap_or(Value::Null)
}

/// The selector of a controller: present, well formed, not empty. `kind` is upstream's word for it in the message.
pub(crate) fn selector(out: &mut Faults, spec: &Value, path: &str, kind: &str) {
    let field = format!("{path}.selector");
    match spec.at("selector") {
        None => out.push(FieldError::required(field, "")),
        Some(selector) => {
            out.extend(meta::label_selector(selector, &field));
            if meta::is_empty_selector(selector) {
                let detail = format!("empty selector is invalid for {kind}");
                out.push(FieldError::invalid(field, selector.clone(), detail));
            }
        }
    }
}

/// The selector must match the labels of the template; nothing is said when the selector itself is broken or empty.
pub(crate) fn fits(out: &mut Faults, spec: &Value, path: &str) {
    let template = spec.at("template").unwrap_or(&Value::Null);
    let selector = spec.at("selector");
    if selector.is_some_and(|s| meta::is_empty_selector(s) || !meta::label_selector(s, "").is_empty()) {
        return;
    }
    let labels = labels_of(template);
    if !meta::matches(selector, &labels) {
        out.push(mismatch(path, labels));
    }
}

/// `selector` does not match template `labels`.
pub(crate) fn mismatch(path: &str, labels: Value) -> FieldError {
    let detail = "`selector` does not match template `labels`";
    FieldError::invalid(format!("{path}.template.metadata.labels"), labels, detail)
}

/// Controllers that keep pods running take only templates with `restartPolicy: Always` and no deadline.
pub(crate) fn long_running(out: &mut Faults, spec: &Value, path: &str, kind: &str) {
    let nothing = Value::Null;
    let template = spec.pointer("/template/spec").unwrap_or(&nothing);
    let policy = template.text("restartPolicy");
    if policy != "Always" {
        let field = format!("{path}.template.spec.restartPolicy");
        out.push(FieldError::not_supported(field, policy, &["Always"]));
    }
    if template.has("activeDeadlineSeconds") {
        let field = format!("{path}.template.spec.activeDeadlineSeconds");
        out.push(FieldError::forbidden(field, format!("activeDeadlineSeconds in {kind} is not Supported")));
    }
}
