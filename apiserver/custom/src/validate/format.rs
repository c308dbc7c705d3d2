//! String formats that upstream checks; every other name is taken for a remark.

use regex::Regex;
use std::sync::LazyLock;

/// Formats that a regular expression describes whole.
const PATTERNS: &[(&str, &str)] = &[
    ("bsonobjectid", "^[0-9a-fA-F]{24}$"),
    ("email", r"^[^@\s<>]+@[^@\s<>]+$"),
    (
        "hostname",
        r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
    ),
    ("mac", "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"),
    ("uuid", "^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"),
    ("uuid3", "^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"),
    ("uuid4", "^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"),
    ("uuid5", "^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"),
    ("hexcolor", "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"),
    (
        "rgbcolor",
        r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$",
    ),
    ("ssn", r"^\d{3}[- ]?\d{2}[- ]?\d{4}$"),
    ("isbn10", "^(?:[0-9]{9}X|[0-9]{10})$"),
    ("isbn13", "^(?:[0-9]{13})$"),
    ("isbn", "^(?:[0-9]{9}X|[0-9]{10}|[0-9]{13})$"),
    (
        "creditcard",
        r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$",
    ),
    ("k8s-short-name", "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"),
    ("k8s-long-name", r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"),
];

static COMPILED: LazyLock<Vec<(&str, Regex)>> =
    LazyLock::new(|| PATTERNS.iter().filter_map(|(name, pattern)| Some((*name, Regex::new(pattern).ok()?))).collect());

/// Whether a string has a format; an unknown format is no demand.
pub(super) fn holds(format: &str, text: &str) -> bool {
    match format {
        "" => true,
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        "date-time" | "datetime" => is_date_time(text),
        "duration" => is_duration(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "byte" => is_base64(text),
        "uri" => is_uri(text),
        "k8s-long-name" if text.len() > 253 => false,
        _ => COMPILED.iter().find(|(name, _)| *name == format).is_none_or(|(_, pattern)| pattern.is_match(text)),
    }
}

/// RFC 3339 with any number of digits behind the second, or a date alone, as upstream's own parser takes.
fn is_date_time(text: &str) -> bool {
    let zoned = text.ends_with(['Z', 'z']) || text.len() > 6 && matches!(text.as_bytes()[text.len() - 6], b'+' | b'-');
    if text.contains(['T', 't']) && zoned {
        return text.parse::<jiff::Timestamp>().is_ok();
    }
    text.contains(['T', 't']) && text.parse::<jiff::civil::DateTime>().is_ok()
}

/// Go durations, and words with a unit such as `1 day`.
fn is_duration(text: &str) -> bool {
    if skiff_schema::time::parse_duration(text).is_ok() {
        return true;
    }
    let Some(at) = text.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0) else { return false };
    let unit = text[at..].trim().trim_end_matches('s');
    matches!(
        unit,
        "n" | "nano"
            | "nanosecond"
            | "u"
            | "micro"
            | "microsecond"
            | "m"
            | "milli"
            | "millisecond"
            | "sec"
            | "second"
            | "min"
            | "minute"
            | "hr"
            | "hour"
            | "d"
            | "day"
            | "w"
            | "wk"
            | "week"
    )
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => bits <= 32,
        Ok(std::net::IpAddr::V6(_)) => bits <= 128,
        Err(_) => false,
    }
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    (scheme || text.starts_with('/')) && !text.contains([' ', '\n', '\t'])
}
