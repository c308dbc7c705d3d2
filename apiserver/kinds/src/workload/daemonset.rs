//! DaemonSets: defaults, checks, the old count of template changes.
//!
//! Fed by `workload::strategy`. Must not know nodes.

use super::read::{Faults, Read, fill, immutable, nonnegative, object_in, same, unsupported};
use super::{defaults, meta, rollout, template};
use crate::field::FieldError;
use crate::strategy::{Strategy, reset_status};
use serde_json::Value;

/// Where upstream keeps a field of its older versions.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The strategy of DaemonSets.
pub const STRATEGY: Strategy = Strategy { default, validate, validate_update, prepare_create, prepare_update };

fn default(object: &mut Value) {
    // Reading the version with this annotation always leaves it there, so whoever writes the object owns it.
    if object.pointer("/metadata/annotations").is_none_or(|a| a.text(TEMPLATE_GENERATION).is_empty()) {
        count_template(object, 0);
    }
    let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) else { return };
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
    object_in(spec, "updateStrategy");
    if let Some(strategy) = spec.get_mut("updateStrategy") {
        fill(strategy, "type", "RollingUpdate");
        if strategy.text("type") == "RollingUpdate" {
            object_in(strategy, "rollingUpdate");
            if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                fill(rolling, "maxUnavailable", 1);
                fill(rolling, "maxSurge", 0);
            }
        }
    }
    fill(spec, "revisionHistoryLimit", 10);
}

fn check_strategy(out: &mut Faults, spec: &Value) {
    let nothing = Value::Null;
    let strategy = spec.at("updateStrategy").unwrap_or(&nothing);
    let path = "spec.updateStrategy.rollingUpdate";
    match strategy.text("type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let Some(rolling) = strategy.at("rollingUpdate") else {
                out.push(FieldError::required(path, ""));
                return;
            };
            let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
            let fields = [format!("{path}.maxUnavailable"), format!("{path}.maxSurge")];
            for check in [rollout::positive, rollout::at_most_all] {
                check(out, unavailable, &fields[0]);
                check(out, surge, &fields[1]);
            }
            match (rollout::bare(unavailable) != 0, rollout::bare(surge) != 0) {
                (true, true) => {
                    let shown = surge.cloned().unwrap_or_default();
                    let detail = "may not be set when maxUnavailable is non-zero";
                    out.push(FieldError::invalid(fields[1].as_str(), shown, detail));
                }
                (false, false) => {
                    out.push(FieldError::required(fields[0].as_str(), "cannot be 0 when maxSurge is 0"));
                }
                _ => {}
            }
        }
        other => out.push(unsupported("spec.updateStrategy.type", other, &["RollingUpdate", "OnDelete"])),
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    if let Some(selector) = spec.at("selector") {
        out.extend(meta::label_selector(selector, "spec.selector"));
    }
    template::fits(&mut out, spec, "spec");
    if let Some(selector) = spec.at("selector").filter(|s| meta::is_empty_selector(s)) {
        let detail = "empty selector is invalid for daemonset";
        out.push(FieldError::invalid("spec.selector", selector.clone(), detail));
    }
    template::check(&mut out, spec.at("template").unwrap_or(&nothing), "spec.template");
    template::long_running(&mut out, spec, "spec", "DaemonSet");
    nonnegative(&mut out, spec, "spec", "minReadySeconds");
    check_strategy(&mut out, spec);
    nonnegative(&mut out, spec, "spec", "revisionHistoryLimit");
    out
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate(new);
    immutable(&mut out, new.pointer("/spec/selector"), old.pointer("/spec/selector"), "spec.selector");
    out
}

fn count_template(object: &mut Value, count: i64) {
    if let Some(metadata) = object.get_mut("metadata")
        && let Some(annotations) = object_in(metadata, "annotations")
    {
        annotations.insert(TEMPLATE_GENERATION.into(), count.to_string().into());
    }
}

fn prepare_create(object: &mut Value) {
    reset_status(object);
    count_template(object, 1);
}

fn prepare_update(new: &mut Value, old: &Value) {
    super::keep_status_and_bump(new, old);
    let notes = old.pointer("/metadata/annotations");
    let before: i64 = notes.map(|a| a.text(TEMPLATE_GENERATION)).and_then(|n| n.parse().ok()).unwrap_or(0);
    let template = |o: &Value| o.pointer("/spec/template").cloned().unwrap_or_default();
    let changed = !same(&template(new), &template(old));
    if before > 0 || changed {
        count_template(new, before + i64::from(changed));
    }
}

/// Every fault of a new status.
pub(crate) fn validate_status(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let status = new.at("status").unwrap_or(&nothing);
    for key in [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ] {
        nonnegative(&mut out, status, "status", key);
    }
    super::not_fewer_collisions(&mut out, new, old);
    out
}
