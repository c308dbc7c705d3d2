//! Probes and lifecycle hooks: exactly one handler, sane numbers.
//!
//! Fed by the container checks. Must not know containers.

use super::read::{Faults, Read, choice, each, nonnegative};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

const SCHEMES: [&str; 2] = ["HTTP", "HTTPS"];

/// A port given as a number or as the name of a port.
pub(crate) fn port(out: &mut Faults, port: Option<&Value>, path: &str) {
    match port {
        Some(Value::String(name)) => each(out, path, name, syntax::port_name(name)),
        other => {
            let number = other.and_then(Value::as_i64).unwrap_or(0);
            out.extend(syntax::port_number(number).map(|fault| FieldError::invalid(path, number, fault)));
        }
    }
}

fn http_get(out: &mut Faults, get: &Value, path: &str) {
    if get.text("path").is_empty() {
        out.push(FieldError::required(format!("{path}.path"), ""));
    }
    port(out, get.at("port"), &format!("{path}.port"));
    let scheme = get.text("scheme");
    if !SCHEMES.contains(&scheme) {
        out.push(FieldError::not_supported(format!("{path}.scheme"), scheme, &SCHEMES));
    }
    for header in get.list("httpHeaders") {
        let name = header.text("name");
        each(out, &format!("{path}.httpHeaders"), name, syntax::http_header_name(name));
    }
}

fn sleep(out: &mut Faults, action: &Value, path: &str, grace: Option<i64>) {
    let seconds = action.number("seconds");
    if let Some(grace) = grace
        && !(0..=grace).contains(&seconds)
    {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        out.push(FieldError::invalid(path, seconds, detail));
    }
}

/// Exactly one of the handlers named in `kinds`.
fn handler(out: &mut Faults, holder: &Value, path: &str, kinds: &[&str], grace: Option<i64>) {
    let mut found = false;
    for kind in kinds {
        let Some(action) = holder.at(kind) else { continue };
        let field = format!("{path}.{kind}");
        if found {
            out.push(FieldError::forbidden(field, "may not specify more than 1 handler type"));
            continue;
        }
        found = true;
        match *kind {
            "exec" if action.list("command").is_empty() => {
                out.push(FieldError::required(format!("{field}.command"), ""));
            }
            "httpGet" => http_get(out, action, &field),
            "tcpSocket" | "grpc" => port(out, action.at("port"), &format!("{field}.port")),
            "sleep" => sleep(out, action, &field, grace),
            _ => {}
        }
    }
    if !found {
        out.push(FieldError::required(path, "must specify a handler type"));
    }
}

/// Every fault of the probe `kind` (`livenessProbe`, `readinessProbe`, `startupProbe`) of a container.
pub(crate) fn probe(out: &mut Faults, container: &Value, container_path: &str, kind: &str) {
    let Some(probe) = container.at(kind) else { return };
    let path = format!("{container_path}.{kind}");
    handler(out, probe, &path, &["exec", "httpGet", "tcpSocket", "grpc"], None);
    for key in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        nonnegative(out, probe, &path, key);
    }
    let grace = format!("{path}.terminationGracePeriodSeconds");
    if let Some(seconds) = probe.int("terminationGracePeriodSeconds") {
        if seconds <= 0 {
            out.push(FieldError::invalid(grace.clone(), seconds, "must be greater than 0"));
        }
        if kind == "readinessProbe" {
            out.push(FieldError::invalid(grace, seconds, "must not be set for readinessProbes"));
        }
    }
    let successes = probe.number("successThreshold");
    if kind != "readinessProbe" && successes != 1 {
        out.push(FieldError::invalid(format!("{path}.successThreshold"), successes, "must be 1"));
    }
}

/// Every fault of the hooks of a container.
pub(crate) fn lifecycle(out: &mut Faults, hooks: &Value, path: &str, grace: Option<i64>, os: &str) {
    for moment in ["postStart", "preStop"] {
        if let Some(hook) = hooks.at(moment) {
            handler(out, hook, &format!("{path}.{moment}"), &["exec", "httpGet", "tcpSocket", "sleep"], grace);
        }
    }
    let signal = hooks.text("stopSignal");
    if !signal.is_empty() {
        let field = format!("{path}.stopSignal");
        match os {
            "" => out.push(FieldError::forbidden(field, "may not be set for containers with empty `spec.os.name`")),
            "windows" => choice(out, &field, signal, &["SIGKILL", "SIGTERM"]),
            _ if !signal.starts_with("SIG") => out.push(FieldError::invalid(field, signal, "must be a valid signal name")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn handlers_and_numbers() {
        let rows = [
            (json!({"successThreshold": 1}), "livenessProbe", "c.livenessProbe: Required value: must specify a handler type"),
            (
                json!({"exec": {"command": ["x"]}, "successThreshold": 2}),
                "startupProbe",
                "c.startupProbe.successThreshold: Invalid value: 2: must be 1",
            ),
            (
                json!({"tcpSocket": {"port": 0}}),
                "readinessProbe",
                "c.readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            (
                json!({"tcpSocket": {"port": 1}, "exec": {"command": ["x"]}}),
                "readinessProbe",
                "c.readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
            ),
            (
                json!({"tcpSocket": {"port": 1}, "periodSeconds": -1}),
                "readinessProbe",
                "c.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            ),
        ];
        for (body, kind, want) in rows {
            let mut out = Faults::new();
            probe(&mut out, &json!({kind: body}), "c", kind);
            assert_eq!(out.iter().map(ToString::to_string).collect::<Vec<_>>(), [want]);
        }
    }
}
