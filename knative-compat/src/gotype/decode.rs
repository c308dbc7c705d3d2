//! What happens to a document on its way through Go: unknown fields are pruned, wrong types refused in the words of
//! `encoding/json`, and the rest comes back as Go writes it (zero values added or left out, quantities canonical, keys sorted).

use super::model::{Field, Schema, Struct, Ty};
use crate::kind::Kind;
use serde_json::{Map, Value};
use skiff_schema::json_kind;
use skiff_schema::quantity::{Quantity, QuantityError};

/// Removes what the CRD's schema does not declare and adds the schema's own defaults; returns the paths of what was removed.
pub fn prune(kind: Kind, object: &mut Value) -> Vec<String> {
    let mut gone = Vec::new();
    if let Some(table) = super::table(kind) {
        prune_struct(table, object, "", &mut gone);
    }
    gone
}

fn prune_struct(table: &'static Struct, value: &mut Value, path: &str, gone: &mut Vec<String>) {
    let Some(map) = value.as_object_mut() else { return };
    let mut keys: Vec<String> = map.keys().cloned().collect();
    keys.sort();
    for key in keys {
        let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match table.find(&key) {
            Some((_, field)) if field.schema == Schema::Declared => {
                if let Some(inner) = map.get_mut(&key) {
                    prune_value(&field.ty, inner, &at, gone);
                }
            }
            Some((_, field)) if field.schema == Schema::Open => {}
            _ => {
                map.shift_remove(&key);
                gone.push(at);
            }
        }
    }
    if table.name == "ContainerPort" && !map.contains_key("protocol") {
        map.insert("protocol".into(), "TCP".into());
    }
}

fn prune_value(ty: &Ty, value: &mut Value, path: &str, gone: &mut Vec<String>) {
    match ty {
        Ty::Obj(inner) => prune_struct(inner, value, path, gone),
        Ty::List(inner) => {
            for (i, item) in value.as_array_mut().into_iter().flatten().enumerate() {
                prune_value(inner, item, &format!("{path}[{i}]"), gone);
            }
        }
        _ => {}
    }
}

/// The first thing that Go could not decode, in the words of `encoding/json` or of the type's own decoder.
#[must_use]
pub fn decode_error(kind: Kind, object: &Value) -> Option<String> {
    super::table(kind).and_then(|table| struct_error(table, object, ""))
}

fn struct_error(table: &'static Struct, value: &Value, path: &str) -> Option<String> {
    let map = value.as_object()?;
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    keys.into_iter().find_map(|key| {
        let (via, field) = table.find(key)?;
        let mut at = path.to_owned();
        for part in via.into_iter().chain([field.json]) {
            if !at.is_empty() {
                at.push('.');
            }
            at.push_str(part);
        }
        value_error(&field.ty, map.get(key)?, table.name, &at)
    })
}

fn value_error(ty: &Ty, value: &Value, holder: &str, path: &str) -> Option<String> {
    let wrong =
        |what: &str| Some(format!("json: cannot unmarshal {what} into Go struct field {holder}.{path} of type {}", ty.go_name()));
    match (ty, value) {
        (_, Value::Null) | (Ty::Any | Ty::Time, _) => None,
        (Ty::Str, Value::String(_)) | (Ty::Bool, Value::Bool(_)) => None,
        (Ty::I32, Value::Number(n)) if n.as_i64().is_some_and(|v| i32::try_from(v).is_ok()) => None,
        (Ty::I64 | Ty::Duration, Value::Number(n)) if n.is_i64() => None,
        (Ty::I32 | Ty::I64 | Ty::Duration, Value::Number(n)) => wrong(&format!("number {n}")),
        (Ty::Quantity, Value::String(text)) => text.parse::<Quantity>().err().map(|e| e.to_string()),
        (Ty::Quantity, Value::Number(n)) => n.to_string().parse::<Quantity>().err().map(|e| e.to_string()),
        (Ty::Quantity, _) => Some(QuantityError::Form.to_string()),
        (Ty::IntOrStr, Value::String(_)) => None,
        (Ty::IntOrStr, Value::Number(n)) if n.as_i64().is_some_and(|v| i32::try_from(v).is_ok()) => None,
        (Ty::IntOrStr, other) => Some(format!("json: cannot unmarshal {} into Go value of type int32", json_kind(other))),
        (Ty::Map(inner), Value::Object(map)) => map.values().find_map(|v| value_error(inner, v, holder, path)),
        (Ty::List(inner), Value::Array(list)) => list.iter().find_map(|v| value_error(inner, v, holder, path)),
        (Ty::Obj(inner), Value::Object(_)) => struct_error(inner, value, path),
        (_, other) => wrong(json_kind(other)),
    }
}

/// The document as Go writes it back. `metadata` and `status` stay as they are.
pub fn normalise(kind: Kind, object: &mut Value) {
    let Some(table) = super::table(kind) else { return };
    let Some((_, spec)) = table.find("spec") else { return };
    let written = rewrite(&spec.ty, object.get("spec").unwrap_or(&Value::Null));
    if let Some(map) = object.as_object_mut() {
        map.insert("spec".into(), written);
    }
}

fn rewrite(ty: &Ty, value: &Value) -> Value {
    match (ty, value) {
        (Ty::Obj(inner), _) => {
            let mut fields: Vec<(String, Value)> = Vec::new();
            rewrite_struct(inner, value, &mut fields);
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect::<Map<_, _>>())
        }
        (Ty::List(inner), Value::Array(list)) => list.iter().map(|v| rewrite(inner, v)).collect(),
        (Ty::Map(inner), Value::Object(map)) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), rewrite(inner, v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        (Ty::Quantity, Value::String(text)) => Quantity::canonical(text).into(),
        (Ty::Quantity, Value::Number(n)) => Quantity::canonical(&n.to_string()).into(),
        (Ty::Quantity, _) => "0".into(),
        (Ty::Str, Value::Null) => "".into(),
        (Ty::Bool, Value::Null) => false.into(),
        (Ty::I32 | Ty::I64 | Ty::Duration | Ty::IntOrStr, Value::Null) => 0.into(),
        _ => value.clone(),
    }
}

fn rewrite_struct(table: &'static Struct, value: &Value, out: &mut Vec<(String, Value)>) {
    for field in table.fields {
        if let (true, Ty::Obj(inner)) = (field.embedded(), &field.ty) {
            rewrite_struct(inner, value, out);
            continue;
        }
        let given = value.get(field.json).unwrap_or(&Value::Null);
        if let Some(written) = rewrite_field(field, given) {
            out.push((field.json.to_owned(), written));
        }
    }
}

fn rewrite_field(field: &Field, given: &Value) -> Option<Value> {
    if field.pointer {
        return match (given.is_null(), field.omit) {
            (true, true) => None,
            (true, false) => Some(Value::Null),
            (false, _) => Some(rewrite(&field.ty, given)),
        };
    }
    let written = match (&field.ty, given) {
        (Ty::List(_) | Ty::Map(_) | Ty::Time | Ty::Any, Value::Null) => Value::Null,
        _ => rewrite(&field.ty, given),
    };
    let structure = matches!(field.ty, Ty::Obj(_));
    if field.omit && !structure && is_zero(&written) { None } else { Some(written) }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
    }
}
