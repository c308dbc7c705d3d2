//! Types that are messages in protobuf and a plain value in JSON: times, quantities, int-or-string, raw JSON, string lists.
//!
//! Used by decode (bytes in, value out) and by encode (value in, message content out). Knows no message of the table.

use serde_json::Value;
use skiff_schema::Tree;
use skiff_schema::time::{Instant, format_duration, parse_duration};

use crate::error::ProtoError;
use crate::table::Kind;
use crate::wire::{LENGTH_DELIMITED, Reader, VARINT, put_bytes, put_int};

/// Go's zero time, 0001-01-01T00:00:00Z, which is written as nothing.
const ZERO_TIME: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can say.
const LAST_TIME: i64 = 253_402_300_799;

/// The value of a type when its message is empty.
pub(crate) fn zero(kind: Kind) -> Value {
    match kind {
        Kind::String | Kind::Bytes => Value::from(""),
        Kind::Bool | Kind::SchemaOrBool(_) => Value::Bool(false),
        Kind::Int32 | Kind::Int64 | Kind::Double | Kind::IntOrString => Value::from(0),
        Kind::Quantity => Value::from("0"),
        Kind::Duration => Value::from("0s"),
        Kind::Strings => Value::Array(Vec::new()),
        Kind::Message(_) => Value::Object(serde_json::Map::new()),
        Kind::Time | Kind::MicroTime | Kind::Raw | Kind::Object | Kind::Json => Value::Null,
        Kind::SchemaOrArray(_) | Kind::SchemaOrStrings(_) => Value::Null,
    }
}

/// What a message of up to three fields holds: numbers by field, and the last text.
struct Small<'a> {
    numbers: [u64; 3],
    text: Option<&'a [u8]>,
}

/// Reads a message whose fields below `text_at` are numbers and whose field `text_at` is text.
fn small<'a>(bytes: &'a [u8], field: &'static str, text_at: u32) -> Result<Small<'a>, ProtoError> {
    let mut found = Small { numbers: [0; 3], text: None };
    let mut reader = Reader::new(bytes, field);
    while let Some((number, wire)) = reader.tag()? {
        let place = found.numbers.get_mut(number as usize - 1);
        match place {
            _ if number == text_at && wire == LENGTH_DELIMITED => found.text = Some(reader.delimited()?),
            Some(place) if number < text_at && wire == VARINT => *place = reader.varint()?,
            _ if number > text_at => reader.skip(wire)?,
            _ => return Err(ProtoError::WrongWireType { field, wire }),
        }
    }
    Ok(found)
}

/// `Time` and `MicroTime`; an empty message is null.
pub(crate) fn time(bytes: &[u8], field: &'static str, micro: bool) -> Result<Value, ProtoError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let [seconds, nanos, _] = small(bytes, field, 3)?.numbers;
    // JSON has whole seconds, so upstream reads no more from protobuf either.
    let nanos = if micro { nanos as i32 } else { 0 };
    let seconds = seconds.cast_signed().saturating_add(i64::from(nanos.div_euclid(1_000_000_000)));
    let nanos = nanos.rem_euclid(1_000_000_000).cast_unsigned();
    if !(ZERO_TIME..=LAST_TIME).contains(&seconds) {
        return Err(ProtoError::value(field, "time outside of the years 1 to 9999"));
    }
    if seconds == ZERO_TIME && nanos < 1_000 {
        return Ok(Value::Null);
    }
    let instant = Instant { seconds, nanos };
    Ok(Value::String(if micro { instant.to_rfc3339_micro() } else { instant.to_rfc3339() }))
}

/// The content of a `Time` or `MicroTime`.
pub(crate) fn put_time(out: &mut Vec<u8>, value: &Tree<'_>, field: &'static str, micro: bool) -> Result<(), ProtoError> {
    if value.is_null() {
        return Ok(());
    }
    let text = value.as_str().ok_or_else(|| ProtoError::value(field, "expected a time"))?;
    // Lenient in the fraction: what is stored has been admitted, and MicroTime fields may hold whole seconds.
    let parsed = if micro { Instant::parse_micro(text).or_else(|_| Instant::parse(text)) } else { Instant::parse(text) };
    let instant = parsed.map_err(|why| ProtoError::value(field, why))?;
    if instant.seconds == ZERO_TIME && instant.nanos == 0 {
        return Ok(());
    }
    put_int(out, 1, instant.seconds);
    put_int(out, 2, if micro { i64::from(instant.nanos / 1_000 * 1_000) } else { 0 });
    Ok(())
}

/// `Quantity`, as it is spelled: whoever admits the document makes it canonical.
pub(crate) fn quantity(bytes: &[u8], field: &'static str) -> Result<Value, ProtoError> {
    let text = small(bytes, field, 1)?.text.unwrap_or(b"0");
    let text = std::str::from_utf8(text).map_err(|_| ProtoError::value(field, "text is not valid UTF-8"))?;
    Ok(Value::from(text))
}

/// The content of a `Quantity`.
pub(crate) fn put_quantity(out: &mut Vec<u8>, value: &Tree<'_>, field: &'static str) -> Result<(), ProtoError> {
    match value {
        Tree::Text(text) => put_bytes(out, 1, text.as_bytes()),
        Tree::Number(number) => put_bytes(out, 1, number.to_string().as_bytes()),
        Tree::Null => put_bytes(out, 1, b"0"),
        _ => return Err(ProtoError::value(field, "expected a quantity")),
    }
    Ok(())
}

/// `IntOrString`.
pub(crate) fn int_or_string(bytes: &[u8], field: &'static str) -> Result<Value, ProtoError> {
    let found = small(bytes, field, 3)?;
    match found.numbers[0] {
        0 => Ok(Value::from(found.numbers[1] as i32)),
        1 => {
            let text = std::str::from_utf8(found.text.unwrap_or_default());
            text.map(Value::from).map_err(|_| ProtoError::value(field, "text is not valid UTF-8"))
        }
        _ => Err(ProtoError::value(field, "impossible IntOrString.Type")),
    }
}

/// The content of an `IntOrString`.
pub(crate) fn put_int_or_string(out: &mut Vec<u8>, value: &Tree<'_>, field: &'static str) -> Result<(), ProtoError> {
    let (type_, number, text) = match value {
        Tree::Null => (0, 0, ""),
        Tree::Text(text) => (1, 0, &**text),
        number => (0, integer(number, field)?, ""),
    };
    if i32::try_from(number).is_err() {
        return Err(ProtoError::value(field, "number out of the range of int32"));
    }
    put_int(out, 1, type_);
    put_int(out, 2, number);
    put_bytes(out, 3, text.as_bytes());
    Ok(())
}

/// `Duration`.
pub(crate) fn duration(bytes: &[u8], field: &'static str) -> Result<Value, ProtoError> {
    let nanos = small(bytes, field, 3)?.numbers[0].cast_signed();
    Ok(Value::String(format_duration(nanos)))
}

/// The content of a `Duration`.
pub(crate) fn put_duration(out: &mut Vec<u8>, value: &Tree<'_>, field: &'static str) -> Result<(), ProtoError> {
    let nanos = match value {
        Tree::Null => 0,
        Tree::Text(text) => parse_duration(text).map_err(|why| ProtoError::value(field, why))?,
        _ => return Err(ProtoError::value(field, "expected a duration")),
    };
    put_int(out, 1, nanos);
    Ok(())
}

/// `ExtraValue`, `Verbs`.
pub(crate) fn strings(bytes: &[u8], field: &'static str) -> Result<Value, ProtoError> {
    let mut items = Vec::new();
    let mut reader = Reader::new(bytes, field);
    while let Some((number, wire)) = reader.tag()? {
        match (number, wire) {
            (1, LENGTH_DELIMITED) => {
                let text = std::str::from_utf8(reader.delimited()?);
                items.push(Value::from(text.map_err(|_| ProtoError::value(field, "text is not valid UTF-8"))?));
            }
            (1, _) => return Err(ProtoError::WrongWireType { field, wire }),
            _ => reader.skip(wire)?,
        }
    }
    Ok(Value::Array(items))
}

/// The content of an `ExtraValue` or `Verbs`, or the strings of `JSONSchemaPropsOrStringArray`.
pub(crate) fn put_strings(out: &mut Vec<u8>, number: u32, value: &Tree<'_>, field: &'static str) -> Result<(), ProtoError> {
    let items = match value {
        Tree::Null => return Ok(()),
        Tree::List(items) => items,
        _ => return Err(ProtoError::value(field, "expected a list of strings")),
    };
    for item in items {
        let text = item.as_str().ok_or_else(|| ProtoError::value(field, "expected a string"))?;
        put_bytes(out, number, text.as_bytes());
    }
    Ok(())
}

/// The bytes in a `RawExtension`, `JSON` or `FieldsV1`.
pub(crate) fn raw<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a [u8], ProtoError> {
    Ok(small(bytes, field, 1)?.text.unwrap_or_default())
}

/// JSON text of at most `depth` levels; nothing is null.
pub(crate) fn json(raw: &[u8], field: &'static str, depth: u32) -> Result<Value, ProtoError> {
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    let value = serde_json::from_slice(raw).map_err(|why| ProtoError::value(field, format!("invalid JSON: {why}")))?;
    if within(&value, depth) { Ok(value) } else { Err(ProtoError::TooDeep) }
}

/// Whether a value nests at most `depth` levels. The parser bounds the recursion.
fn within(value: &Value, depth: u32) -> bool {
    let Some(below) = depth.checked_sub(1) else { return !(value.is_array() || value.is_object()) };
    match value {
        Value::Array(items) => items.iter().all(|item| within(item, below)),
        Value::Object(fields) => fields.values().all(|item| within(item, below)),
        _ => true,
    }
}

/// A whole number, however it is spelled.
pub(crate) fn integer(value: &Tree<'_>, field: &'static str) -> Result<i64, ProtoError> {
    let whole = value.as_i64().or_else(|| {
        let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0)?;
        Some(float as i64)
    });
    whole.ok_or_else(|| ProtoError::value(field, "expected a whole number"))
}
