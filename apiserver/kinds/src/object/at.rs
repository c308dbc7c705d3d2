//! A place in an object: the value there and its path in upstream's spelling.
//!
//! Used by every validator of this folder so that a rule and the path it complains about cannot drift apart. Knows no kind.

use crate::field::{FieldError, Why};
use serde_json::Value;

/// What a validator collects.
pub(super) type Faults = Vec<FieldError>;

/// A value and where it stands. An absent field and an explicit null are the same thing: nothing.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    value: Option<&'a Value>,
    path: String,
}

impl<'a> At<'a> {
    /// The whole object.
    pub(super) fn root(object: &'a Value) -> Self {
        Self { value: Some(object), path: String::new() }
    }

    /// A value under a path of one's own choosing.
    pub(super) fn new(value: Option<&'a Value>, path: impl Into<String>) -> Self {
        Self { value: value.filter(|v| !v.is_null()), path: path.into() }
    }

    /// A field of an object.
    pub(super) fn get(&self, field: &str) -> At<'a> {
        let path = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        At::new(self.value.and_then(|v| v.get(field)), path)
    }

    /// A value of a map, `path[key]`.
    pub(super) fn key(&self, key: &str) -> At<'a> {
        At::new(self.value.and_then(|v| v.get(key)), format!("{}[{key}]", self.path))
    }

    /// The items of a list; nothing gives none.
    pub(super) fn items(&self) -> impl Iterator<Item = At<'a>> + use<'a> {
        let path = self.path.clone();
        let list = self.value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().enumerate().map(move |(i, v)| At { value: Some(v), path: format!("{path}[{i}]") })
    }

    /// The keys and values of a map, each value at `path[key]`.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + use<'a> {
        let path = self.path.clone();
        let map = self.value.and_then(Value::as_object);
        map.into_iter().flatten().map(move |(k, v)| (k.as_str(), At { value: Some(v), path: format!("{path}[{k}]") }))
    }

    /// Is there anything here?
    pub(super) fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// Is here nothing, or what Go calls a zero value?
    pub(super) fn is_empty(&self) -> bool {
        self.value.is_none_or(is_zero)
    }

    /// The raw value.
    pub(super) fn raw(&self) -> Option<&'a Value> {
        self.value
    }

    /// A copy of the value, null for nothing.
    pub(super) fn value(&self) -> Value {
        self.value.cloned().unwrap_or(Value::Null)
    }

    /// The text, empty for nothing.
    pub(super) fn text(&self) -> &'a str {
        self.value.and_then(Value::as_str).unwrap_or("")
    }

    /// The number, if there is one.
    pub(super) fn int(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    /// Is here `true`?
    pub(super) fn is_true(&self) -> bool {
        self.value.and_then(Value::as_bool).unwrap_or(false)
    }

    /// How many items or keys.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Some(Value::Array(list)) => list.len(),
            Some(Value::Object(map)) => map.len(),
            Some(Value::String(text)) => text.len(),
            _ => 0,
        }
    }

    /// The path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `Required value`.
    pub(super) fn required(&self, detail: &str) -> FieldError {
        FieldError::required(self.path.clone(), detail)
    }

    /// `Invalid value`, showing the value.
    pub(super) fn invalid(&self, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(self.path.clone(), self.value(), detail)
    }

    /// `Invalid value: ""`, where upstream shows an empty text (also for text that is not there).
    pub(super) fn invalid_text(&self, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(self.path.clone(), self.text(), detail)
    }

    /// `Forbidden`.
    pub(super) fn forbidden(&self, detail: impl Into<String>) -> FieldError {
        FieldError::forbidden(self.path.clone(), detail)
    }

    /// `Duplicate value`.
    pub(super) fn duplicate(&self) -> FieldError {
        FieldError::duplicate(self.path.clone(), self.value())
    }

    /// `Unsupported value` with the allowed ones.
    pub(super) fn unsupported(&self, allowed: &[&str]) -> FieldError {
        let value = if self.is_set() { self.value() } else { Value::String(String::new()) };
        FieldError::not_supported(self.path.clone(), value, allowed)
    }

    /// `Too long`.
    pub(super) fn too_long(&self, max: usize) -> FieldError {
        FieldError::too_long(self.path.clone(), max)
    }

    /// `Too many: N: must have at most M items`.
    pub(super) fn too_many(&self, max: usize) -> FieldError {
        let detail = format!("{}: must have at most {max} items", self.len());
        FieldError { why: Why::TooMany, field: self.path.clone(), value: Value::Null, detail }
    }
}

/// What Go would not tell from an unset field.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(Value::is_null),
    }
}

/// Equal, where nothing, null, `""`, `[]` and `{}` are alike.
pub(super) fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) if a == b => true,
        (a, b) => a.is_none_or(is_zero) && b.is_none_or(is_zero),
    }
}
