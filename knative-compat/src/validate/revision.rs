//! Rules on ksvc, Configuration and Revision: metadata, the template, and what an update may not change.

use super::{Faults, annotations, change, metadata, pod, traffic};
use crate::admit::{Operation, Request};
use crate::config::Config;
use crate::{doc, keys, names};
use serde_json::Value;

/// A ksvc.
pub(super) fn service(request: &Request<'_>, config: &Config, object: &Value) -> Faults {
    let mut out = metadata::object(object).and(metadata::no_autoscaling(object)).via("metadata");
    out.also(metadata::rollout_duration(object).via("metadata.annotations"));
    out.also(template(config, object));
    out.also(traffic::list(object, true));
    out.also(metadata::signatures(request, object));
    out.also(name_change(request, object));
    out
}

/// A Configuration.
pub(super) fn configuration(request: &Request<'_>, config: &Config, object: &Value) -> Faults {
    let mut out = metadata::object(object)
        .and(metadata::no_autoscaling(object))
        .and(metadata::owner_label(object, keys::SERVICE, "Service"))
        .via("metadata");
    out.also(template(config, object));
    if doc::items(object, "/metadata/ownerReferences").next().is_none() {
        out.also(metadata::signatures(request, object));
    }
    out.also(name_change(request, object));
    out
}

/// A Revision. What is in it is checked when it is made; afterwards its spec must stay.
pub(super) fn revision(request: &Request<'_>, config: &Config, object: &Value) -> Faults {
    let mut out = metadata::object(object)
        .and(annotations::autoscaling(&config.autoscaler, doc::annotations(object)).via("annotations"))
        .and(metadata::owner_label(object, keys::CONFIGURATION, "Configuration"))
        .via("metadata");
    let Some(spec) = object.get("spec") else { return out };
    match request.operation {
        Operation::Update(old) => {
            if let Some(changed) = change::revision_spec(old, object) {
                return changed;
            }
        }
        Operation::Create => out.also(revision_spec(config, spec).via("spec")),
    }
    out
}

fn template(config: &Config, object: &Value) -> Faults {
    let Some(template) = object.pointer("/spec/template") else { return Faults::none() };
    let mut out = template.get("spec").map_or_else(Faults::none, |spec| revision_spec(config, spec).via("spec"));
    let given = doc::annotations(template);
    let mut annotated = annotations::autoscaling(&config.autoscaler, given);
    annotated.also(annotations::sidecar(given));
    annotated.also(annotations::progress_deadline(given));
    out.also(annotated.via("metadata.annotations"));
    out.also(own_name(object, template));
    out.via("template").via("spec")
}

/// The name a user gives a revision starts with the name of what it belongs to.
fn own_name(parent: &Value, template: &Value) -> Faults {
    let (name, prefix) = (doc::name(template), doc::text(template, "/metadata/generateName"));
    if !prefix.is_empty() {
        let wrong = names::label_1035_prefix(prefix);
        if !wrong.is_empty() {
            let text = format!("not a DNS 1035 label prefix: [{}]", wrong.join(" "));
            return Faults::invalid(text, "metadata.generateName");
        }
    }
    if name.is_empty() {
        return Faults::none();
    }
    let wrong = names::label_1035(name);
    if !wrong.is_empty() {
        return Faults::invalid(format!("not a DNS 1035 label: [{}]", wrong.join(" ")), "metadata.name");
    }
    let owner = doc::name(parent);
    if owner.is_empty() && !doc::text(parent, "/metadata/generateName").is_empty() {
        return Faults::disallowed(&["metadata.name"]);
    }
    let wanted = format!("{owner}-");
    if name.starts_with(&wanted) {
        Faults::none()
    } else {
        Faults::invalid(format!("{name:?} must have prefix {wanted:?}"), "metadata.name")
    }
}

fn name_change(request: &Request<'_>, object: &Value) -> Faults {
    match request.operation {
        Operation::Update(old) => change::template_name(old, object),
        Operation::Create => Faults::none(),
    }
}

fn revision_spec(config: &Config, spec: &Value) -> Faults {
    let mut out = pod::spec(config, spec);
    let defaults = &config.defaults;
    if let Some(timeout) = doc::int(spec, "/timeoutSeconds")
        && (timeout < 0 || timeout > defaults.max_timeout_s)
    {
        out.also(Faults::out_of_bounds(timeout, 0, defaults.max_timeout_s, "timeoutSeconds"));
    }
    if let Some(concurrency) = doc::int(spec, "/containerConcurrency") {
        out.also(container_concurrency(config, concurrency).via("containerConcurrency"));
    }
    out
}

/// Bounds of `containerConcurrency`.
pub(super) fn container_concurrency(config: &Config, value: i64) -> Faults {
    let low = i64::from(!config.defaults.allow_concurrency_zero);
    let high = config.defaults.container_concurrency_max;
    if (low..=high).contains(&value) { Faults::none() } else { Faults::out_of_bounds(value, low, high, "") }
}
