//! Numbers or percentages: how far a rolling update may stray from the wanted count.
//!
//! Fed by Deployments, DaemonSets and StatefulSets (and budgets of disruption). Must not know them.

use super::read::{Faults, NEGATIVE};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

/// The faults of a number or percentage that may not be negative.
pub(crate) fn positive(out: &mut Faults, value: Option<&Value>, field: &str) {
    match value {
        Some(Value::String(text)) => {
            out.extend(syntax::percent(text).map(|fault| FieldError::invalid(field, text.as_str(), fault)));
        }
        Some(number) if number.as_i64().is_some_and(|n| n < 0) => {
            out.push(FieldError::invalid(field, number.clone(), NEGATIVE));
        }
        _ => {}
    }
}

/// A percentage above a hundred makes no sense here.
pub(crate) fn at_most_all(out: &mut Faults, value: Option<&Value>, field: &str) {
    if let Some(Value::String(text)) = value
        && syntax::percent(text).is_none()
        && text.trim_end_matches('%').parse::<u64>().is_ok_and(|n| n > 100)
    {
        out.push(FieldError::invalid(field, text.as_str(), "must not be greater than 100%"));
    }
}

/// The bare number, of a percentage too.
pub(crate) fn bare(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::String(text)) => text.trim_end_matches('%').parse().unwrap_or(0),
        Some(number) => number.as_i64().unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_percentages() {
        for (value, want) in [(json!(-1), 1), (json!(3), 0), (json!("25%"), 0), (json!("x"), 1), (json!("101%"), 1)] {
            let mut out = Faults::new();
            positive(&mut out, Some(&value), "f");
            at_most_all(&mut out, Some(&value), "f");
            assert_eq!(out.len(), want, "{value}");
        }
        assert_eq!(bare(Some(&json!("0%"))), 0);
    }
}
