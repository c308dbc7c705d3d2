//! One step of a path through an object: a field, a list item by its key, a set item by its value, or an index.
//!
//! Made by extraction and by reading FieldsV1; knows no schema. Its order is upstream's, because it decides the order in
//! `managedFields` and in conflict messages.

use crate::go_text::{quoted, write_json_text};
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;

/// A path from the root of an object.
pub type Path = Vec<Element>;

/// One step of a path. The variants are declared in upstream's order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A field of an object or a key of a map: `f:name`.
    Field(Box<str>),
    /// An item of a list map by its key fields, sorted by name: `k:{"name":"c"}`.
    Key(Vec<(Box<str>, Literal)>),
    /// An item of a set: `v:"x"`.
    Value(Literal),
    /// An item by its position: `i:0`.
    Index(i64),
}

/// A scalar inside a path.
#[derive(Clone, Debug)]
pub enum Literal {
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Box<str>),
    /// A boolean.
    Bool(bool),
    /// Null or something that no schema allows here, as JSON text; kept so that foreign entries survive.
    Json(Box<str>),
}

impl Element {
    /// The element of a field.
    #[must_use]
    pub fn field(name: &str) -> Element {
        Element::Field(name.into())
    }

    /// The FieldsV1 spelling, `f:name`.
    #[must_use]
    pub fn to_key(&self) -> String {
        match self {
            Element::Field(name) => {
                let mut out = String::with_capacity(name.len() + 2);
                out.push_str("f:");
                out.push_str(name);
                out
            }
            Element::Key(fields) => {
                let mut out = String::from("k:{");
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_json_text(&mut out, name);
                    out.push(':');
                    value.write_json(&mut out);
                }
                out.push('}');
                out
            }
            Element::Value(value) => {
                let mut out = String::from("v:");
                value.write_json(&mut out);
                out
            }
            Element::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads the FieldsV1 spelling; `None` for a kind of element that this version does not know (upstream skips it too).
    ///
    /// # Errors
    /// The text of what is wrong with the key.
    pub fn parse(key: &str) -> Result<Option<Element>, String> {
        let Some((kind, rest)) = key.split_at_checked(2) else {
            return Err("key must be 2 characters long:".into());
        };
        if !kind.ends_with(':') {
            return Err(format!("missing colon: {key}"));
        }
        Ok(Some(match kind {
            "f:" => Element::field(rest),
            "v:" => Element::Value(Literal::of(&serde_json::from_str(rest).map_err(|e| e.to_string())?)),
            "i:" => Element::Index(rest.parse().map_err(|_| format!("strconv.Atoi: parsing {rest:?}: invalid syntax"))?),
            "k:" => {
                let map: serde_json::Map<String, Value> = serde_json::from_str(rest).map_err(|e| e.to_string())?;
                let mut fields: Vec<_> = map.iter().map(|(k, v)| (k.as_str().into(), Literal::of(v))).collect();
                fields.sort();
                Element::Key(fields)
            }
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for Element {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::Field(name) => write!(out, ".{name}"),
            Element::Key(fields) => {
                out.write_str("[")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(out, "{comma}{name}={value}")?;
                }
                out.write_str("]")
            }
            Element::Value(value) => write!(out, "[={value}]"),
            Element::Index(index) => write!(out, "[{index}]"),
        }
    }
}

/// The text of a path as conflicts show it: `.spec.containers[name="c"].image`.
#[must_use]
pub fn path_text(path: &[Element]) -> String {
    path.iter().map(Element::to_string).collect()
}

impl Literal {
    /// The literal of a JSON value.
    #[must_use]
    pub fn of(value: &Value) -> Literal {
        match value {
            Value::String(text) => Literal::Text(text.as_str().into()),
            Value::Bool(yes) => Literal::Bool(*yes),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Literal::Int(int),
                (None, Some(float)) => Literal::Float(float),
                (None, None) => Literal::Json(number.to_string().into()),
            },
            other => Literal::Json(crate::go_text::json(other).into()),
        }
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Literal::Int(int) => out.push_str(&int.to_string()),
            Literal::Float(float) => out.push_str(&Value::from(*float).to_string()),
            Literal::Text(text) => write_json_text(out, text),
            Literal::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
            Literal::Json(text) => out.push_str(text),
        }
    }

    /// Numbers first, then strings, booleans and the rest.
    fn rank(&self) -> u8 {
        match self {
            Literal::Int(_) | Literal::Float(_) => 0,
            Literal::Text(_) => 1,
            Literal::Bool(_) => 2,
            Literal::Json(_) => 3,
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Int(int) => write!(out, "{int}"),
            Literal::Float(float) => write!(out, "{float}"),
            Literal::Text(text) => out.write_str(&quoted(text)),
            Literal::Bool(yes) => write!(out, "{yes}"),
            Literal::Json(text) => out.write_str(text),
        }
    }
}

impl Ord for Literal {
    // Whole numbers and floats compare by value, as upstream does, so i64 is widened on purpose.
    #[allow(clippy::cast_precision_loss)]
    fn cmp(&self, other: &Literal) -> Ordering {
        match (self, other) {
            (Literal::Int(a), Literal::Int(b)) => a.cmp(b),
            (Literal::Float(a), Literal::Float(b)) => a.total_cmp(b),
            (Literal::Int(a), Literal::Float(b)) => (*a as f64).total_cmp(b),
            (Literal::Float(a), Literal::Int(b)) => a.total_cmp(&(*b as f64)),
            (Literal::Text(a), Literal::Text(b)) | (Literal::Json(a), Literal::Json(b)) => a.cmp(b),
            (Literal::Bool(a), Literal::Bool(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl PartialOrd for Literal {
    fn partial_cmp(&self, other: &Literal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Literal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_there_and_back() {
        for key in ["f:data", "k:{\"containerPort\":80,\"protocol\":\"TCP\"}", "v:\"x\"", "v:1", "i:3", "f:a.b/c"] {
            assert_eq!(Element::parse(key).unwrap().unwrap().to_key(), key);
        }
        assert_eq!(Element::parse("x:1").unwrap(), None);
        assert!(Element::parse("f").is_err());
        assert!(Element::parse("foo").is_err());
        let sorted = Element::parse("k:{\"b\":1,\"a\":true}").unwrap().unwrap();
        assert_eq!(sorted.to_string(), "[a=true,b=1]");
    }

    #[test]
    fn order_is_upstreams() {
        let mut elements: Vec<_> =
            ["i:0", "v:\"a\"", "v:2", "k:{\"a\":1}", "f:z", "f:a"].map(|k| Element::parse(k).unwrap().unwrap()).into();
        elements.sort();
        let keys: Vec<_> = elements.iter().map(Element::to_key).collect();
        assert_eq!(keys, ["f:a", "f:z", "k:{\"a\":1}", "v:2", "v:\"a\"", "i:0"]);
    }
}
