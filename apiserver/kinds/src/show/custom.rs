//! Columns that a CustomResourceDefinition declares (`additionalPrinterColumns`), as apiextensions shows them. Compiled once
//! when the definition is taken, then fed with objects. Must not know the definition's other parts.

use super::column::{AGE_DATE, Column, NAME};
use super::jsonpath::Path;
use super::read::{name, text};
use super::time::since_text;
use serde_json::Value;

/// Compiled columns of one version of a custom resource.
#[derive(Clone, Debug)]
pub struct CustomColumns {
    columns: Vec<Column>,
    /// One for each column after the first; `None` where the path cannot be parsed.
    paths: Vec<Option<Path>>,
}

/// Compiles `additionalPrinterColumns`; without any there are Name and Age.
#[must_use]
pub fn custom_columns(spec: &[Value]) -> CustomColumns {
    let mut compiled = CustomColumns { columns: vec![NAME], paths: Vec::new() };
    for entry in spec {
        let path = text(entry, "/jsonPath");
        let description = match text(entry, "/description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            written => written.to_owned(),
        };
        compiled.columns.push(Column {
            name: text(entry, "/name").to_owned().into(),
            kind: text(entry, "/type").to_owned().into(),
            format: text(entry, "/format").to_owned().into(),
            description: description.into(),
            priority: entry.get("priority").and_then(Value::as_i64).unwrap_or(0),
        });
        compiled.paths.push(Path::parse(path));
    }
    if spec.is_empty() {
        compiled.columns.push(AGE_DATE);
        compiled.paths.push(Path::parse(".metadata.creationTimestamp"));
    }
    compiled
}

impl CustomColumns {
    /// The headers.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The cells of an object; `null` where there is nothing or nothing that fits the column's type.
    #[must_use]
    pub fn cells(&self, object: &Value, now_s: i64) -> Vec<Value> {
        let mut cells = vec![name(object)];
        for (column, path) in self.columns.iter().skip(1).zip(&self.paths) {
            let found = path.as_ref().and_then(|p| p.first(object));
            cells.push(found.map_or(Value::Null, |value| cell(&column.kind, value, now_s)));
        }
        cells
    }
}

fn cell(kind: &str, value: &Value, now_s: i64) -> Value {
    match (kind, value) {
        // Strings are printed, whatever they are; the others must fit.
        ("string", Value::String(text)) => text.as_str().into(),
        ("string", Value::Null) => "<no value>".into(),
        ("string", other) => {
            // Go writes maps with sorted keys.
            let mut sorted = other.clone();
            sorted.sort_all_objects();
            sorted.to_string().into()
        }
        ("integer", Value::Number(number)) => integer(number),
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => match since_text(text, now_s) {
            age if age == "<unknown>" && !text.is_empty() => "<invalid>".into(),
            age => age.into(),
        },
        _ => Value::Null,
    }
}

/// Whole part of a number: an integer column cuts fractions off.
fn integer(number: &serde_json::Number) -> Value {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.into(),
        #[allow(clippy::cast_possible_truncation)] // saturating is what a table needs
        (None, Some(fraction)) => (fraction.trunc() as i64).into(),
        _ => Value::Null,
    }
}
