//! Strategic merge patch: JSON merge patch that knows how the lists of a type merge and obeys directives.
//!
//! Fed by the PATCH handler for built-in kinds only (custom resources answer 415). Knows the merge keys of the type model and
//! no kind. Lists are in `list`, directives in `directive`, errors in `error`.

mod directive;
mod error;
mod list;

pub use error::StrategicError;

use crate::merge::without_nulls;
use directive::{DELETE_FROM, DIRECTIVE, without_directives};
use serde_json::{Map, Value};
use skiff_schema::{Field, Form, NodeId, Schema};

/// Applies `patch` to an object of type `root`.
///
/// # Errors
/// See [`StrategicError`].
pub fn apply(schema: &Schema, root: NodeId, target: Value, patch: Value) -> Result<Value, StrategicError> {
    let Value::Object(patch) = patch else {
        return Err(StrategicError::Undecodable(crate::go_text::json_kind(&patch)));
    };
    let target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    Ok(Value::Object(merge_map(target, patch, At { schema, node: Some(root) })?))
}

/// A type, or nothing known.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    schema: &'a Schema,
    node: Option<NodeId>,
}

/// How one field merges.
#[derive(Clone, Copy)]
pub(crate) struct Rule<'a> {
    /// The type of the value, or of the items of a list.
    at: At<'a>,
    /// Lists merge instead of being replaced.
    merge: bool,
    /// What identifies an item.
    key: Option<&'a str>,
}

impl<'a> At<'a> {
    fn rule(self, name: &str) -> Rule<'a> {
        let form = self.node.map(|node| &self.schema.node(node).form);
        match form {
            Some(Form::Object { fields, .. }) => match fields.get(name) {
                Some(field) => self.of_field(field),
                None => self.plain(None),
            },
            Some(Form::Map(value)) => self.plain(Some(*value)),
            _ => self.plain(None),
        }
    }

    fn of_field(self, field: &'a Field) -> Rule<'a> {
        let node = match self.schema.node(field.node).form {
            Form::List(item) => item,
            _ => field.node,
        };
        let at = At { schema: self.schema, node: Some(node) };
        Rule { at, merge: field.patch_merge, key: field.merge_key.as_deref() }
    }

    fn plain(self, node: Option<NodeId>) -> Rule<'a> {
        Rule { at: At { schema: self.schema, node }, merge: false, key: None }
    }

    fn type_name(self) -> &'a str {
        let name: &str = self.node.map_or("", |node| &self.schema.node(node).name);
        name.rsplit('.').next().unwrap_or_default()
    }
}

/// Merges one object into another.
fn merge_map(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    at: At<'_>,
) -> Result<Map<String, Value>, StrategicError> {
    if let Some(what) = patch.get(DIRECTIVE) {
        return match what.as_str() {
            Some("replace") => {
                patch.shift_remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(StrategicError::unknown_directive(what, &patch)),
        };
    }
    directive::retain_keys(&mut original, &mut patch)?;
    list::set_element_order(&mut original, &mut patch, at)?;
    for (name, change) in patch {
        let (name, delete) = match name.strip_prefix(DELETE_FROM) {
            Some(rest) => (rest.strip_prefix('/').ok_or(StrategicError::PrimitiveList)?.to_owned(), true),
            None => (name, false),
        };
        if change.is_null() {
            original.shift_remove(&name);
            continue;
        }
        let Some(slot) = original.get_mut(&name) else {
            if !delete && let Some(value) = without_directives(without_nulls(change)) {
                original.insert(name, value);
            }
            continue;
        };
        let rule = at.rule(&name);
        match (slot.take(), change) {
            (Value::Object(old), Value::Object(new)) => *slot = Value::Object(merge_map(old, new, rule.at)?),
            (Value::Array(old), Value::Array(new)) => {
                *slot = Value::Array(list::merge_field(old, new, rule, delete)?);
            }
            // A list to delete from that is no list: nothing to delete.
            (old, _) if delete => *slot = old,
            (_, new) => match without_directives(without_nulls(new)) {
                Some(value) => *slot = value,
                None => drop(original.shift_remove(&name)),
            },
        }
    }
    Ok(original)
}

#[cfg(test)]
mod tests;
