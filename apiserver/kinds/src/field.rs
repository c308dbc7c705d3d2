//! Field errors in upstream's words (`k8s.io/apimachinery/pkg/util/validation/field`): what the validators return and what the
//! one mapping to `Status` turns into `causes`. Knows no kind.

use serde_json::Value;
use std::fmt;

/// Why a field was refused; the name is the cause's `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// `FieldValueRequired`
    Required,
    /// `FieldValueInvalid`
    Invalid,
    /// `FieldValueInvalid` of a value that upstream does not show (CEL rules).
    InvalidUnshown,
    /// `FieldValueNotSupported`
    NotSupported,
    /// `FieldValueForbidden`
    Forbidden,
    /// `FieldValueDuplicate`
    Duplicate,
    /// `FieldValueTooLong`
    TooLong,
    /// `FieldValueTooMany`
    TooMany,
    /// `FieldValueNotFound`
    NotFound,
    /// `FieldValueTypeInvalid`
    TypeInvalid,
    /// `InternalError`
    Internal,
}

/// One refused field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// Why.
    pub why: Why,
    /// Path in upstream's spelling, `spec.containers[0].name`.
    pub field: String,
    /// The offending value, where the text shows it.
    pub value: Value,
    /// What is wrong, upstream's words.
    pub detail: String,
}

impl FieldError {
    /// `Required value: detail`.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { why: Why::Required, field: field.into(), value: Value::Null, detail: detail.into() }
    }
    /// `Invalid value: v: detail`.
    pub fn invalid(field: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { why: Why::Invalid, field: field.into(), value: value.into(), detail: detail.into() }
    }
    /// `Forbidden: detail`.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { why: Why::Forbidden, field: field.into(), value: Value::Null, detail: detail.into() }
    }
    /// `Duplicate value: v`.
    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { why: Why::Duplicate, field: field.into(), value: value.into(), detail: String::new() }
    }
    /// `Not found: v`.
    pub fn not_found(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { why: Why::NotFound, field: field.into(), value: value.into(), detail: String::new() }
    }
    /// `Unsupported value: v: supported values: "A", "B"`; the list is sorted as upstream does.
    pub fn not_supported(field: impl Into<String>, value: impl Into<Value>, allowed: &[&str]) -> Self {
        let mut sorted: Vec<String> = allowed.iter().map(|a| format!("{a:?}")).collect();
        sorted.sort();
        let detail = if sorted.is_empty() { String::new() } else { format!("supported values: {}", sorted.join(", ")) };
        Self { why: Why::NotSupported, field: field.into(), value: value.into(), detail }
    }
    /// As [`FieldError::not_supported`], where upstream names the values in an order of its own.
    pub fn not_supported_in_order(field: impl Into<String>, value: impl Into<Value>, allowed: &[&str]) -> Self {
        let shown: Vec<String> = allowed.iter().map(|a| format!("{a:?}")).collect();
        Self { detail: format!("supported values: {}", shown.join(", ")), ..Self::not_supported(field, value, allowed) }
    }
    /// `Too long: may not be more than N bytes`.
    pub fn too_long(field: impl Into<String>, max: usize) -> Self {
        Self { why: Why::TooLong, field: field.into(), value: Value::Null, detail: format!("may not be more than {max} bytes") }
    }
    /// The cause's `reason`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.why {
            Why::Required => "FieldValueRequired",
            Why::Invalid | Why::InvalidUnshown => "FieldValueInvalid",
            Why::NotSupported => "FieldValueNotSupported",
            Why::Forbidden => "FieldValueForbidden",
            Why::Duplicate => "FieldValueDuplicate",
            Why::TooLong => "FieldValueTooLong",
            Why::TooMany => "FieldValueTooMany",
            Why::NotFound => "FieldValueNotFound",
            Why::TypeInvalid => "FieldValueTypeInvalid",
            Why::Internal => "InternalError",
        }
    }
    /// The cause's `message`: the error without its path.
    #[must_use]
    pub fn body(&self) -> String {
        let head = match self.why {
            Why::Required => "Required value",
            Why::Invalid | Why::InvalidUnshown | Why::TypeInvalid => "Invalid value",
            Why::NotSupported => "Unsupported value",
            Why::Forbidden => "Forbidden",
            Why::Duplicate => "Duplicate value",
            Why::TooLong => "Too long",
            Why::TooMany => "Too many",
            Why::NotFound => "Not found",
            Why::Internal => "Internal error",
        };
        let shown = match self.why {
            Why::InvalidUnshown | Why::Required | Why::Forbidden | Why::TooLong | Why::TooMany | Why::Internal => String::new(),
            Why::Duplicate if self.value.is_null() => String::new(),
            _ => format!(": {}", go_value(&self.value)),
        };
        if self.detail.is_empty() { format!("{head}{shown}") } else { format!("{head}{shown}: {}", self.detail) }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.field, self.body())
    }
}

/// A value as Go's `%v`/`%q` in field errors shows it: strings quoted, numbers plain, null as `null`, the rest as JSON.
fn go_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
