//! What may be a label's key and value, in upstream's words.

const KEY_FORM: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_FORM: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const MADE_OF: &str =
    "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// What is wrong with a label key (or any qualified name); empty if nothing is.
#[must_use]
pub fn label_key_problems(key: &str) -> Vec<String> {
    let form =
        || format!("must {MADE_OF} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{KEY_FORM}')");
    let mut problems = Vec::new();
    let mut parts = key.splitn(3, '/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => name,
        (Some(prefix), Some(name), None) => {
            problems.extend(prefix_problems(prefix));
            name
        }
        _ => {
            let suffix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {suffix}", form())];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push("name part must be no more than 63 bytes".to_owned());
    }
    if name.is_empty() || !well_formed(name) {
        problems.push(format!("name part {}", form()));
    }
    problems
}

/// What is wrong with a label value; empty if nothing is.
#[must_use]
pub fn label_value_problems(value: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if value.len() > 63 {
        problems.push("must be no more than 63 bytes".to_owned());
    }
    if !value.is_empty() && !well_formed(value) {
        problems.push(format!(
            "a valid label must be an empty string or {MADE_OF} (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
             for validation is '({KEY_FORM})?')"
        ));
    }
    problems
}

fn prefix_problems(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    let mut problems = Vec::new();
    if prefix.len() > 253 {
        problems.push("prefix part must be no more than 253 bytes".to_owned());
    }
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let inner = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
        inner && edge(bytes.first()) && edge(bytes.last())
    };
    if !prefix.split('.').all(label) {
        problems.push(format!(
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
             must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '{LABEL_FORM}(\\.{LABEL_FORM})*')"
        ));
    }
    problems
}

fn well_formed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    inner && edge(bytes.first()) && edge(bytes.last())
}
