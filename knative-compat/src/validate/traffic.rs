//! Rules on traffic targets and on the Route as a whole.

use super::{Faults, metadata};
use crate::admit::Request;
use crate::{doc, keys, names};
use serde_json::Value;

/// A Route.
pub(super) fn route(request: &Request<'_>, object: &Value) -> Faults {
    let mut out = metadata::object(object)
        .and(metadata::no_autoscaling(object))
        .and(metadata::owner_label(object, keys::SERVICE, "Service"))
        .via("metadata");
    out.also(metadata::rollout_duration(object).via("metadata.annotations"));
    out.also(list(object, false));
    if doc::items(object, "/metadata/ownerReferences").next().is_none() {
        out.also(metadata::signatures(request, object));
    }
    out
}

/// `spec.traffic`; in a ksvc (`owned`) the configuration goes without saying.
pub(super) fn list(object: &Value, owned: bool) -> Faults {
    let targets: Vec<&Value> = doc::items(object, "/spec/traffic").collect();
    let mut out = Faults::none();
    let mut sum = 0;
    for (i, each) in targets.iter().enumerate() {
        out.also(target(each, owned).via(&format!("[{i}]")));
        sum += doc::int(each, "/percent").unwrap_or(0);
        let tag = doc::text(each, "/tag");
        if tag.is_empty() {
            continue;
        }
        let wrong = names::label_1035(tag);
        if !wrong.is_empty() {
            let text = format!("not a DNS 1035 label: [{}]", wrong.join(" "));
            out.also(Faults::invalid(text, &format!("tag[{i}]")));
        }
        if let Some(first) = targets[..i].iter().position(|earlier| doc::text(earlier, "/tag") == tag) {
            let paths = [format!("[{i}].tag"), format!("[{first}].tag")];
            out.also(Faults::generic(format!("Multiple definitions for {tag:?}"), &[&paths[0], &paths[1]]));
        }
    }
    if sum != 100 {
        out.also(Faults::generic(format!("Traffic targets sum to {sum}, want 100"), &[""]));
    }
    out.via("traffic").via("spec")
}

fn target(target: &Value, owned: bool) -> Faults {
    let (revision, configuration) = (doc::text(target, "/revisionName"), doc::text(target, "/configurationName"));
    let mut out = Faults::none();
    if let Some(latest) = target.get("latestRevision").and_then(Value::as_bool)
        && latest != revision.is_empty()
    {
        let text = format!("may not set revisionName {revision:?} when latestRevision is {latest}");
        out.also(Faults::generic(text, &["latestRevision"]));
    }
    out.also(match (revision, configuration) {
        (_, named) if owned && !named.is_empty() => Faults::disallowed(&["configurationName"]),
        ("", "") if owned => Faults::none(),
        ("", "") => Faults::neither(&["revisionName", "configurationName"]),
        (name, "") => qualified(name, "revisionName"),
        ("", name) => qualified(name, "configurationName"),
        _ => Faults::both(&["revisionName", "configurationName"]),
    });
    if let Some(percent) = doc::int(target, "/percent")
        && !(0..=100).contains(&percent)
    {
        out.also(Faults::out_of_bounds(percent, 0, 100, "percent"));
    }
    if !doc::text(target, "/url").is_empty() {
        out.also(Faults::disallowed(&["url"]));
    }
    out
}

fn qualified(name: &str, path: &str) -> Faults {
    let wrong = names::qualified(name);
    if wrong.is_empty() { Faults::none() } else { Faults::key_name(name, path, &wrong.join(", ")) }
}
