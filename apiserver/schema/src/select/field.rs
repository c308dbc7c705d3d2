//! The grammar of field selectors: `metadata.name=a,status.phase!=Running`, with backslash escapes in values.

use super::SelectorError;

/// One condition on one field. Whether the field can be selected by is for the kind to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRequirement {
    /// `metadata.name`.
    pub path: String,
    /// True for `=` and `==`, false for `!=`.
    pub equal: bool,
    /// The value, unescaped.
    pub value: String,
}

/// Parses the query parameter `fieldSelector`; all conditions must hold, none means everything.
///
/// # Errors
/// Upstream's text, `invalid selector: '…'; can't understand '…'`.
pub fn parse_field_selector(text: &str) -> Result<Vec<FieldRequirement>, SelectorError> {
    let mut terms = split_terms(text);
    // Upstream sorts, so that the first error does not depend on the order of terms.
    terms.sort_unstable();
    terms.into_iter().filter(|term| !term.is_empty()).map(|term| requirement(text, term)).collect()
}

/// Escapes a value for use in a field selector.
#[must_use]
pub fn escape_field_value(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=")
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn requirement(whole: &str, term: &str) -> Result<FieldRequirement, SelectorError> {
    for (at, _) in term.char_indices() {
        let rest = &term[at..];
        for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = rest.strip_prefix(operator) {
                return Ok(FieldRequirement { path: term[..at].to_owned(), equal, value: unescape(value)? });
            }
        }
    }
    Err(SelectorError(format!("invalid selector: '{whole}'; can't understand '{term}'")))
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let invalid = |sequence: &str| Err(SelectorError(format!("invalid field selector: invalid escape sequence: {sequence}")));
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                Some(c) => return invalid(&format!("\\{c}")),
                None => return invalid("\\"),
            },
            ',' | '=' => {
                // Go prints the character's number.
                let text = format!("invalid field selector: unescaped character in value: {}", u32::from(c));
                return Err(SelectorError(text));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}
