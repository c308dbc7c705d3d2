//! The name under which a write owns fields: the `fieldManager` parameter, or the User-Agent's first word.
//!
//! Fed by the request parser; knows nothing of objects.

use crate::go_text::quoted;
use std::borrow::Cow;

/// Longest name of a field manager in bytes.
pub const FIELD_MANAGER_BYTES_MAX: usize = 128;

/// Why a `fieldManager` parameter is refused: one 422 cause each, at field `fieldManager`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FieldManagerError {
    /// Apply without a name.
    #[error("Required value: is required for apply patch")]
    Required,
    /// More than 128 bytes.
    #[error("Too long: may not be more than {FIELD_MANAGER_BYTES_MAX} bytes")]
    TooLong,
    /// A character that cannot be printed.
    #[error("Invalid value: {parameter}: invalid character {character} (at position {position})")]
    NotPrintable {
        /// The parameter in Go quotes.
        parameter: String,
        /// `U+000A`.
        character: String,
        /// Byte offset in the parameter.
        position: usize,
    },
}

impl FieldManagerError {
    /// The cause's reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            FieldManagerError::Required => "FieldValueRequired",
            FieldManagerError::TooLong => "FieldValueTooLong",
            FieldManagerError::NotPrintable { .. } => "FieldValueInvalid",
        }
    }
}

/// Who owns the fields of a write: the parameter if given, else the User-Agent up to its first `/`, without what cannot be
/// printed and cut to 128 bytes.
#[must_use]
pub fn of_request<'a>(parameter: &'a str, user_agent: &'a str) -> Cow<'a, str> {
    if !parameter.is_empty() {
        return parameter.into();
    }
    let prefix = user_agent.split('/').next().unwrap_or_default();
    if prefix.len() <= FIELD_MANAGER_BYTES_MAX && prefix.chars().all(is_printable) {
        return prefix.into();
    }
    let mut name = String::new();
    for c in prefix.chars().filter(|c| is_printable(*c)) {
        if name.len() + c.len_utf8() > FIELD_MANAGER_BYTES_MAX {
            break;
        }
        name.push(c);
    }
    name.into()
}

/// All that is wrong with a `fieldManager` parameter; `apply` says whether one is required.
#[must_use]
pub fn check(parameter: &str, apply: bool) -> Vec<FieldManagerError> {
    let mut errors = Vec::new();
    if apply && parameter.is_empty() {
        errors.push(FieldManagerError::Required);
    }
    if parameter.len() > FIELD_MANAGER_BYTES_MAX {
        errors.push(FieldManagerError::TooLong);
    }
    errors.extend(parameter.char_indices().filter(|(_, c)| !is_printable(*c)).map(|(position, c)| {
        FieldManagerError::NotPrintable { parameter: quoted(parameter), character: format!("U+{:04X}", u32::from(c)), position }
    }));
    errors
}

fn is_printable(c: char) -> bool {
    !c.is_control() && (c == ' ' || !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_name() {
        assert_eq!(of_request("mine", "kubectl/v1"), "mine");
        assert_eq!(of_request("", "kubectl/v1.36 (linux)"), "kubectl");
        assert_eq!(of_request("", ""), "");
        assert_eq!(of_request("", "a\tb"), "ab");
        assert_eq!(of_request("", &"é".repeat(100)).len(), 128);
    }

    #[test]
    fn parameter_texts() {
        // apply.json, step "apply-no-manager".
        let errors = check("", true);
        assert_eq!(errors[0].to_string(), "Required value: is required for apply patch");
        assert_eq!(errors[0].reason(), "FieldValueRequired");
        assert!(check("", false).is_empty());
        assert_eq!(check(&"x".repeat(129), false)[0].to_string(), "Too long: may not be more than 128 bytes");
        let bad = check("a\n", false);
        assert_eq!(bad[0].to_string(), "Invalid value: \"a\\n\": invalid character U+000A (at position 1)");
    }
}
