//! The field diff that refusals of immutable things carry: paths and values as Go's `cmp` and `fmt` spell them.
//! Elements of lists are compared position by position; Go's edit script may pair them otherwise when lengths differ.

use super::model::{Field, Struct, Ty};
use serde_json::Value;
use std::fmt::Write as _;

/// The differences of two values of one struct, empty when there are none. `root` is the root as Go prints it, `{v1.X}`.
#[must_use]
pub fn short_diff(root: &str, table: &'static Struct, old: &Value, new: &Value) -> String {
    let mut out = String::new();
    structs(root, table, old, new, &mut out);
    out
}

fn structs(path: &str, table: &'static Struct, old: &Value, new: &Value, out: &mut String) {
    for field in table.fields {
        let at = format!("{path}.{}", field.go);
        if let (true, Ty::Obj(inner)) = (field.embedded(), &field.ty) {
            structs(&at, inner, old, new, out);
            continue;
        }
        let (a, b) = (pick(old, field.json), pick(new, field.json));
        if field.pointer {
            match (a.is_null(), b.is_null(), &field.ty) {
                (true, true, _) => {}
                (false, false, Ty::Obj(_)) => values(&at, &field.ty, a, b, out),
                // Go writes a dereference in front of the whole path.
                (false, false, _) => values(&format!("*{at}"), &field.ty, a, b, out),
                _ => report(&at, &pointed(field, a), &pointed(field, b), out),
            }
        } else {
            values(&at, &field.ty, a, b, out);
        }
    }
}

fn values(path: &str, ty: &Ty, old: &Value, new: &Value, out: &mut String) {
    match ty {
        Ty::Obj(inner) => structs(path, inner, old, new, out),
        Ty::List(inner) => match (old.as_array(), new.as_array()) {
            (Some(a), Some(b)) if !a.is_empty() && !b.is_empty() => lists(path, inner, a, b, out),
            _ => whole(path, ty, old, new, out),
        },
        Ty::Map(inner) => match (old.as_object(), new.as_object()) {
            (Some(a), Some(b)) if !a.is_empty() && !b.is_empty() => {
                let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    let at = format!("{path}[{key:?}]");
                    one_sided(&at, inner, a.get(key), b.get(key), out);
                }
            }
            _ => whole(path, ty, old, new, out),
        },
        _ => whole(path, ty, old, new, out),
    }
}

fn lists(path: &str, inner: &Ty, old: &[Value], new: &[Value], out: &mut String) {
    for i in 0..old.len().max(new.len()) {
        let at = match (i < old.len(), i < new.len()) {
            (true, false) => format!("{path}[{i}->?]"),
            (false, true) => format!("{path}[?->{i}]"),
            _ => format!("{path}[{i}]"),
        };
        one_sided(&at, inner, old.get(i), new.get(i), out);
    }
}

fn one_sided(path: &str, ty: &Ty, old: Option<&Value>, new: Option<&Value>, out: &mut String) {
    if let (Some(a), Some(b)) = (old, new) {
        values(path, ty, a, b, out);
        return;
    }
    let kind = if let Ty::Obj(of) = ty { format!("{}: ", of.go_name()) } else { String::new() };
    let _ = writeln!(out, "{path}:");
    if let Some(value) = old {
        let _ = writeln!(out, "\t-: {kind}\"{}\"", plain(ty, value));
    }
    if let Some(value) = new {
        let _ = writeln!(out, "\t+: {kind}\"{}\"", plain(ty, value));
    }
}

fn whole(path: &str, ty: &Ty, old: &Value, new: &Value, out: &mut String) {
    let (a, b) = (plain(ty, old), plain(ty, new));
    if a != b {
        report(path, &a, &b, out);
    }
}

fn report(path: &str, old: &str, new: &str, out: &mut String) {
    let _ = write!(out, "{path}:\n\t-: \"{old}\"\n\t+: \"{new}\"\n");
}

fn pick<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// A pointer as `%+v` shows it at the top: structs by their own `String`, nil likewise, scalars by a made-up address.
fn pointed(field: &Field, value: &Value) -> String {
    match (&field.ty, value) {
        (Ty::Obj(_), Value::Null) => "nil".into(),
        (_, Value::Null) => "<nil>".into(),
        (Ty::Obj(of), _) => stringer(of, value),
        _ => "0xc000000000".into(),
    }
}

/// A value as `%+v` shows it.
fn plain(ty: &Ty, value: &Value) -> String {
    match (ty, value) {
        (Ty::List(inner), _) => {
            let items: Vec<String> = value.as_array().into_iter().flatten().map(|v| plain(inner, v)).collect();
            format!("[{}]", items.join(" "))
        }
        (Ty::Map(inner), _) => {
            let mut items: Vec<String> =
                value.as_object().into_iter().flatten().map(|(k, v)| format!("{k}:{}", plain(inner, v))).collect();
            items.sort();
            format!("map[{}]", items.join(" "))
        }
        (Ty::Obj(of), _) => {
            let mut items = Vec::new();
            plain_fields(of, value, &mut items);
            format!("{{{}}}", items.join(" "))
        }
        _ => scalar(ty, value),
    }
}

fn plain_fields(of: &'static Struct, value: &Value, items: &mut Vec<String>) {
    for field in of.fields {
        let shown = match (&field.ty, field.embedded()) {
            (Ty::Obj(_), true) => plain(&field.ty, value),
            _ if field.pointer => pointed(field, pick(value, field.json)),
            _ => plain(&field.ty, pick(value, field.json)),
        };
        items.push(format!("{}:{shown}", field.go));
    }
}

/// A struct as its generated `String` shows it: `&T{A:1,B:nil,}`.
fn stringer(of: &'static Struct, value: &Value) -> String {
    let mut body = String::new();
    for field in of.fields {
        let inner = pick(value, field.json);
        let shown = match (&field.ty, field.embedded()) {
            (Ty::Obj(part), true) => stringer(part, value).trim_start_matches('&').to_owned(),
            (_, _) if field.pointer && inner.is_null() => "nil".to_owned(),
            (Ty::Obj(part), _) if field.pointer => stringer(part, inner),
            (Ty::Obj(part), _) => stringer(part, inner).trim_start_matches('&').to_owned(),
            _ if field.pointer => format!("*{}", scalar(&field.ty, inner)),
            (Ty::IntOrStr, _) => int_or_string(inner),
            _ => plain(&field.ty, inner),
        };
        let _ = write!(body, "{}:{shown},", field.go);
    }
    format!("&{}{{{body}}}", of.name)
}

fn int_or_string(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{{1 0 {text}}}"),
        other => format!("{{0 {} }}", other.as_i64().unwrap_or(0)),
    }
}

fn scalar(ty: &Ty, value: &Value) -> String {
    match (ty, value) {
        (Ty::Str | Ty::Quantity | Ty::Time | Ty::Any, Value::Null) => String::new(),
        (Ty::Bool, Value::Null) => "false".into(),
        (Ty::I32 | Ty::I64 | Ty::Duration | Ty::IntOrStr, Value::Null) => "0".into(),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}
