//! Names, labels, ports, paths and addresses: is this text well formed, and if not, in upstream's words why not.
//!
//! Fed by every validator of this crate. Knows no field path and no object; it must stay a set of pure text checks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest DNS label, and the longest name part of a label key.
pub const LABEL_BYTES_MAX: usize = 63;
/// The longest DNS subdomain.
pub const SUBDOMAIN_BYTES_MAX: usize = 253;

const LABEL_FORM: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_FORM: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const KEY_FORM: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const KEY_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// `must be no more than N bytes`.
#[must_use]
pub fn too_long(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

/// `must be between LO and HI, inclusive`.
#[must_use]
pub fn range(lo: i64, hi: i64) -> String {
    format!("must be between {lo} and {hi}, inclusive")
}

/// A broken form: the rule, examples and the form itself, joined as upstream joins them.
#[must_use]
pub fn form(rule: &str, form: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{rule} (regex used for validation is '{form}')");
    }
    let shown: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{rule} (e.g. {}regex used for validation is '{form}')", shown.join(" or "))
}

/// Does `text` begin and end with `edge` and hold only `edge` or `inner` characters? Empty text does not.
fn framed(text: &str, edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => edge(first) && edge(last) && bytes.iter().all(|&b| edge(b) || inner(b)),
        _ => false,
    }
}

fn lower_or_digit(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    framed(text, lower_or_digit, |b| b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_key_name(text: &str) -> bool {
    framed(text, |b| b.is_ascii_alphanumeric(), |b| matches!(b, b'-' | b'_' | b'.'))
}

/// Every fault of a DNS-1123 label, length before form.
#[must_use]
pub fn dns1123_label_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > LABEL_BYTES_MAX {
        faults.push(too_long(LABEL_BYTES_MAX));
    }
    if !is_label(value) {
        if is_subdomain(value) {
            faults.push("must not contain dots".to_owned());
        } else {
            let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            faults.push(form(rule, LABEL_FORM, &["my-name", "123-abc"]));
        }
    }
    faults
}

/// The first fault of a DNS-1123 label.
#[must_use]
pub fn dns1123_label(value: &str) -> Option<String> {
    dns1123_label_faults(value).into_iter().next()
}

/// Every fault of a DNS-1123 subdomain, length before form.
#[must_use]
pub fn dns1123_subdomain_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > SUBDOMAIN_BYTES_MAX {
        faults.push(too_long(SUBDOMAIN_BYTES_MAX));
    }
    if !is_subdomain(value) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        faults.push(form(rule, SUBDOMAIN_FORM, &["example.com"]));
    }
    faults
}

/// The first fault of a DNS-1123 subdomain.
#[must_use]
pub fn dns1123_subdomain(value: &str) -> Option<String> {
    dns1123_subdomain_faults(value).into_iter().next()
}

/// A DNS-1123 subdomain in which labels may hold underscores (search domains of a pod).
#[must_use]
pub fn dns1123_subdomain_underscore(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > SUBDOMAIN_BYTES_MAX {
        faults.push(too_long(SUBDOMAIN_BYTES_MAX));
    }
    let good = value.split('.').all(|label| {
        let bare = label.strip_prefix('_').unwrap_or(label);
        framed(bare, lower_or_digit, |b| matches!(b, b'-' | b'_'))
    });
    if !good {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
        let label = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
        faults.push(form(rule, &format!("{label}(\\.{label})*"), &["example.com"]));
    }
    faults
}

/// Every fault of a DNS-1035 label.
#[must_use]
pub fn dns1035_label_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > LABEL_BYTES_MAX {
        faults.push(too_long(LABEL_BYTES_MAX));
    }
    if !(is_label(value) && value.as_bytes().first().is_some_and(u8::is_ascii_lowercase)) {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        faults.push(form(rule, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    faults
}

/// The first fault of a DNS-1035 label.
#[must_use]
pub fn dns1035_label(value: &str) -> Option<String> {
    dns1035_label_faults(value).into_iter().next()
}

/// Every fault of a wildcard subdomain, `*.example.com`.
#[must_use]
pub fn wildcard_subdomain(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > SUBDOMAIN_BYTES_MAX {
        faults.push(too_long(SUBDOMAIN_BYTES_MAX));
    }
    if !value.strip_prefix("*.").is_some_and(is_subdomain) {
        let rule = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        faults.push(form(rule, &format!("\\*\\.{SUBDOMAIN_FORM}"), &["*.example.com"]));
    }
    faults
}

/// Every fault of a qualified name (label and annotation keys, condition types, resource names).
#[must_use]
pub fn qualified_name(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let broken = || form(KEY_RULE, KEY_FORM, &["MyName", "my.name", "123-abc"]);
    let parts: Vec<&str> = value.split('/').collect();
    let name = match parts.as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                faults.extend(dns1123_subdomain_faults(prefix).iter().map(|f| format!("prefix part {f}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                broken()
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_BYTES_MAX {
        faults.push(format!("name part {}", too_long(LABEL_BYTES_MAX)));
    }
    if !is_key_name(name) {
        faults.push(format!("name part {}", broken()));
    }
    faults
}

/// Every fault of a label value.
#[must_use]
pub fn label_value(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > LABEL_BYTES_MAX {
        faults.push(too_long(LABEL_BYTES_MAX));
    }
    if !(value.is_empty() || is_key_name(value)) {
        let rule = format!("a valid label must be an empty string or {}", KEY_RULE.trim_start_matches("must "));
        faults.push(form(&rule, &format!("({KEY_FORM})?"), &["MyValue", "my_value", "12345"]));
    }
    faults
}

/// Every fault of an IANA service name (names of ports).
#[must_use]
pub fn port_name(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > 15 {
        faults.push(too_long(15));
    }
    if value.is_empty() || !value.bytes().all(|b| lower_or_digit(b) || b == b'-') {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// The fault of a port number outside 1..=65535.
#[must_use]
pub fn port_number(value: i64) -> Option<String> {
    (!(1..=65535).contains(&value)).then(|| range(1, 65535))
}

/// Every fault of the name of an environment variable (printable ASCII without `=`, as since 1.34).
#[must_use]
pub fn env_name(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.is_empty() {
        faults.push("environment variable name must be non-empty".to_owned());
    }
    if !value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        faults
            .push("a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned());
    }
    faults
}

/// `.`, `..` and names that begin with `..`.
fn climbs(value: &str) -> Option<String> {
    match value {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ => value.starts_with("..").then(|| "must not start with '..'".to_owned()),
    }
}

/// Every fault of a key of a ConfigMap or Secret.
#[must_use]
pub fn config_map_key(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > SUBDOMAIN_BYTES_MAX {
        faults.push(too_long(SUBDOMAIN_BYTES_MAX));
    }
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        faults.push(form(rule, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    faults.extend(climbs(value));
    faults
}

/// The fault of the name of an HTTP header.
#[must_use]
pub fn http_header_name(value: &str) -> Option<String> {
    let good = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    (!good).then(|| form(rule, "[-A-Za-z0-9]+", &["X-Header-Name"]))
}

/// The fault of a percentage, `25%`.
#[must_use]
pub fn percent(value: &str) -> Option<String> {
    let good = value.strip_suffix('%').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let rule = "a valid percent string must be a numeric string followed by an ending '%'";
    (!good).then(|| form(rule, "[0-9]+%", &["1%", "93%"]))
}

/// Every fault of a name that becomes one step of a path (RBAC names, config names).
#[must_use]
pub fn path_segment(value: &str) -> Vec<String> {
    if matches!(value, "." | "..") {
        return vec![format!("may not be '{value}'")];
    }
    ["/", "%"].iter().filter(|part| value.contains(**part)).map(|part| format!("may not contain '{part}'")).collect()
}

/// Reads an IPv4 or IPv6 address as upstream's sloppy parser does (leading zeros in IPv4 are allowed).
#[must_use]
pub fn parse_ip(value: &str) -> Option<IpAddr> {
    if value.contains(':') {
        return value.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let parts: Vec<&str> = value.split('.').collect();
    let mut bytes = [0u8; 4];
    if parts.len() != bytes.len() {
        return None;
    }
    for (slot, part) in bytes.iter_mut().zip(parts) {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    Some(IpAddr::V4(Ipv4Addr::from(bytes)))
}

/// The fault of an IP address.
#[must_use]
pub fn ip(value: &str) -> Option<String> {
    parse_ip(value).is_none().then(|| "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned())
}

/// Reads `address/bits`.
#[must_use]
pub fn parse_cidr(value: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = value.split_once('/')?;
    let address = parse_ip(address)?;
    if bits.is_empty() || !bits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bits: u8 = bits.parse().ok()?;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

/// The fault of a CIDR block.
#[must_use]
pub fn cidr(value: &str) -> Option<String> {
    parse_cidr(value).is_none().then(|| "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_subdomains() {
        for good in ["a", "a-b", "0x", "my-name"] {
            assert_eq!(dns1123_label(good), None, "{good}");
        }
        assert_eq!(dns1123_label("a.b").as_deref(), Some("must not contain dots"));
        assert_eq!(
            dns1123_label("C_").as_deref(),
            Some(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            )
        );
        assert!(dns1123_subdomain("a.b-c.d0").is_none());
        for bad in ["", "a..b", "-a", "a.", "A"] {
            assert!(dns1123_subdomain(bad).is_some(), "{bad}");
        }
        assert!(dns1035_label("0a").is_some());
        assert!(dns1035_label("a0").is_none());
        assert_eq!(dns1123_label_faults(&"-".repeat(64)).len(), 2);
    }

    #[test]
    fn pods_invalid_label() {
        assert_eq!(
            qualified_name("a b"),
            [
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ]
        );
        assert_eq!(
            label_value("c/d!"),
            [
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            ]
        );
        assert_eq!(qualified_name("/a").first().map(String::as_str), Some("prefix part must be non-empty"));
        assert_eq!(qualified_name("a/b/c").len(), 1);
    }

    #[test]
    fn ports_and_addresses() {
        assert!(port_name("http").is_empty());
        assert_eq!(port_name("1-").len(), 2);
        assert!(ip("10.0.0.1").is_none() && ip("::1").is_none() && ip("010.0.0.1").is_none());
        assert!(ip("10.0.0").is_some() && ip("300.0.0.1").is_some());
        assert!(cidr("10.0.0.0/8").is_none() && cidr("10.0.0.0/33").is_some());
        assert!(percent("25%").is_none() && percent("%").is_some());
    }
}
