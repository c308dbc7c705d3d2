//! CronJobs: defaults and checks.
//!
//! Fed by `workload::strategy`. Must not know when a schedule fires (`cron` knows what one looks like).

use super::read::{Faults, Read, choice, fill, nonnegative, unsupported};
use super::{cron, defaults, job};
use crate::field::FieldError;
use crate::strategy::{Strategy, reset_status};
use serde_json::Value;

/// The strategy of CronJobs.
pub const STRATEGY: Strategy =
    Strategy { default, validate, validate_update, prepare_create: reset_status, prepare_update: super::keep_status_and_bump };

/// Jobs get the name of their CronJob and eleven characters more.
const NAME_BYTES_MAX: usize = 52;

fn default(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").filter(|s| s.is_object()) else { return };
    if let Some(template) = spec.pointer_mut("/jobTemplate/spec/template") {
        defaults::template(template);
    }
    if let Some(job) = spec.pointer_mut("/jobTemplate/spec") {
        job::default_failure_policy(job);
    }
    fill(spec, "concurrencyPolicy", "Allow");
    fill(spec, "suspend", false);
    fill(spec, "successfulJobsHistoryLimit", 3);
    fill(spec, "failedJobsHistoryLimit", 1);
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = check(object, None);
    let name = object.at("metadata").map_or("", |m| m.text("name"));
    if name.len() > NAME_BYTES_MAX {
        let detail = format!("must be no more than {NAME_BYTES_MAX} characters");
        out.push(FieldError::invalid("metadata.name", name, detail));
    }
    out
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    check(new, Some(old))
}

fn check(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut out = Faults::new();
    let nothing = Value::Null;
    let spec = object.at("spec").unwrap_or(&nothing);
    let before = old.and_then(|o| o.at("spec")).map_or("", |s| s.text("schedule"));
    schedule(&mut out, spec, before.contains("TZ"));
    nonnegative(&mut out, spec, "spec", "startingDeadlineSeconds");
    if spec.has("timeZone") && old.and_then(|o| o.pointer("/spec/timeZone")) != spec.get("timeZone") {
        time_zone(&mut out, spec.text("timeZone"));
    }
    choice(&mut out, "spec.concurrencyPolicy", spec.text("concurrencyPolicy"), &["Allow", "Forbid", "Replace"]);
    job_template(&mut out, spec);
    nonnegative(&mut out, spec, "spec", "successfulJobsHistoryLimit");
    nonnegative(&mut out, spec, "spec", "failedJobsHistoryLimit");
    out
}

fn schedule(out: &mut Faults, spec: &Value, zone_allowed: bool) {
    let (text, field) = (spec.text("schedule"), "spec.schedule");
    if text.is_empty() {
        out.push(FieldError::required(field, ""));
        return;
    }
    if let Err(fault) = cron::check(text) {
        out.push(FieldError::invalid(field, text, fault));
    }
    // A zone in the schedule is refused in new objects, and kept in those that already have one.
    if text.contains("TZ") {
        if !zone_allowed {
            let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
            out.push(FieldError::invalid(field, text, detail));
        } else if spec.has("timeZone") {
            let detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
            out.push(FieldError::invalid(field, text, detail));
        }
    }
}

fn time_zone(out: &mut Faults, zone: &str) {
    let detail = if zone.is_empty() {
        "timeZone must be nil or non-empty string".to_owned()
    } else if zone.eq_ignore_ascii_case("local") {
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones".to_owned()
    } else if !cron::is_zone(zone) {
        format!("unknown time zone {zone}")
    } else {
        return;
    };
    out.push(FieldError::invalid("spec.timeZone", zone, detail));
}

fn job_template(out: &mut Faults, spec: &Value) {
    let nothing = Value::Null;
    let body = spec.pointer("/jobTemplate/spec").unwrap_or(&nothing);
    let path = "spec.jobTemplate.spec";
    job::check_body(out, body, path);
    if let Some(selector) = body.at("selector") {
        let detail = "`selector` will be auto-generated";
        out.push(FieldError::invalid(format!("{path}.selector"), selector.clone(), detail));
    }
    if body.flag("manualSelector") {
        out.push(unsupported(format!("{path}.manualSelector"), true, &["nil", "false"]));
    }
}
