//! From a document to the bytes that a Go server would write for it, fields in order and empty values included.
//!
//! Fed by `encode_object` with documents that have been admitted; still checks every value, since stored documents may be
//! older than the table. Knows the table, no kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skiff_schema::Tree;
use std::borrow::Cow;

use crate::MAGIC;
use crate::error::ProtoError;
use crate::leaf;
use crate::table::{Field, Kind, MessageId, Presence, Shape, Table, table};
use crate::wire::{FIXED64, put_bytes, put_int, put_nested, put_tag};

/// Appends the envelope of an object that may nest `depth` levels.
pub(crate) fn object(value: &Tree<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), ProtoError> {
    let (api_version, kind) = type_of(value);
    if kind.is_empty() {
        return Err(ProtoError::NoKind { api_version: api_version.to_owned() });
    }
    if api_version.is_empty() {
        return Err(ProtoError::NoVersion { kind: kind.to_owned() });
    }
    let table = table();
    let (Some(id), Tree::Map(map)) = (table.kind(api_version, kind), value) else {
        return Err(ProtoError::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() });
    };
    out.extend_from_slice(MAGIC);
    put_type(api_version, kind, out)?;
    put_nested(out, 2, |out| Encoder { table }.message(id, map, depth, out))?;
    // contentEncoding and contentType, which Go writes though they are empty.
    put_bytes(out, 3, b"");
    put_bytes(out, 4, b"");
    Ok(())
}

/// Appends the `TypeMeta` of an envelope.
pub(crate) fn put_type(api_version: &str, kind: &str, out: &mut Vec<u8>) -> Result<(), ProtoError> {
    put_nested(out, 1, |out| {
        put_bytes(out, 1, api_version.as_bytes());
        put_bytes(out, 2, kind.as_bytes());
        Ok(())
    })
}

/// apiVersion and kind, empty where they are not there.
fn type_of<'v>(value: &'v Tree<'_>) -> (&'v str, &'v str) {
    let text = |name: &str| value.get(name).and_then(Tree::as_str).unwrap_or_default();
    (text("apiVersion"), text("kind"))
}

/// The members of an object.
pub(crate) type Members<'v> = [(Cow<'v, str>, Tree<'v>)];

/// `depth` counts down everywhere here: the levels that are still allowed.
#[derive(Clone, Copy)]
pub(crate) struct Encoder {
    table: &'static Table,
}

impl Encoder {
    /// On the one table.
    pub(crate) fn new() -> Encoder {
        Encoder { table: table() }
    }

    /// Appends the fields of a message.
    pub(crate) fn message(self, id: MessageId, map: &Members<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), ProtoError> {
        let depth = depth.checked_sub(1).ok_or(ProtoError::TooDeep)?;
        for field in &self.table.message(id).fields {
            let given = map.iter().find(|(key, _)| key == field.name).map(|(_, value)| value).filter(|value| !value.is_null());
            match (field.shape, field.kind) {
                (Shape::Embedded, Kind::Message(inner)) => {
                    put_nested(out, field.number, |out| self.message(inner, map, depth, out))?;
                }
                (Shape::One | Shape::Embedded, _) => match given {
                    Some(value) => self.value(field, field.number, value, depth, out)?,
                    None => self.absent(field, depth, out)?,
                },
                (Shape::List, _) => self.list(field, given, depth, out)?,
                (Shape::Map, _) => self.map(field, given, depth, out)?,
            }
        }
        Ok(())
    }

    /// Go writes what is no pointer, empty or not; nil slices and maps of its own types it does not.
    fn absent(self, field: &'static Field, depth: u32, out: &mut Vec<u8>) -> Result<(), ProtoError> {
        if field.presence != Presence::Value || matches!(field.kind, Kind::Bytes | Kind::Strings) {
            return Ok(());
        }
        self.value(field, field.number, &Tree::Null, depth, out)
    }

    fn list(self, field: &'static Field, given: Option<&Tree<'_>>, depth: u32, out: &mut Vec<u8>) -> Result<(), ProtoError> {
        let items = match given {
            None => return Ok(()),
            Some(Tree::List(items)) => items,
            Some(_) => return Err(ProtoError::value(field.name, "expected a list")),
        };
        items.iter().try_for_each(|item| self.value(field, field.number, item, depth, out))
    }

    fn map(self, field: &'static Field, given: Option<&Tree<'_>>, depth: u32, out: &mut Vec<u8>) -> Result<(), ProtoError> {
        let entries = match given {
            None => return Ok(()),
            Some(Tree::Map(entries)) => entries,
            Some(_) => return Err(ProtoError::value(field.name, "expected a map")),
        };
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        entries.into_iter().try_for_each(|(key, value)| {
            put_nested(out, field.number, |out| {
                put_bytes(out, 1, key.as_bytes());
                if value.is_null() && field.kind == Kind::Bytes {
                    return Ok(());
                }
                self.value(field, 2, value, depth, out)
            })
        })
    }

    /// One value as field `number`; null is the type's empty value.
    fn value(
        self,
        field: &'static Field,
        number: u32,
        value: &Tree<'_>,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtoError> {
        let name = field.name;
        match field.kind {
            Kind::String | Kind::Bytes | Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double => {
                scalar(field, number, value, out)
            }
            Kind::Time => put_nested(out, number, |out| leaf::put_time(out, value, name, false)),
            Kind::MicroTime => put_nested(out, number, |out| leaf::put_time(out, value, name, true)),
            Kind::Quantity => put_nested(out, number, |out| leaf::put_quantity(out, value, name)),
            Kind::IntOrString => put_nested(out, number, |out| leaf::put_int_or_string(out, value, name)),
            Kind::Duration => put_nested(out, number, |out| leaf::put_duration(out, value, name)),
            Kind::Strings => put_nested(out, number, |out| leaf::put_strings(out, 1, value, name)),
            Kind::Raw | Kind::Object | Kind::Json => put_nested(out, number, |out| self.raw(field, value, depth, out)),
            Kind::Message(id) => put_nested(out, number, |out| match value {
                Tree::Map(inner) => self.message(id, inner, depth, out),
                Tree::Null => self.message(id, &[], depth, out),
                _ => Err(ProtoError::value(name, "expected an object")),
            }),
            Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStrings(id) => {
                let depth = depth.checked_sub(1).ok_or(ProtoError::TooDeep)?;
                put_nested(out, number, |out| self.schema_or(field, id, value, depth, out))
            }
        }
    }

    /// The content of a `RawExtension`, `JSON` or `FieldsV1`.
    fn raw(self, field: &'static Field, value: &Tree<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), ProtoError> {
        if value.is_null() {
            return Ok(());
        }
        let (api_version, kind) = type_of(value);
        if field.kind == Kind::Object && self.table.kind(api_version, kind).is_some() {
            let depth = depth.checked_sub(1).ok_or(ProtoError::TooDeep)?;
            return put_nested(out, 1, |out| object(value, depth, out));
        }
        let text = serde_json::to_vec(value).map_err(|why| ProtoError::value(field.name, why.to_string()))?;
        put_bytes(out, 1, &text);
        Ok(())
    }

    /// The content of a union of a JSON schema with a list, a boolean or strings.
    fn schema_or(
        self,
        field: &'static Field,
        id: MessageId,
        value: &Tree<'_>,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtoError> {
        match (field.kind, value) {
            (Kind::SchemaOrBool(_), Tree::Bool(allows)) => put_int(out, 1, i64::from(*allows)),
            (Kind::SchemaOrBool(_), Tree::Map(schema)) => {
                put_int(out, 1, 1);
                put_nested(out, 2, |out| self.message(id, schema, depth, out))?;
            }
            (Kind::SchemaOrBool(_), Tree::Null) => put_int(out, 1, 0),
            (_, Tree::Null) => {}
            (Kind::SchemaOrArray(_) | Kind::SchemaOrStrings(_), Tree::Map(schema)) => {
                put_nested(out, 1, |out| self.message(id, schema, depth, out))?;
            }
            (Kind::SchemaOrStrings(_), Tree::List(_)) => leaf::put_strings(out, 2, value, field.name)?,
            (Kind::SchemaOrArray(_), Tree::List(schemas)) => {
                for schema in schemas {
                    let schema = schema.as_object().ok_or_else(|| ProtoError::value(field.name, "expected a schema"))?;
                    put_nested(out, 2, |out| self.message(id, schema, depth, out))?;
                }
            }
            _ => return Err(ProtoError::value(field.name, "expected a schema")),
        }
        Ok(())
    }
}

/// A value that protobuf has a type for.
fn scalar(field: &'static Field, number: u32, value: &Tree<'_>, out: &mut Vec<u8>) -> Result<(), ProtoError> {
    let name = field.name;
    match (field.kind, value) {
        (Kind::String | Kind::Bytes, Tree::Null) => put_bytes(out, number, b""),
        (Kind::String, Tree::Text(text)) => put_bytes(out, number, text.as_bytes()),
        (Kind::Bytes, Tree::Text(text)) => {
            let bytes = STANDARD.decode(text.as_bytes()).map_err(|why| ProtoError::value(name, why.to_string()))?;
            put_bytes(out, number, &bytes);
        }
        (Kind::Bool, Tree::Bool(set)) => put_int(out, number, i64::from(*set)),
        (Kind::Bool | Kind::Int32 | Kind::Int64, Tree::Null) => put_int(out, number, 0),
        (Kind::Int32, value) => {
            let int = leaf::integer(value, name)?;
            let int = i32::try_from(int).map_err(|_| ProtoError::value(name, "number out of the range of int32"))?;
            put_int(out, number, i64::from(int));
        }
        (Kind::Int64, value) => put_int(out, number, leaf::integer(value, name)?),
        (Kind::Double, Tree::Number(_) | Tree::Null) => {
            put_tag(out, number, FIXED64);
            out.extend_from_slice(&value.as_f64().unwrap_or_default().to_le_bytes());
        }
        _ => return Err(ProtoError::value(name, "value of a wrong type")),
    }
    Ok(())
}
