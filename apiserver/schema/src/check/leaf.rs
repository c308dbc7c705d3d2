//! Leaves: whether a value is of a scalar type, and how Go would write it back.
//!
//! The rest of the walk ([`super::Walk`]) knows objects, maps and lists.

use serde_json::{Number, Value};

use super::place::{Place, json_kind};
use super::{Stop, Walk};
use crate::model::Scalar;
use crate::quantity::Quantity;
use crate::time::{self, Instant};

impl Walk<'_> {
    pub(super) fn leaf(&mut self, scalar: Scalar, value: &mut Value, place: &Place<'_>) -> Result<(), Stop> {
        match (scalar, &*value) {
            (Scalar::String, Value::String(_)) | (Scalar::Boolean, Value::Bool(_)) | (Scalar::Number, Value::Number(_)) => {}
            (Scalar::Int32, Value::Number(number)) => self.integer(number, i64::from(i32::MIN), i64::from(i32::MAX), place),
            (Scalar::Int64, Value::Number(number)) => self.integer(number, i64::MIN, i64::MAX, place),
            (Scalar::Bytes, Value::String(text)) => match base64(text) {
                Ok(None) => {}
                Ok(Some(clean)) => *value = Value::String(clean),
                Err(at) => {
                    self.first.get_or_insert_with(|| format!("illegal base64 data at input byte {at}"));
                }
            },
            (Scalar::Quantity, _) => return quantity(value),
            (Scalar::IntOrString, _) => return self.int_or_string(value, place),
            (Scalar::Time | Scalar::MicroTime | Scalar::Duration, _) => return self.time(scalar, value, place),
            (_, wrong) => self.mismatch(json_kind(wrong), place),
        }
        Ok(())
    }

    fn integer(&mut self, number: &Number, least: i64, most: i64, place: &Place<'_>) {
        if !number.as_i64().is_some_and(|n| (least..=most).contains(&n)) {
            self.mismatch(&format!("number {number}"), place);
        }
    }

    fn int_or_string(&mut self, value: &Value, place: &Place<'_>) -> Result<(), Stop> {
        match value {
            Value::String(_) => Ok(()),
            Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
            Value::Number(number) => Err(self.inner(&format!("number {number}"), "int32", place)),
            wrong => Err(self.inner(json_kind(wrong), "int32", place)),
        }
    }

    fn time(&mut self, scalar: Scalar, value: &mut Value, place: &Place<'_>) -> Result<(), Stop> {
        let Value::String(text) = &*value else { return Err(self.inner(json_kind(value), "string", place)) };
        let written = match scalar {
            Scalar::Time if text.is_empty() => {
                *value = Value::Null;
                return Ok(());
            }
            Scalar::Time => Instant::parse(text).map(Instant::to_rfc3339),
            Scalar::MicroTime => Instant::parse_micro(text).map(Instant::to_rfc3339_micro),
            _ => time::parse_duration(text).map(time::format_duration),
        };
        let written = written.map_err(Stop)?;
        if *text != written {
            *value = Value::String(written);
        }
        Ok(())
    }

    /// The error of a type's own decoder. The built-in decoder does not recognise it and adds no place.
    fn inner(&self, what: &str, wanted: &str, place: &Place<'_>) -> Stop {
        if !self.plain_go {
            return Stop(format!("json: cannot unmarshal {what} into Go value of type {wanted}"));
        }
        let text = place.cannot_unmarshal(what, self.schema, true);
        Stop(text.rsplit_once(" of type ").map_or_else(|| text.clone(), |(head, _)| format!("{head} of type {wanted}")))
    }
}

/// A quantity may be a number; what else it is not shows when it is parsed.
fn quantity(value: &mut Value) -> Result<(), Stop> {
    let respelled = match &*value {
        Value::String(text) => {
            let trimmed = text.trim();
            let respelled = Quantity::respell(trimmed).map_err(|error| Stop(error.to_string()))?;
            respelled.or_else(|| (trimmed.len() != text.len()).then(|| trimmed.to_owned()))
        }
        other => {
            let text = other.to_string();
            Some(Quantity::respell(&text).map_err(|error| Stop(error.to_string()))?.unwrap_or(text))
        }
    };
    if let Some(text) = respelled {
        *value = Value::String(text);
    }
    Ok(())
}

/// Checks standard base64 as Go's decoder does, which ignores line ends; those are removed. The error is the offset.
fn base64(text: &str) -> Result<Option<String>, usize> {
    let bytes = text.as_bytes();
    let mut count = 0_usize;
    let mut breaks = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\r' | b'\n' => breaks = true,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => count += 1,
            b'=' => return padding(bytes, at, count).map(|more| (breaks || more).then(|| text.replace(['\r', '\n'], ""))),
            _ => return Err(at),
        }
        at += 1;
    }
    match count % 4 {
        0 => Ok(breaks.then(|| text.replace(['\r', '\n'], ""))),
        // Go counts the break characters of the last group in, which no client sends.
        over => Err(bytes.len() - over),
    }
}

/// Padding from `at`: complete and last. True if line ends are among it.
fn padding(bytes: &[u8], at: usize, count: usize) -> Result<bool, usize> {
    let wanted = match count % 4 {
        2 => 2,
        3 => 1,
        _ => return Err(at),
    };
    let mut seen = 0;
    let mut breaks = false;
    for (index, byte) in bytes.iter().enumerate().skip(at) {
        match byte {
            b'\r' | b'\n' => breaks = true,
            b'=' if seen < wanted => seen += 1,
            _ if seen < wanted => return Err(index - 1),
            _ => return Err(index),
        }
    }
    if seen == wanted { Ok(breaks) } else { Err(bytes.len()) }
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_as_go_reads_it() {
        assert_eq!(base64("aGVsbG8="), Ok(None));
        assert_eq!(base64(""), Ok(None));
        assert_eq!(base64("aGVs\nbG8=\n"), Ok(Some("aGVsbG8=".to_owned())));
        assert_eq!(base64("not base64"), Err(3));
        assert_eq!(base64("abc"), Err(0));
        assert_eq!(base64("aGVsbG8"), Err(4));
        assert_eq!(base64("a==="), Err(1));
        assert_eq!(base64("aa=a"), Err(2));
        assert_eq!(base64("aa=="), Ok(None));
        assert_eq!(base64("aa==a"), Err(4));
    }
}
