//! Columns that a CustomResourceDefinition declares (`additionalPrinterColumns`), as apiextensions shows them. Compiled once
//! when the definition is taken, then fed with objects. Must not know the definition's other parts.

use super::column::{AGE_DATE, Column, NAME};
use super::jsonpath::Path;
use super::read::name;
use super::time::since_text;
use serde_json::Value;
use skiff_schema::Tree;

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
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let path = text("jsonPath");
        let description = match text("description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            written => written.to_owned(),
        };
        compiled.columns.push(Column {
            name: text("name").to_owned().into(),
            kind: text("type").to_owned().into(),
            format: text("format").to_owned().into(),
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
    pub fn cells(&self, object: &Tree<'_>, now_s: i64) -> Vec<Value> {
        let mut cells = vec![name(object)];
        for (column, path) in self.columns.iter().skip(1).zip(&self.paths) {
            let found = path.as_ref().and_then(|p| p.first(object));
            cells.push(found.map_or(Value::Null, |value| cell(&column.kind, value, now_s)));
        }
        cells
    }
}

fn cell(kind: &str, value: &Tree<'_>, now_s: i64) -> Value {
    match (kind, value) {
        // Strings are printed, whatever they are; the others must fit.
        ("string", Tree::Text(text)) => text.to_string().into(),
        ("string", Tree::Null) => "<no value>".into(),
        ("string", other) => {
            // Go writes maps with sorted keys.
            let mut sorted = serde_json::to_value(other).unwrap_or_default();
            sorted.sort_all_objects();
            sorted.to_string().into()
        }
        ("integer", Tree::Number(number)) => integer(number),
        ("number", Tree::Number(number)) => Value::Number(number.clone()),
        ("boolean", Tree::Bool(set)) => (*set).into(),
        ("date", Tree::Text(text)) => match since_text(text, now_s) {
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
