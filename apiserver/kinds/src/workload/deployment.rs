//! Deployments: defaults, checks, generations.
//!
//! Fed by `workload::strategy`. Must not know ReplicaSets or rollouts in progress.

use super::pod::set_generation;
use super::read::{Faults, Read, fill, immutable, nonnegative, object_in, replicas_fit, same, unsupported};
use super::{defaults, rollout, template};
use crate::field::FieldError;
use crate::strategy::{Strategy, reset_status};
use serde_json::Value;

/// The strategy of Deployments.
pub const STRATEGY: Strategy = Strategy { default, validate, validate_update, prepare_create: reset_status, prepare_update };

fn default(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) else { return };
    if let Some(template) = spec.get_mut("template") {
        defaults::template(template);
    }
    fill(spec, "replicas", 1);
    object_in(spec, "strategy");
    if let Some(strategy) = spec.get_mut("strategy") {
        fill(strategy, "type", "RollingUpdate");
        if strategy.text("type") == "RollingUpdate" {
            object_in(strategy, "rollingUpdate");
            if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                fill(rolling, "maxUnavailable", "25%");
                fill(rolling, "maxSurge", "25%");
            }
        }
    }
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "progressDeadlineSeconds", 600);
}

fn check_strategy(out: &mut Faults, spec: &Value) {
    let nothing = Value::Null;
    let strategy = spec.at("strategy").unwrap_or(&nothing);
    let path = "spec.strategy.rollingUpdate";
    match strategy.text("type") {
        "Recreate" => {
            if strategy.has("rollingUpdate") {
                let detail = "may not be specified when strategy `type` is 'Recreate'";
                out.push(FieldError::forbidden(path, detail));
            }
        }
        "RollingUpdate" => {
            let Some(rolling) = strategy.at("rollingUpdate") else {
                out.push(FieldError::required(path, "this should be defaulted and never be nil"));
                return;
            };
            let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
            let field = format!("{path}.maxUnavailable");
            rollout::positive(out, unavailable, &field);
            rollout::positive(out, surge, &format!("{path}.maxSurge"));
            if rollout::bare(unavailable) == 0 && rollout::bare(surge) == 0 {
                let shown = unavailable.cloned().unwrap_or_default();
                out.push(FieldError::invalid(field.clone(), shown, "may not be 0 when `maxSurge` is 0"));
            }
            rollout::at_most_all(out, unavailable, &field);
        }
        other => out.push(unsupported("spec.strategy.type", other, &["Recreate", "RollingUpdate"])),
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    nonnegative(&mut out, spec, "spec", "replicas");
    template::selector(&mut out, spec, "spec", "deployment");
    template::fits(&mut out, spec, "spec");
    template::check(&mut out, spec.at("template").unwrap_or(&nothing), "spec.template");
    template::long_running(&mut out, spec, "spec", "ReplicaSet");
    check_strategy(&mut out, spec);
    nonnegative(&mut out, spec, "spec", "minReadySeconds");
    nonnegative(&mut out, spec, "spec", "revisionHistoryLimit");
    if let Some(seconds) = spec.int("progressDeadlineSeconds") {
        nonnegative(&mut out, spec, "spec", "progressDeadlineSeconds");
        if seconds <= spec.number("minReadySeconds") {
            let detail = "must be greater than minReadySeconds";
            out.push(FieldError::invalid("spec.progressDeadlineSeconds", seconds, detail));
        }
    }
    out
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate(new);
    immutable(&mut out, new.pointer("/spec/selector"), old.pointer("/spec/selector"), "spec.selector");
    out
}

/// Unlike other kinds a Deployment grows a generation with its annotations too: they are copied to its ReplicaSets.
fn prepare_update(new: &mut Value, old: &Value) {
    super::keep_status(new, old);
    let nothing = Value::Null;
    let differs = |path: &str| !same(new.pointer(path).unwrap_or(&nothing), old.pointer(path).unwrap_or(&nothing));
    let notes = |o: &Value| o.pointer("/metadata/annotations").cloned().unwrap_or_else(|| Value::Object(Default::default()));
    let changed = differs("/spec") || !same(&notes(new), &notes(old));
    set_generation(new, old, changed);
}

/// Every fault of a new status.
pub(crate) fn validate_status(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let status = new.at("status").unwrap_or(&nothing);
    for key in [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ] {
        nonnegative(&mut out, status, "status", key);
    }
    replicas_fit(&mut out, status, &["updatedReplicas", "readyReplicas", "availableReplicas"]);
    super::not_fewer_collisions(&mut out, new, old);
    out
}
