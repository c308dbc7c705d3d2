//! Lays a configuration over an object without anybody owning anything: what a mutating policy does.
//!
//! Fed by admission; knows the schema, no managers. Texts are upstream's, because clients print them.

use super::check::complaints;
use super::join::join;
use super::topology::{Place, Shape, Subject};
use serde_json::Value;

/// The live object with the configuration on top.
///
/// # Errors
/// A configuration that does not fit the type, or that would replace as a whole what is owned as a whole.
pub fn overlay(subject: Subject<'_>, live: &Value, config: &Value) -> Result<Value, String> {
    let place = subject.place();
    if let Some(text) = complaints(&place, config) {
        return Err(format!("failed to convert patch object to typed object: {text}"));
    }
    let mut atomics = Vec::new();
    find(&place, config, &mut String::new(), &mut atomics);
    if !atomics.is_empty() {
        let all = atomics.join(", ");
        return Err(format!("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {all}"));
    }
    Ok(join(&place, Some(live), Some(config)))
}

/// Paths of all that is owned as a whole.
fn find(place: &Place<'_>, value: &Value, path: &mut String, out: &mut Vec<String>) {
    let shape = place.shape();
    match value {
        Value::Object(map) => {
            if matches!(shape, Shape::Struct { atomic: true, .. } | Shape::Map { atomic: true, .. } | Shape::Any) {
                out.push(path.clone());
            }
            let Shape::Struct { fields, .. } = shape else { return };
            for (name, inner) in map {
                let Some(field) = fields.get(name.as_str()) else { continue };
                let length = path.len();
                path.push('.');
                path.push_str(name);
                find(&place.of_field(field), inner, path, out);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let item = match shape {
                Shape::List { item } => {
                    out.push(path.clone());
                    Some(item)
                }
                Shape::Keyed { item, .. } => Some(item),
                _ => None,
            };
            let Some(item) = item else { return };
            for (i, inner) in items.iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{i}]"));
                find(&item, inner, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Origin;
    use serde_json::json;
    use skiff_schema::{Gvk, facts};

    #[test]
    fn fields_merge_and_what_is_whole_is_refused() {
        let facts = facts::built_in();
        let root = facts.kind(&Gvk::new("apps", "v1", "Deployment")).unwrap();
        let subject = Subject { schema: &facts.schema, root, origin: Origin::BuiltIn };
        let live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"x": "1"}},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}});
        let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"y": "2"}},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "d", "image": "j"}]}}}});
        let merged = overlay(subject, &live, &config).unwrap();
        assert_eq!(merged["metadata"]["labels"], json!({"x": "1", "y": "2"}));
        assert_eq!(merged["spec"]["replicas"], 3);
        assert_eq!(merged["spec"]["template"]["spec"]["containers"].as_array().unwrap().len(), 2);
        let whole = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "args": ["-x"]}]}}}});
        let text = overlay(subject, &live, &whole).unwrap_err();
        assert!(text.starts_with("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "), "{text}");
        let unknown = json!({"spec": {"frobs": 1}});
        let text = overlay(subject, &live, &unknown).unwrap_err();
        assert_eq!(text, "failed to convert patch object to typed object: .spec.frobs: field not declared in schema");
    }
}
