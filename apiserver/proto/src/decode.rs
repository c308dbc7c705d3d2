//! From bytes to the document that a JSON client would have sent.
//!
//! Go clients write every field that is not a pointer, empty or not; JSON clients leave empty ones out. So empty values stay
//! only where Go has a pointer. Fed by `decode_object`; knows the table, no kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use crate::MAGIC;
use crate::error::ProtoError;
use crate::leaf;
use crate::table::{Field, Kind, MessageId, Presence, Shape, Table, table};
use crate::wire::{FIXED64, LENGTH_DELIMITED, Reader, VARINT};

/// Decodes an enveloped object that may nest `depth` levels.
pub(crate) fn object(bytes: &[u8], depth: u32) -> Result<Value, ProtoError> {
    if bytes.is_empty() {
        return Err(ProtoError::EmptyData);
    }
    let body = bytes.strip_prefix(MAGIC).ok_or(ProtoError::NoEnvelope)?;
    if body.is_empty() {
        return Err(ProtoError::EmptyBody);
    }
    let envelope = Envelope::read(body)?;
    let Envelope { api_version, kind, raw } = envelope;
    if kind.is_empty() {
        return Err(ProtoError::NoKind { api_version });
    }
    if api_version.is_empty() {
        return Err(ProtoError::NoVersion { kind });
    }
    let table = table();
    let Some(id) = table.kind(&api_version, &kind) else { return Err(ProtoError::UnknownKind { api_version, kind }) };
    let mut into = Map::new();
    into.insert("apiVersion".to_owned(), Value::String(api_version));
    into.insert("kind".to_owned(), Value::String(kind));
    Decoder { table }.message(id, raw, depth, &mut into)?;
    Ok(Value::Object(into))
}

/// `runtime.Unknown`.
#[derive(Default)]
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Envelope<'a>, ProtoError> {
        let mut envelope = Envelope::default();
        let mut reader = Reader::new(bytes, "Unknown");
        while let Some((number, wire)) = reader.tag()? {
            match number {
                1 => envelope.type_meta(delimited(&mut reader, wire, "typeMeta")?)?,
                2 => envelope.raw = delimited(&mut reader, wire, "raw")?,
                _ => reader.skip(wire)?,
            }
        }
        Ok(envelope)
    }

    fn type_meta(&mut self, bytes: &[u8]) -> Result<(), ProtoError> {
        let mut reader = Reader::new(bytes, "TypeMeta");
        while let Some((number, wire)) = reader.tag()? {
            match number {
                1 => self.api_version = text(delimited(&mut reader, wire, "apiVersion")?, "apiVersion")?,
                2 => self.kind = text(delimited(&mut reader, wire, "kind")?, "kind")?,
                _ => reader.skip(wire)?,
            }
        }
        Ok(())
    }
}

/// `depth` counts down everywhere here: the levels that are still allowed.
#[derive(Clone, Copy)]
struct Decoder {
    table: &'static Table,
}

impl Decoder {
    /// Adds the fields of a message to an object. Upstream merges a message that comes twice, so the object need not be empty.
    fn message(self, id: MessageId, bytes: &[u8], depth: u32, into: &mut Map<String, Value>) -> Result<(), ProtoError> {
        let depth = depth.checked_sub(1).ok_or(ProtoError::TooDeep)?;
        let message = self.table.message(id);
        let mut reader = Reader::new(bytes, message.short_name());
        while let Some((number, wire)) = reader.tag()? {
            match message.field(number) {
                Some(field) => self.field(field, wire, &mut reader, depth, into)?,
                None => reader.skip(wire)?,
            }
        }
        Ok(())
    }

    fn field(
        self,
        field: &'static Field,
        wire: u8,
        reader: &mut Reader<'_>,
        depth: u32,
        into: &mut Map<String, Value>,
    ) -> Result<(), ProtoError> {
        match (field.shape, field.kind) {
            (Shape::Embedded, Kind::Message(id)) => {
                let bytes = delimited(reader, wire, field.name)?;
                self.message(id, bytes, depth, into)
            }
            (Shape::One, Kind::Message(id)) => {
                let bytes = delimited(reader, wire, field.name)?;
                let mut inner = match into.get_mut(field.name) {
                    Some(Value::Object(before)) => std::mem::take(before),
                    _ => Map::new(),
                };
                self.message(id, bytes, depth, &mut inner)?;
                place(field, Value::Object(inner), into);
                Ok(())
            }
            (Shape::One | Shape::Embedded, _) => {
                let value = self.value(field, wire, reader, depth)?;
                place(field, value, into);
                Ok(())
            }
            (Shape::List, _) => self.item(field, wire, reader, depth, into),
            (Shape::Map, _) => self.entry(field, delimited(reader, wire, field.name)?, depth, into),
        }
    }

    fn item(
        self,
        field: &'static Field,
        wire: u8,
        reader: &mut Reader<'_>,
        depth: u32,
        into: &mut Map<String, Value>,
    ) -> Result<(), ProtoError> {
        let numeric = matches!(field.kind, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double);
        let mut items = Vec::new();
        if numeric && wire == LENGTH_DELIMITED {
            let mut packed = Reader::new(reader.delimited()?, field.name);
            let each = if field.kind == Kind::Double { FIXED64 } else { VARINT };
            while !packed.is_empty() {
                items.push(self.value(field, each, &mut packed, depth)?);
            }
        } else {
            items.push(self.value(field, wire, reader, depth)?);
        }
        match into.get_mut(field.name) {
            Some(Value::Array(before)) => before.append(&mut items),
            _ if items.is_empty() => {}
            _ => drop(into.insert(field.name.to_owned(), Value::Array(items))),
        }
        Ok(())
    }

    fn entry(self, field: &'static Field, bytes: &[u8], depth: u32, into: &mut Map<String, Value>) -> Result<(), ProtoError> {
        let mut key = String::new();
        let mut value = None;
        let mut reader = Reader::new(bytes, field.name);
        while let Some((number, wire)) = reader.tag()? {
            match number {
                1 => key = text(delimited(&mut reader, wire, field.name)?, field.name)?,
                2 => value = Some(self.value(field, wire, &mut reader, depth)?),
                _ => reader.skip(wire)?,
            }
        }
        let value = value.unwrap_or_else(|| leaf::zero(field.kind));
        match into.get_mut(field.name) {
            Some(Value::Object(before)) => drop(before.insert(key, value)),
            _ => drop(into.insert(field.name.to_owned(), Value::Object(Map::from_iter([(key, value)])))),
        }
        Ok(())
    }

    /// One value of a field, as it stands: whether it is kept is decided by who asks.
    fn value(self, field: &'static Field, wire: u8, reader: &mut Reader<'_>, depth: u32) -> Result<Value, ProtoError> {
        let name = field.name;
        Ok(match field.kind {
            Kind::Bool => Value::Bool(number(reader, wire, name)? != 0),
            // Upstream keeps the low 32 bits as well.
            Kind::Int32 => Value::from(number(reader, wire, name)? as i32),
            Kind::Int64 => Value::from(number(reader, wire, name)?.cast_signed()),
            Kind::Double if wire == FIXED64 => double(f64::from_bits(reader.fixed64()?), name)?,
            Kind::Double => return Err(ProtoError::WrongWireType { field: name, wire }),
            Kind::String => Value::String(text(delimited(reader, wire, name)?, name)?),
            Kind::Bytes => Value::String(STANDARD.encode(delimited(reader, wire, name)?)),
            Kind::Time => leaf::time(delimited(reader, wire, name)?, name, false)?,
            Kind::MicroTime => leaf::time(delimited(reader, wire, name)?, name, true)?,
            Kind::Quantity => leaf::quantity(delimited(reader, wire, name)?, name)?,
            Kind::IntOrString => leaf::int_or_string(delimited(reader, wire, name)?, name)?,
            Kind::Duration => leaf::duration(delimited(reader, wire, name)?, name)?,
            Kind::Strings => leaf::strings(delimited(reader, wire, name)?, name)?,
            Kind::Raw | Kind::Object | Kind::Json => {
                let raw = leaf::raw(delimited(reader, wire, name)?, name)?;
                if raw.starts_with(MAGIC) {
                    object(raw, depth.checked_sub(1).ok_or(ProtoError::TooDeep)?)?
                } else {
                    leaf::json(raw, name, depth)?
                }
            }
            Kind::Message(id) => self.object(id, delimited(reader, wire, name)?, depth)?,
            Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStrings(id) => {
                self.schema_or(field.kind, id, delimited(reader, wire, name)?, depth)?
            }
        })
    }

    fn object(self, id: MessageId, bytes: &[u8], depth: u32) -> Result<Value, ProtoError> {
        let mut inner = Map::new();
        self.message(id, bytes, depth, &mut inner)?;
        Ok(Value::Object(inner))
    }

    /// The three unions of a JSON schema with a list, a boolean or strings; the winner is upstream's.
    fn schema_or(self, kind: Kind, id: MessageId, bytes: &[u8], depth: u32) -> Result<Value, ProtoError> {
        let depth = depth.checked_sub(1).ok_or(ProtoError::TooDeep)?;
        let (mut schema, mut list, mut allows) = (None, Vec::new(), false);
        let mut reader = Reader::new(bytes, "JSONSchemaProps");
        while let Some((number_of_field, wire)) = reader.tag()? {
            match (kind, number_of_field) {
                (Kind::SchemaOrBool(_), 1) => allows = number(&mut reader, wire, "allows")? != 0,
                (Kind::SchemaOrBool(_), 2) | (Kind::SchemaOrArray(_) | Kind::SchemaOrStrings(_), 1) => {
                    schema = Some(self.object(id, delimited(&mut reader, wire, "schema")?, depth)?);
                }
                (Kind::SchemaOrArray(_), 2) => {
                    list.push(self.object(id, delimited(&mut reader, wire, "jSONSchemas")?, depth)?);
                }
                (Kind::SchemaOrStrings(_), 2) => {
                    list.push(Value::String(text(delimited(&mut reader, wire, "property")?, "property")?));
                }
                _ => reader.skip(wire)?,
            }
        }
        Ok(match (schema, kind) {
            _ if !list.is_empty() => Value::Array(list),
            (Some(schema), _) => schema,
            (None, Kind::SchemaOrBool(_)) => Value::Bool(allows),
            (None, _) => Value::Null,
        })
    }
}

/// Puts a single value where JSON has it, or takes away what an earlier occurrence put there if it is one that JSON omits.
fn place(field: &Field, value: Value, into: &mut Map<String, Value>) {
    let omitted = match field.presence {
        Presence::Pointer => value.is_null(),
        Presence::Value | Presence::Unknown => match &value {
            Value::Null => true,
            Value::Bool(set) => !set,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty() && field.kind != Kind::IntOrString,
            Value::Array(items) => items.is_empty(),
            // A required struct without content is what clients write to mean everything (`podSelector: {}`).
            Value::Object(fields) => fields.is_empty() && !field.required,
        },
    };
    if omitted {
        into.shift_remove(field.name);
    } else if let Some(before) = into.get_mut(field.name) {
        *before = value;
    } else {
        into.insert(field.name.to_owned(), value);
    }
}

fn number(reader: &mut Reader<'_>, wire: u8, field: &'static str) -> Result<u64, ProtoError> {
    if wire == VARINT { reader.varint() } else { Err(ProtoError::WrongWireType { field, wire }) }
}

fn double(value: f64, field: &'static str) -> Result<Value, ProtoError> {
    // Go prints whole doubles without a point, and so do JSON clients.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
        return Ok(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number).ok_or_else(|| ProtoError::value(field, "not a finite number"))
}

fn delimited<'a>(reader: &mut Reader<'a>, wire: u8, field: &'static str) -> Result<&'a [u8], ProtoError> {
    if wire == LENGTH_DELIMITED { reader.delimited() } else { Err(ProtoError::WrongWireType { field, wire }) }
}

fn text(bytes: &[u8], field: &'static str) -> Result<String, ProtoError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ProtoError::value(field, "text is not valid UTF-8"))
}
