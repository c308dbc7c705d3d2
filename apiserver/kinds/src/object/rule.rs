//! Rules that many kinds share: names, labels, selectors, ports, choices, immutability.
//!
//! Each takes a place and adds what is wrong there. Used by the validators of this folder; knows no kind.

use super::at::{At, Faults, same};
use crate::workload::syntax;
use serde_json::Value;

pub(super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// One `Invalid value` per message.
pub(super) fn each(out: &mut Faults, at: &At, messages: impl IntoIterator<Item = String>) {
    out.extend(messages.into_iter().map(|m| at.invalid_text(m)));
}

/// Text must be there; says whether it is.
pub(super) fn present(out: &mut Faults, at: &At) -> bool {
    if at.text().is_empty() {
        out.push(at.required(""));
    }
    !at.text().is_empty()
}

/// A required DNS-1123 subdomain.
pub(super) fn subdomain(out: &mut Faults, at: &At) {
    if present(out, at) {
        each(out, at, syntax::dns1123_subdomain_faults(at.text()));
    }
}

/// A DNS-1123 label.
pub(super) fn label(out: &mut Faults, at: &At) {
    each(out, at, syntax::dns1123_label_faults(at.text()));
}

/// A qualified name.
pub(super) fn qualified(out: &mut Faults, at: &At) {
    each(out, at, syntax::qualified_name(at.text()));
}

/// A required step of a path: kinds and names in references.
pub(super) fn path_segment(out: &mut Faults, at: &At) {
    if present(out, at) {
        each(out, at, syntax::path_segment(at.text()));
    }
}

/// A map of labels; upstream names the map, not the key.
pub(super) fn labels(out: &mut Faults, at: &At) {
    for (key, value) in at.entries() {
        let key_at = Value::from(key);
        each(out, &At::new(Some(&key_at), at.path()), syntax::qualified_name(key));
        each(out, &At::new(value.raw(), at.path()), syntax::label_value(value.text()));
    }
}

/// A `LabelSelector`.
pub(super) fn selector(out: &mut Faults, at: &At) {
    labels(out, &at.get("matchLabels"));
    for term in at.get("matchExpressions").items() {
        let values = term.get("values");
        match term.get("operator").text() {
            "In" | "NotIn" if values.is_empty() => {
                out.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                out.push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
            }
            "Exists" | "DoesNotExist" => {}
            _ => out.push(term.get("operator").invalid_text("not a valid selector operator")),
        }
        qualified(out, &term.get("key"));
        for value in values.items() {
            each(out, &value, syntax::label_value(value.text()));
        }
    }
}

/// One of a few words; absent is an error.
pub(super) fn choice(out: &mut Faults, at: &At, allowed: &[&str]) {
    if present(out, at) {
        optional_choice(out, at, allowed);
    }
}

/// One of a few words, if given.
pub(super) fn optional_choice(out: &mut Faults, at: &At, allowed: &[&str]) {
    if at.is_set() && !allowed.contains(&at.text()) {
        out.push(at.unsupported(allowed));
    }
}

/// A port number.
pub(super) fn port(out: &mut Faults, at: &At) {
    let number = at.int().unwrap_or(0);
    if let Some(message) = syntax::port_number(number) {
        out.push(crate::FieldError::invalid(at.path(), number, message));
    }
}

/// A port number or the name of one.
pub(super) fn port_or_name(out: &mut Faults, at: &At) {
    match at.raw() {
        Some(Value::String(name)) => each(out, at, syntax::port_name(name)),
        _ => port(out, at),
    }
}

/// Zero or more.
pub(super) fn not_negative(out: &mut Faults, at: &At) {
    if at.int().is_some_and(|n| n < 0) {
        out.push(at.invalid(NOT_NEGATIVE));
    }
}

/// A number that must not be negative, or a percentage of at most 100.
pub(super) fn count_or_percent(out: &mut Faults, at: &At) {
    match at.raw() {
        Some(Value::String(text)) => {
            each(out, at, syntax::percent(text));
            let percent = text.strip_suffix('%').and_then(|n| n.parse::<i64>().ok());
            if percent.is_some_and(|n| n > 100) {
                out.push(at.invalid("must not be greater than 100%"));
            }
        }
        _ => not_negative(out, at),
    }
}

/// An IP address.
pub(super) fn ip(out: &mut Faults, at: &At) {
    each(out, at, syntax::ip(at.text()));
}

/// Addresses that an endpoint or an external IP must not be.
pub(super) fn ordinary_ip(out: &mut Faults, at: &At) {
    let Some(ip) = syntax::parse_ip(at.text()) else { return };
    let link_local = match ip {
        std::net::IpAddr::V4(v4) => (v4.is_link_local(), v4.octets().starts_with(&[224, 0, 0])),
        std::net::IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    if ip.is_unspecified() {
        out.push(at.invalid(format!("may not be unspecified ({})", at.text())));
    }
    if ip.is_loopback() {
        out.push(at.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    if link_local.0 {
        out.push(at.invalid("may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
    }
    if link_local.1 {
        out.push(at.invalid("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"));
    }
}

/// May not change once written.
pub(super) fn immutable(out: &mut Faults, new: &At, old: &At) {
    if !same(new.raw(), old.raw()) {
        out.push(new.invalid("field is immutable"));
    }
}

/// The same for several fields of one object.
pub(super) fn immutable_fields(out: &mut Faults, new: &At, old: &At, fields: &[&str]) {
    for field in fields {
        immutable(out, &new.get(field), &old.get(field));
    }
}

/// An absolute URL with one of the given schemes.
pub(super) fn url_scheme(text: &str) -> Option<(&str, &str)> {
    text.split_once("://").filter(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
}
