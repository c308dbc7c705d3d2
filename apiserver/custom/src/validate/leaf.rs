//! Strings, numbers and enums.

use super::{format, in_body, shown};
use crate::tree::{Limits, Type};
use serde_json::{Number, Value};
use skiff_kinds::FieldError;
use skiff_kinds::field::Why;

pub(super) fn string(limits: &Limits, text: &str, path: &str, out: &mut Vec<FieldError>) {
    let characters = text.chars().count() as u64;
    if let Some(most) = limits.length.most.filter(|most| characters > *most) {
        out.push(FieldError::too_long(shown(path), usize::try_from(most).unwrap_or(usize::MAX)));
    }
    if let Some(least) = limits.length.least.filter(|least| characters < *least) {
        out.push(FieldError::invalid(shown(path), text, format!("{}should be at least {least} chars long", in_body(path))));
    }
    if let Some((written, Some(pattern))) = &limits.pattern
        && !pattern.is_match(text)
    {
        out.push(FieldError::invalid(shown(path), text, format!("{}should match '{written}'", in_body(path))));
    }
    if !format::holds(&limits.format, text) {
        let detail = format!("{}must be of type {}: {text:?}", in_body(path), limits.format);
        out.push(FieldError { why: Why::TypeInvalid, field: shown(path).into(), value: text.into(), detail });
    }
}

pub(super) fn number(limits: &Limits, kind: Type, number: &Number, path: &str, out: &mut Vec<FieldError>) {
    let Some(value) = number.as_f64() else { return };
    let mut refuse = |text: String| {
        out.push(FieldError::invalid(shown(path), Value::Number(number.clone()), format!("{}{text}", in_body(path))));
    };
    if let Some((most, excluded)) = limits.maximum
        && (value > most || excluded && value >= most)
    {
        let word = if excluded { "less than" } else { "less than or equal to" };
        refuse(format!("should be {word} {}", go_float(most)));
    }
    if let Some((least, excluded)) = limits.minimum
        && (value < least || excluded && value <= least)
    {
        let word = if excluded { "greater than" } else { "greater than or equal to" };
        refuse(format!("should be {word} {}", go_float(least)));
    }
    if let Some(factor) = limits.multiple_of
        && (value / factor).fract() != 0.0
    {
        refuse(format!("should be a multiple of {}", go_float(factor)));
    }
    if kind == Type::Integer && &*limits.format == "int32" && number.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
        let text = format!("Checked value must be of type integer with format int32 for {path}");
        out.push(FieldError::invalid(super::NOWHERE, "", text));
    }
}

/// The value must be one of an enum. The list keeps the order of the schema.
pub(super) fn allowed(limits: &Limits, value: &Value, path: &str, out: &mut Vec<FieldError>) {
    let same = |allowed: &Value| allowed == value || allowed.as_f64().is_some_and(|n| value.as_f64() == Some(n));
    if limits.allowed.is_empty() || limits.allowed.iter().any(same) {
        return;
    }
    let quoted = limits.allowed.iter().map(|allowed| match allowed {
        Value::String(text) => format!("{text:?}"),
        other => format!("{:?}", other.to_string()),
    });
    let detail = format!("supported values: {}", quoted.collect::<Vec<_>>().join(", "));
    out.push(FieldError { why: Why::NotSupported, field: shown(path).into(), value: value.clone(), detail });
}

/// A float as Go's `%v` prints it: with an exponent from 1e+06 on and below 1e-04.
pub(super) fn go_float(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || (1e-4..1e6).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}
