//! Types of custom resources: what a definition publishes, with what Kubernetes adds, in either version of OpenAPI.

use serde_json::{Map, Value, json};

use super::ResourceDoc;
use super::schemas::{Components, Dialect, MAX_INLINE_DEPTH, gvk_object};

/// Every kind says the same of these three fields; this is the type whose prose is taken.
const ANY_KIND: &str = "io.k8s.api.core.v1.ConfigMap";
const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl<'a> Components<'a> {
    /// The type of a custom resource: what its definition publishes, or what its schema says, with the fields of every object.
    pub(super) fn custom_root(&mut self, doc: &ResourceDoc<'a>) -> Value {
        let free = |published: &&Value| preserves(published) && self.dialect == Dialect::V2;
        let mut value = match doc.published {
            // kubectl refuses whatever is beside the fields that are named, so none is.
            Some(published) if free(&published) => json!({"type": "object"}),
            Some(published) => {
                let mut value = if self.dialect == Dialect::V2 { expressible(published, 0) } else { published.clone() };
                self.embedded(&mut value, 0);
                self.object_fields(&mut value);
                value
            }
            None => {
                let mut value = self.node_schema(doc.schema, doc.schema.node(doc.root), true, 0);
                self.object_fields(&mut value);
                value
            }
        };
        let Value::Object(map) = &mut value else { return value };
        map.insert("type".into(), "object".into());
        map.insert("x-kubernetes-group-version-kind".into(), json!([gvk_object(&doc.gvk)]));
        let selectable: Vec<Value> =
            doc.selectable.iter().map(|path| json!({"fieldPath": path.trim_start_matches('.')})).collect();
        if !selectable.is_empty() {
            map.insert("x-kubernetes-selectable-fields".into(), selectable.into());
        }
        value
    }

    /// Adds what every object has.
    fn object_fields(&mut self, value: &mut Value) {
        let added: Vec<(&str, Value)> = OBJECT_FIELDS.iter().map(|name| (*name, self.object_field(name))).collect();
        let Value::Object(map) = value else { return };
        if let Value::Object(properties) = map.entry("properties").or_insert_with(|| json!({})) {
            properties.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
    }

    fn object_field(&mut self, name: &str) -> Value {
        let mut value = match name {
            "metadata" => self.meta("ObjectMeta"),
            _ => json!({"type": "string"}),
        };
        let mut said = Map::new();
        if let Some(text) = self.prose(ANY_KIND, Some(name)) {
            said.insert("description".into(), text.into());
        }
        self.beside(&mut value, said);
        value
    }

    /// Adds what an object within an object has, wherever a schema says that there is one.
    fn embedded(&mut self, schema: &mut Value, depth: u32) {
        if depth > MAX_INLINE_DEPTH {
            return;
        }
        each_schema(schema, |inner| self.embedded(inner, depth + 1));
        let marked = schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
        if !marked || (preserves(schema) && self.dialect == Dialect::V2) {
            return;
        }
        self.object_fields(schema);
        let Value::Object(map) = schema else { return };
        if let Value::Array(required) = map.entry("required").or_insert_with(|| json!([])) {
            for name in ["kind", "apiVersion"] {
                if !required.iter().any(|r| r == name) {
                    required.push(name.into());
                }
            }
        }
    }
}

fn preserves(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}

fn nullable(schema: &Value) -> bool {
    schema.get("nullable") == Some(&Value::Bool(true))
}

/// The schemas directly within one.
fn each_schema(schema: &mut Value, mut each: impl FnMut(&mut Value)) {
    let Value::Object(map) = schema else { return };
    for (key, inner) in map {
        match (key.as_str(), inner) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(&mut each),
            ("items" | "additionalProperties", inner) => each(inner),
            _ => {}
        }
    }
}

/// What of a definition's schema the second version can say, and kubectl can bear: no junctors, no null, nothing below preserved
/// fields.
fn expressible(schema: &Value, depth: u32) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    if depth > MAX_INLINE_DEPTH {
        return json!({});
    }
    let hidden = preserves(schema) || nullable(schema);
    let listless = map.get("type").is_some_and(|t| t == "array") && (hidden || !map.contains_key("items"));
    let untyped = nullable(schema) || listless || (preserves(schema) && map.get("type").is_some_and(|t| t == "object"));
    let keep = |key: &str| match key {
        "oneOf" | "anyOf" | "allOf" | "not" | "nullable" => false,
        "items" | "properties" => !hidden,
        "type" => !untyped,
        _ => true,
    };
    let mut out: Map<String, Value> = map.iter().filter(|(key, _)| keep(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut dropped: Vec<String> = Vec::new();
    if let Some(Value::Object(properties)) = out.get("properties") {
        dropped.extend(properties.iter().filter(|(_, inner)| nullable(inner)).map(|(name, _)| name.clone()));
    }
    if let Some(Value::Array(required)) = out.get_mut("required") {
        required.retain(|name| !dropped.iter().any(|d| name == d));
        if required.is_empty() {
            out.remove("required");
        }
    }
    let mut out = Value::Object(out);
    each_schema(&mut out, |inner| *inner = expressible(inner, depth + 1));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubectl_cannot_bear_is_left_out() {
        let schema = json!({
            "type": "object",
            "required": ["a", "b"],
            "properties": {
                "a": {"type": "string", "nullable": true},
                "b": {"type": "object", "description": "free", "x-kubernetes-preserve-unknown-fields": true, "properties": {"c": {}}},
                "not": {"type": "array", "items": {"type": "string", "anyOf": [{"minLength": 1}]}},
            },
        });
        let said = expressible(&schema, 0);
        assert_eq!(
            said,
            json!({
                "type": "object",
                "required": ["b"],
                "properties": {
                    "a": {},
                    "b": {"description": "free", "x-kubernetes-preserve-unknown-fields": true},
                    "not": {"type": "array", "items": {"type": "string"}},
                },
            })
        );
    }
}
