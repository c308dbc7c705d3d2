//! The texts of refusals, letter for letter upstream's.
//!
//! Fed by the request path with what was asked and refused. Must not know why.

use super::Attributes;

/// What follows `is forbidden: ` in a refusal, without a reason.
#[must_use]
pub fn forbidden_text(asked: &Attributes) -> String {
    let user = &asked.user.name;
    let text = match asked.path {
        Some(path) => format!("User {} cannot {} path {}", quoted(user), asked.verb, quoted(path)),
        None => {
            let resource = match asked.subresource {
                "" => quoted(asked.resource),
                subresource => quoted(&format!("{}/{subresource}", asked.resource)),
            };
            let scope = match asked.namespace {
                "" => "at the cluster scope".to_owned(),
                namespace => format!("in the namespace {}", quoted(namespace)),
            };
            let group = quoted(asked.group);
            format!("User {} cannot {} resource {resource} in API group {group} {scope}", quoted(user), asked.verb)
        }
    };
    // Upstream guards browsers that take the answer for a page.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A refusal's whole message: `configmaps "x" is forbidden: User …[: reason]`.
#[must_use]
pub fn forbidden_message(asked: &Attributes, reason: &str) -> String {
    let what = match (asked.path, asked.group) {
        (Some(_), _) => String::new(),
        (None, "") => asked.resource.to_owned(),
        (None, group) => format!("{}.{group}", asked.resource),
    };
    let subject = match (what.as_str(), asked.name) {
        ("", _) => String::new(),
        (what, "") => format!("{what} is "),
        (what, name) => format!("{what} {} is ", quoted(name)),
    };
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("{subject}forbidden: {}{reason}", forbidden_text(asked))
}

/// A text as Go's `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            control if control.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(control))),
            control if control.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// A list of texts as Go's `%q` writes it: `["a" "b"]`.
pub(crate) fn quoted_list<T: AsRef<str>>(texts: &[T]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", quoted.join(" "))
}
