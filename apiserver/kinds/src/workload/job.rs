//! Jobs: defaults, the labels and selector made from their uid, checks of the spec (which CronJobs share).
//!
//! Fed by `workload::strategy` and by `cronjob`. Changes are judged in `job_update`, policies in `job_policy`.

use super::read::{Faults, Read, fill, nonnegative, object_in, unsupported};
use super::{defaults, job_policy, job_update, meta, syntax, template};
use crate::field::FieldError;
use crate::strategy::{Strategy, reset_status};
use serde_json::Value;

/// The strategy of Jobs. `prepare_create` needs `metadata.uid` and `metadata.name` to be set already.
pub const STRATEGY: Strategy = Strategy {
    default,
    validate,
    validate_update: job_update::validate_update,
    prepare_create,
    prepare_update: super::keep_status_and_bump,
};

const INDEXED_MAX: i64 = 100_000;
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

fn default(object: &mut Value) {
    if let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) {
        default_spec(spec);
    }
    labels_of_template(object);
}

/// A Job without labels takes those of its template.
fn labels_of_template(object: &mut Value) {
    let bare = object.pointer("/metadata/labels").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
    let labels = object.pointer("/spec/template/metadata/labels").cloned().filter(|l| l.is_object());
    if let Some(labels) = labels.filter(|_| bare)
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("labels".into(), labels);
    }
}

fn default_spec(spec: &mut Value) {
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
    if !spec.has("completions") && !spec.has("parallelism") {
        fill(spec, "completions", 1);
    }
    fill(spec, "parallelism", 1);
    // With a limit for each index the limit of the whole Job is out of the way.
    let limit = if spec.has("backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    fill(spec, "backoffLimit", limit);
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "suspend", false);
    fill(spec, "manualSelector", false);
    let replacement = if spec.has("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    fill(spec, "podReplacementPolicy", replacement);
    default_failure_policy(spec);
}

/// The one default of a failure policy; it holds in the template of a CronJob too, unlike the rest.
pub(crate) fn default_failure_policy(spec: &mut Value) {
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for rule in super::read::items_mut(policy, "rules") {
            for pattern in super::read::items_mut(rule, "onPodConditions") {
                fill(pattern, "status", "True");
            }
        }
    }
}

fn prepare_create(object: &mut Value) {
    reset_status(object);
    let manual = object.pointer("/spec/manualSelector").and_then(Value::as_bool).unwrap_or(false);
    if !manual {
        generate_selector(object);
        labels_of_template(object);
    }
}

/// Labels of the template and the selector, from the name and uid. What the user has set stays and is judged later.
fn generate_selector(object: &mut Value) {
    let nothing = Value::Null;
    let metadata = object.at("metadata").unwrap_or(&nothing);
    let (name, uid) = (metadata.text("name").to_owned(), metadata.text("uid").to_owned());
    let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) else { return };
    object_in(spec, "template");
    if let Some(template) = spec.get_mut("template") {
        object_in(template, "metadata");
        if let Some(labels) = template.get_mut("metadata").and_then(|m| object_in(m, "labels")) {
            for (keys, value) in [(NAME_LABELS, &name), (UID_LABELS, &uid)] {
                for key in keys {
                    labels.entry(key.to_owned()).or_insert_with(|| value.clone().into());
                }
            }
        }
    }
    object_in(spec, "selector");
    if let Some(labels) = spec.get_mut("selector").and_then(|s| object_in(s, "matchLabels")) {
        labels.entry(UID_LABELS[1].to_owned()).or_insert_with(|| uid.into());
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    generated_selector(&mut out, object, spec);
    check(&mut out, spec, "spec");
    let (mode, completions) = (spec.text("completionMode"), spec.number("completions"));
    let name = object.at("metadata").map_or("", |m| m.text("name"));
    if mode == "Indexed" && completions > 0 && !name.is_empty() {
        let pod = format!("{name}-{}", completions - 1);
        for fault in syntax::dns1123_label_faults(&pod) {
            let detail = format!("will not able to create pod with invalid DNS label: {pod}: {fault}");
            out.push(FieldError::invalid("metadata.name", name, detail));
        }
    }
    out
}

/// A selector that is not the user's must be this Job's own.
fn generated_selector(out: &mut Faults, object: &Value, spec: &Value) {
    let Some(selector) = spec.at("selector").filter(|_| !spec.flag("manualSelector")) else { return };
    let nothing = Value::Null;
    let metadata = object.at("metadata").unwrap_or(&nothing);
    let (name, uid) = (metadata.text("name"), metadata.text("uid"));
    if uid.is_empty() {
        out.push(FieldError::required("metadata.uid", ""));
    }
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&nothing);
    let mut own = serde_json::Map::new();
    for (keys, value) in [(UID_LABELS, uid), (NAME_LABELS, name)] {
        for key in keys {
            own.insert(key.to_owned(), value.into());
            let field = format!("spec.template.metadata.labels[{key}]");
            match labels.at(key).and_then(Value::as_str) {
                None => out.push(FieldError::required(field, format!("must be '{value}'"))),
                Some(held) if held != value => {
                    out.push(FieldError::invalid(field, labels.clone(), format!("must be '{value}'")));
                }
                Some(_) => {}
            }
        }
    }
    if meta::label_selector(selector, "").is_empty() && !meta::matches(Some(selector), &Value::Object(own)) {
        out.push(FieldError::invalid("spec.selector", selector.clone(), "`selector` not auto-generated"));
    }
}

/// Every fault of a `JobSpec` that runs by itself.
pub(crate) fn check(out: &mut Faults, spec: &Value, path: &str) {
    check_body(out, spec, path);
    let field = format!("{path}.selector");
    let nothing = Value::Null;
    match spec.at("selector") {
        None => out.push(FieldError::required(field, "")),
        Some(selector) => {
            let faults = meta::label_selector(selector, &field);
            let labels = spec.pointer("/template/metadata/labels").unwrap_or(&nothing);
            if faults.is_empty() && !meta::matches(Some(selector), labels) {
                out.push(template::mismatch(path, labels.clone()));
            }
            out.extend(faults);
        }
    }
}

/// Every fault of a `JobSpec` apart from its selector.
pub(crate) fn check_body(out: &mut Faults, spec: &Value, path: &str) {
    for key in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        nonnegative(out, spec, path, key);
    }
    if spec.has("maxFailedIndexes") && !spec.has("backoffLimitPerIndex") {
        let field = format!("{path}.backoffLimitPerIndex");
        out.push(FieldError::required(field, "when maxFailedIndexes is specified"));
    }
    job_policy::managed_by(out, spec, path);
    completion_mode(out, spec, path);
    job_policy::failure(out, spec, path);
    job_policy::success(out, spec, path);
    replacement(out, spec, path);
    let nothing = Value::Null;
    let template = spec.at("template").unwrap_or(&nothing);
    template::check(out, template, &format!("{path}.template"));
    let policy = template.at("spec").map_or("", |s| s.text("restartPolicy"));
    let field = format!("{path}.template.spec.restartPolicy");
    match policy {
        "" | "Always" => out.push(FieldError::required(field, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if spec.has("podFailurePolicy") => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            out.push(FieldError::invalid(field, policy, detail));
        }
        "OnFailure" | "Never" => {}
        other => out.push(unsupported(field, other, &["OnFailure", "Never"])),
    }
}

fn completion_mode(out: &mut Faults, spec: &Value, path: &str) {
    let mode = spec.text("completionMode");
    let at = |key: &str| format!("{path}.{key}");
    if spec.has("completionMode") && !matches!(mode, "NonIndexed" | "Indexed") {
        out.push(unsupported(at("completionMode"), mode, &["NonIndexed", "Indexed"]));
    }
    if mode != "Indexed" {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(n) = spec.int(key) {
                out.push(FieldError::invalid(at(key), n, "requires indexed completion mode"));
            }
        }
        return;
    }
    let completions = spec.int("completions");
    if completions.is_none() {
        out.push(FieldError::required(at("completions"), "when completion mode is Indexed"));
    }
    if let Some(n) = spec.int("parallelism").filter(|n| *n > INDEXED_MAX) {
        let detail = format!("must be less than or equal to {INDEXED_MAX} when completion mode is Indexed");
        out.push(FieldError::invalid(at("parallelism"), n, detail));
    }
    let Some(failed) = spec.int("maxFailedIndexes") else { return };
    if completions.is_some_and(|c| failed > c) {
        out.push(FieldError::invalid(at("maxFailedIndexes"), failed, "must be less than or equal to completions"));
    }
    if failed > INDEXED_MAX {
        let detail = format!("must be less than or equal to {INDEXED_MAX}");
        out.push(FieldError::invalid(at("maxFailedIndexes"), failed, detail));
    }
}

fn replacement(out: &mut Faults, spec: &Value, path: &str) {
    let policy = spec.text("podReplacementPolicy");
    if !spec.has("podReplacementPolicy") {
        return;
    }
    let allowed: &[&str] = if spec.has("podFailurePolicy") { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    if !allowed.contains(&policy) {
        out.push(unsupported(format!("{path}.podReplacementPolicy"), policy, allowed));
    }
}
