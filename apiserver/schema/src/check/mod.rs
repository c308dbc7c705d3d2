//! The decoding discipline: types, unknown fields, nulls, canonical leaves, all in one pass over a parsed document.
//!
//! Fed by decode and patch with documents before they are defaulted. Says what Go's decoder would say, in its words and
//! order, and leaves the document as Go would write it back. Knows no kind, no HTTP status and no storage.

mod complete;
mod leaf;
mod place;
mod prune;
mod strict;

use std::fmt;

use serde_json::{Map, Value};

use crate::model::{Empty, Field, Form, NodeId, Scalar, Schema};
use place::{Place, Step};

pub use complete::complete;
pub use place::json_kind;
pub use prune::prune_custom;
pub use strict::{duplicate_fields, strict_problems};

/// Levels of nesting that are followed. `serde_json` parses 128; upstream's limit of 10,000 is out of reach of both.
const MAX_DEPTH: u32 = 256;
/// Upstream stops collecting after this many.
const MAX_PROBLEMS: usize = 100;

/// A field that the type does not have. It is gone from the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// `spec.containers[0].bogus`.
    pub path: String,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unknown field {:?}", self.path)
    }
}

/// The document cannot be read as the type; the text is Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

impl DecodeError {
    /// The message of the 400 that upstream answers: `Pod in version "v1" cannot be handled as a Pod: …`.
    #[must_use]
    pub fn cannot_be_handled(&self, kind: &str, version: &str) -> String {
        cannot_be_handled(kind, version, &self.0)
    }
}

/// `Pod in version "v1" cannot be handled as a Pod: why`.
#[must_use]
pub fn cannot_be_handled(kind: &str, version: &str, why: &str) -> String {
    format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}")
}

/// The text for `fieldValidation=Strict`: `strict decoding error: unknown field "a", duplicate field "b"`.
#[must_use]
pub fn strict_error<T: fmt::Display>(problems: &[T]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!("strict decoding error: {}", texts.join(", "))
}

/// Reads a document as a built-in kind: checks types, drops unknown fields and what Go would not write back (nulls, empty
/// optional values), and makes quantities, times and base64 canonical.
///
/// `kind` is only used when the type itself has no name.
///
/// # Errors
/// The first value of a wrong type, in Go's words.
pub fn admit_built_in(schema: &Schema, root: NodeId, kind: &str, value: &mut Value) -> Result<Vec<UnknownField>, DecodeError> {
    Walk::new(schema, false).run(root, kind, value)
}

/// Reads a document as a Go program with `encoding/json` does, which is what a webhook such as Knative's sees: as
/// [`admit_built_in`], but fields that the type does not have stay, and errors name embedded structs.
///
/// # Errors
/// The first value of a wrong type, in Go's words.
pub fn admit_custom(schema: &Schema, root: NodeId, kind: &str, value: &mut Value) -> Result<(), DecodeError> {
    Walk::new(schema, true).run(root, kind, value).map(|_| ())
}

/// Decoding ends here; the text is the answer.
struct Stop(String);

struct Walk<'s> {
    schema: &'s Schema,
    /// `encoding/json` instead of the built-in decoder.
    plain_go: bool,
    unknown: Vec<UnknownField>,
    /// Go remembers the first mismatch and decodes on; an error of a type's own decoder ends it and wins.
    first: Option<String>,
}

impl<'s> Walk<'s> {
    fn new(schema: &'s Schema, plain_go: bool) -> Walk<'s> {
        Walk { schema, plain_go, unknown: Vec::new(), first: None }
    }

    fn run(mut self, root: NodeId, kind: &str, value: &mut Value) -> Result<Vec<UnknownField>, DecodeError> {
        let place = Place { parent: None, step: Step::Root(kind), node: root, depth: 0 };
        match self.visit(value, &place) {
            Err(Stop(text)) => Err(DecodeError(text)),
            Ok(()) => self.first.map_or(Ok(self.unknown), |text| Err(DecodeError(text))),
        }
    }

    fn visit(&mut self, value: &mut Value, place: &Place<'_>) -> Result<(), Stop> {
        if place.depth > MAX_DEPTH {
            return Err(Stop("exceeded max depth".to_owned()));
        }
        match (&self.schema.node(place.node).form, value) {
            (Form::Any, _) => Ok(()),
            (Form::Scalar(scalar), value) => self.leaf(*scalar, value, place),
            (Form::Object { fields, preserve_unknown }, Value::Object(map)) => {
                self.object(fields, *preserve_unknown || self.plain_go, map, place)
            }
            (Form::Map(element), Value::Object(map)) => {
                for (key, item) in map.iter_mut() {
                    self.element(item, place.child(Step::Key(key), *element))?;
                }
                Ok(())
            }
            (Form::List(element), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.element(item, place.child(Step::Index(index), *element))?;
                }
                Ok(())
            }
            (_, value) => {
                self.mismatch(place::json_kind(value), place);
                Ok(())
            }
        }
    }

    fn object(
        &mut self,
        fields: &'s std::collections::BTreeMap<Box<str>, Field>,
        keep_unknown: bool,
        map: &mut Map<String, Value>,
        place: &Place<'_>,
    ) -> Result<(), Stop> {
        let mut drops = false;
        for (key, value) in map.iter_mut() {
            let Some((name, field)) = fields.get_key_value(key.as_str()) else {
                if !keep_unknown {
                    self.report(place, key);
                    drops = true;
                }
                continue;
            };
            if !value.is_null() {
                self.visit(value, &place.child(Step::Field(name, field), field.node))?;
            }
            drops |= self.dropped(field, value);
        }
        if drops {
            map.retain(|key, value| match fields.get(key.as_str()) {
                Some(field) => !self.dropped(field, value),
                None => keep_unknown,
            });
        }
        Ok(())
    }

    /// An element of a list or map; null there is the zero value, not an absence.
    fn element(&mut self, value: &mut Value, place: Place<'_>) -> Result<(), Stop> {
        if value.is_null() {
            if let Some(zero) = complete::zero(self.schema, place.node) {
                *value = zero;
            }
            return Ok(());
        }
        self.visit(value, &place)
    }

    /// Whether Go, having read this value, would not write it.
    fn dropped(&self, field: &Field, value: &Value) -> bool {
        if value.is_null() {
            return true;
        }
        let omits = matches!(field.go.empty, Empty::Omit | Empty::OmitZero) && !field.go.pointer;
        omits
            && match (&self.schema.node(field.node).form, value) {
                (Form::Scalar(Scalar::Quantity | Scalar::IntOrString), _) | (Form::Any, _) => false,
                (Form::Object { .. }, Value::Object(map)) => field.go.empty == Empty::OmitZero && map.is_empty(),
                (_, Value::String(text)) => text.is_empty(),
                (_, Value::Array(items)) => items.is_empty(),
                (_, Value::Object(map)) => map.is_empty(),
                (_, Value::Bool(set)) => !set,
                (_, Value::Number(number)) => number.as_f64() == Some(0.0),
                _ => false,
            }
    }

    fn report(&mut self, place: &Place<'_>, key: &str) {
        if self.unknown.len() < MAX_PROBLEMS {
            self.unknown.push(UnknownField { path: place.path_to(key) });
        }
    }

    /// A value of the wrong JSON type: remembered if it is the first.
    fn mismatch(&mut self, what: &str, place: &Place<'_>) {
        let text = place.cannot_unmarshal(what, self.schema, self.plain_go);
        self.first.get_or_insert(text);
    }
}

#[cfg(test)]
mod tests;
