//! The part of Go's text templates that Knative's config maps use: literal text, `{{.Field}}` and
//! `{{index .Labels "key"}}` or `.Annotations`. Anything else is refused when the map is written.

use super::ConfigError;
use crate::doc;
use serde_json::Value;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
    Index(String, String),
}

impl Template {
    /// A template without actions.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Parses a template whose data has the given fields and, in Go, the given type.
    ///
    /// # Errors
    /// In the words of `text/template`.
    pub fn parse(title: &str, text: &str, fields: &[&str], ty: &str) -> Result<Self, ConfigError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            if start > 0 {
                pieces.push(Piece::Text(rest[..start].to_owned()));
            }
            let column = text.len() - rest.len() + start + 2;
            let inner = &rest[start + 2..];
            let Some(end) = inner.find("}}") else {
                return Err(ConfigError(format!("template: {title}:1: unclosed action")));
            };
            let action = inner[..end].trim();
            pieces.push(Self::action(title, action, fields, ty, column)?);
            rest = &inner[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    fn action(title: &str, action: &str, fields: &[&str], ty: &str, column: usize) -> Result<Piece, ConfigError> {
        if let Some(field) = action.strip_prefix('.') {
            if fields.contains(&field) {
                return Ok(Piece::Field(field.to_owned()));
            }
            return Err(ConfigError(format!(
                "template: {title}:1:{column}: executing {title:?} at <.{field}>: can't evaluate field {field} in type {ty}"
            )));
        }
        let mut words = action.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("index"), Some(map), Some(key)) if fields.contains(&map.trim_start_matches('.')) => {
                Ok(Piece::Index(map.trim_start_matches('.').to_owned(), key.trim_matches('"').to_owned()))
            }
            _ => {
                let name = action.split_whitespace().next().unwrap_or("");
                Err(ConfigError(format!("template: {title}:1: function {name:?} not defined")))
            }
        }
    }

    /// Fills the template. `value` answers for the plain fields; labels and annotations come from the metadata of `document`.
    #[must_use]
    pub fn fill(&self, document: &Value, value: impl Fn(&str) -> String) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Field(field) => value(field),
                Piece::Index(map, key) => match map.as_str() {
                    "Labels" => doc::label(document, key).unwrap_or("").to_owned(),
                    _ => doc::annotation(document, key).unwrap_or("").to_owned(),
                },
            })
            .collect()
    }
}
