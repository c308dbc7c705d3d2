//! Pruning of custom resources: unknown fields go and are named, in the order that upstream's structural pruning uses.
//!
//! Types are not looked at here; a custom resource's are checked by its schema's validation.

use serde_json::Value;

use super::MAX_DEPTH;
use crate::model::{Form, NodeId, Schema};

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes what a custom resource's schema does not name and returns the paths, those under `metadata` first, each group
/// sorted as upstream does. The three fields of every object stay at the root, whatever the schema says.
pub fn prune_custom(schema: &Schema, root: NodeId, value: &mut Value) -> Vec<String> {
    let mut prune = Prune { schema, paths: Vec::new() };
    prune.walk(Some(root), value, "", 0);
    let (mut meta, mut rest): (Vec<_>, Vec<_>) = prune.paths.into_iter().partition(|path| path.starts_with("metadata."));
    meta.sort_unstable();
    rest.sort_unstable();
    meta.append(&mut rest);
    meta
}

struct Prune<'s> {
    schema: &'s Schema,
    paths: Vec<String>,
}

impl Prune<'_> {
    fn walk(&mut self, node: Option<NodeId>, value: &mut Value, path: &str, depth: u32) {
        let form = node.map(|id| &self.schema.node(id).form);
        if depth > MAX_DEPTH || matches!(form, Some(Form::Any)) {
            return;
        }
        match value {
            Value::Array(items) => {
                let element = if let Some(Form::List(element)) = form { Some(*element) } else { None };
                for (index, item) in items.iter_mut().enumerate() {
                    if item.is_object() || item.is_array() {
                        self.walk(element, item, &format!("{path}[{index}]"), depth + 1);
                    }
                }
            }
            Value::Object(map) => map.retain(|key, item| {
                let (inner, keep) = match form {
                    Some(Form::Object { fields, preserve_unknown }) => match fields.get(key.as_str()) {
                        Some(field) => (Some(field.node), true),
                        None => (None, *preserve_unknown || (depth == 0 && META.contains(&key.as_str()))),
                    },
                    Some(Form::Map(element)) => (Some(*element), true),
                    _ => (None, false),
                };
                let nested = item.is_object() || item.is_array();
                if keep && !nested {
                    return true;
                }
                let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (keep, inner) {
                    (true, Some(inner)) => self.walk(Some(inner), item, &here, depth + 1),
                    (true, None) => {}
                    (false, _) => self.paths.push(here),
                }
                keep
            }),
            _ => {}
        }
    }
}
