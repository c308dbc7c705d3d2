//! Rules on the kinds that users rarely write: `PodAutoscaler`, `ServerlessService`, Ingress.

use super::{Faults, annotations, revision};
use crate::config::Config;
use crate::doc;
use serde_json::Value;

/// A `PodAutoscaler`.
pub(super) fn autoscaler(config: &Config, object: &Value) -> Faults {
    let mut out = annotations::autoscaling(&config.autoscaler, doc::annotations(object)).via("metadata.annotations");
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let mut found = target(spec, "scaleTargetRef");
    let concurrency = doc::int(spec, "/containerConcurrency").unwrap_or(0);
    found.also(revision::container_concurrency(config, concurrency).via("containerConcurrency"));
    found.also(protocol(spec));
    out.also(found.via("spec"));
    out
}

/// A `ServerlessService`.
pub(super) fn serverless_service(object: &Value) -> Faults {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let empty = ["/mode", "/protocolType"].iter().all(|at| doc::text(spec, at).is_empty())
        && spec.get("objectRef").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty)
        && doc::int(spec, "/numActivators").is_none();
    if empty {
        return Faults::missing(&["spec"]);
    }
    let mut out = match doc::text(spec, "/mode") {
        "Serve" | "Proxy" => Faults::none(),
        "" => Faults::missing(&["mode"]),
        other => Faults::invalid(other, "mode"),
    };
    if let Some(count) = doc::int(spec, "/numActivators").filter(|count| *count < 0) {
        out.also(Faults::invalid(count, "numActivators"));
    }
    out.also(target(spec, "objectRef"));
    out.also(protocol(spec));
    out.via("spec")
}

fn protocol(spec: &Value) -> Faults {
    match doc::text(spec, "/protocolType") {
        "http1" | "h2c" => Faults::none(),
        "" => Faults::missing(&["protocolType"]),
        other => Faults::invalid(other, "protocolType"),
    }
}

fn target(spec: &Value, key: &str) -> Faults {
    let missing: Vec<&str> =
        ["apiVersion", "kind", "name"].into_iter().filter(|part| doc::text(spec, &format!("/{key}/{part}")).is_empty()).collect();
    if missing.is_empty() { Faults::none() } else { Faults::missing(&missing).via(key) }
}

/// An Ingress: rules with paths whose splits make up the whole.
pub(super) fn ingress(object: &Value) -> Faults {
    let rules: Vec<&Value> = doc::items(object, "/spec/rules").collect();
    if rules.is_empty() {
        return Faults::missing(&["spec"]);
    }
    let mut out = Faults::none();
    for (i, rule) in rules.iter().enumerate() {
        let paths: Vec<&Value> = doc::items(rule, "/http/paths").collect();
        let mut found = Faults::none();
        if rule.get("http").is_none() {
            found.also(Faults::missing(&["http"]));
        } else if paths.is_empty() {
            found.also(Faults::missing(&["http.paths"]));
        }
        for (j, path) in paths.iter().enumerate() {
            found.also(splits(path).via_index("paths", j).via("http"));
        }
        out.also(found.via_index("rules", i));
    }
    out.via("spec")
}

fn splits(path: &Value) -> Faults {
    let splits: Vec<&Value> = doc::items(path, "/splits").collect();
    if splits.is_empty() {
        return Faults::missing(&[""]);
    }
    let mut out = Faults::none();
    let mut sum = 0;
    for (i, split) in splits.iter().enumerate() {
        let missing: Vec<&str> = ["serviceNamespace", "serviceName"]
            .into_iter()
            .filter(|key| doc::text(split, &format!("/{key}")).is_empty())
            .chain(split.get("servicePort").is_none().then_some("servicePort"))
            .collect();
        if !missing.is_empty() {
            out.also(Faults::missing(&missing).via_index("splits", i));
        }
        let percent = doc::int(split, "/percent").unwrap_or(0);
        if !(0..=100).contains(&percent) {
            out.also(Faults::out_of_bounds(percent, 0, 100, "percent").via_index("splits", i));
        }
        sum += percent;
    }
    if sum != 100 {
        out.also(Faults::generic(format!("traffic split percentage must total to 100, but was {sum}"), &["splits"]));
    }
    out
}
