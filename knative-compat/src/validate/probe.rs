//! Rules on probes. `port` is the name of the serving port, or `None` for a container that does not serve.

use super::Faults;
use crate::doc;
use serde_json::Value;

const HANDLERS: [&str; 4] = ["httpGet", "tcpSocket", "exec", "grpc"];

/// Any probe: exactly one handler, and a named port must be the serving one.
pub(super) fn any(probe: &Value, port: Option<&str>) -> Faults {
    let given: Vec<&str> = HANDLERS.into_iter().filter(|key| probe.get(key).is_some()).collect();
    let mut out = Faults::none();
    for handler in given.iter().filter(|key| ["httpGet", "tcpSocket"].contains(key)) {
        let target = probe.get(handler).and_then(|h| h.get("port")).unwrap_or(&Value::Null);
        let path = format!("{handler}.port");
        match (port, target.as_str()) {
            (Some(serving), Some(text)) if !text.is_empty() && text != serving => {
                out.also(Faults::invalid(text, &path).details("Probe port must match container port"));
            }
            (None, None | Some("")) if target.as_i64().unwrap_or(0) == 0 => {
                out.also(Faults::invalid("0", &path).details("Probe port must be specified"));
            }
            _ => {}
        }
    }
    match given.len() {
        0 => out.also(Faults::neither(&HANDLERS)),
        1 => {}
        _ => {
            // Upstream spells this one its own way.
            let spelled: Vec<&str> = given.iter().map(|key| if *key == "grpc" { "gRPC" } else { key }).collect();
            out.also(Faults::both(&spelled));
        }
    }
    out
}

/// A readiness probe: a period of zero means Knative's own rapid probing, which has no thresholds.
pub(super) fn readiness(probe: &Value, port: Option<&str>) -> Faults {
    let number = |key: &str| doc::int(probe, &format!("/{key}")).unwrap_or(0);
    let mut out = any(probe, port);
    let mut least = |key: &str, low: i64| {
        if number(key) < low {
            out.also(Faults::out_of_bounds(number(key), low, i32::MAX, key));
        }
    };
    least("periodSeconds", 0);
    least("initialDelaySeconds", 0);
    least("successThreshold", 1);
    if number("periodSeconds") != 0 {
        least("timeoutSeconds", 1);
        least("failureThreshold", 1);
        return out;
    }
    for key in ["failureThreshold", "timeoutSeconds"] {
        if number(key) != 0 {
            out.also(Faults::generic(format!("{key} is disallowed when periodSeconds is zero"), &[key]));
        }
    }
    out
}

/// A probe where none may be: everything in it is refused by name; its handler is the probe itself.
pub(super) fn none_allowed(probe: &Value) -> Faults {
    let Some(map) = probe.as_object() else { return Faults::none() };
    let paths: Vec<&str> = map.keys().map(|key| if HANDLERS.contains(&key.as_str()) { "" } else { key.as_str() }).collect();
    if paths.is_empty() { Faults::none() } else { Faults::disallowed(&paths) }
}
