//! Types as JSON schemas, for both versions of OpenAPI.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Describe, ResourceDoc, component_name};
use crate::facts::built_in;
use crate::gvk::Gvk;
use crate::model::{Empty, Field, Form, ListType, Node, NodeId, Scalar, Schema};

/// Inline objects may nest this deep; recursive types are named and so referred to.
pub(super) const MAX_INLINE_DEPTH: u32 = 64;
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// What differs between the versions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

impl Dialect {
    pub fn reference(self, name: &str) -> Value {
        let prefix = if self == Dialect::V2 { "#/definitions/" } else { "#/components/schemas/" };
        json!({"$ref": format!("{prefix}{name}")})
    }
}

/// The named types that a document needs, found by following references from its operations.
pub(super) struct Components<'a> {
    pub dialect: Dialect,
    describe: Option<Describe<'a>>,
    done: BTreeMap<String, Value>,
    queue: Vec<(&'a Schema, NodeId)>,
}

impl<'a> Components<'a> {
    pub fn new(dialect: Dialect, describe: Option<Describe<'a>>) -> Components<'a> {
        Components { dialect, describe, done: BTreeMap::new(), queue: Vec::new() }
    }

    /// All components, by name.
    pub fn finish(mut self) -> Map<String, Value> {
        while let Some((schema, id)) = self.queue.pop() {
            let node = schema.node(id);
            // Inside a custom resource nothing refers to Kubernetes' leaf types.
            let inline = !node.name.starts_with("io.k8s.");
            let mut value = self.node_schema(schema, node, inline, 0);
            self.decorate(schema, id, &mut value);
            self.done.insert(node.name.to_string(), value);
        }
        self.done.into_iter().collect()
    }

    /// A reference to a built-in type by name, `io.k8s.apimachinery.pkg.apis.meta.v1.Status`.
    pub fn built_in(&mut self, name: &str) -> Value {
        if let Some(id) = built_in().named(name) {
            self.want(&built_in().schema, id);
        }
        self.dialect.reference(name)
    }

    /// A reference to `meta.v1`'s type of that name.
    pub fn meta(&mut self, kind: &str) -> Value {
        self.built_in(&format!("{META}{kind}"))
    }

    /// A reference to a kind that is served or built in.
    pub fn kind(&mut self, gvk: &Gvk) -> Value {
        match built_in().kind(gvk) {
            Some(id) => {
                self.want(&built_in().schema, id);
                self.dialect.reference(&built_in().schema.node(id).name)
            }
            None => self.dialect.reference(&component_name(gvk)),
        }
    }

    /// A reference to a resource's type.
    pub fn resource(&mut self, doc: &ResourceDoc<'a>) -> Value {
        let name = doc.component();
        if !doc.schema.node(doc.root).name.is_empty() && doc.published.is_none() {
            self.want(doc.schema, doc.root);
        } else if !self.done.contains_key(&name) {
            self.done.insert(name.clone(), Value::Null);
            let value = self.custom_root(doc);
            self.done.insert(name.clone(), value);
        }
        self.dialect.reference(&name)
    }

    /// A reference to the list of a resource's kind, which is made if there is none.
    pub fn list(&mut self, doc: &ResourceDoc<'a>) -> Value {
        let gvk = Gvk::new(&doc.gvk.group, &doc.gvk.version, &format!("{}List", doc.gvk.kind));
        if built_in().kind(&gvk).is_some() {
            return self.kind(&gvk);
        }
        let name = format!("{}List", doc.component());
        if !self.done.contains_key(&name) {
            let items = self.resource(doc);
            let metadata = self.meta("ListMeta");
            let value = json!({
                "type": "object",
                "required": ["items"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "items": {"type": "array", "items": items},
                    "kind": {"type": "string"},
                    "metadata": metadata,
                },
                "x-kubernetes-group-version-kind": [gvk_object(&gvk)],
            });
            self.done.insert(name.clone(), value);
        }
        self.dialect.reference(&name)
    }

    fn want(&mut self, schema: &'a Schema, id: NodeId) {
        let name = schema.node(id).name.to_string();
        if !name.is_empty() && !self.done.contains_key(&name) {
            self.done.insert(name, Value::Null);
            self.queue.push((schema, id));
        }
    }

    /// What is said of a named type beside its shape.
    fn decorate(&self, schema: &Schema, id: NodeId, value: &mut Value) {
        let Value::Object(map) = value else { return };
        if let Some(text) = self.prose(&schema.node(id).name, None) {
            map.insert("description".into(), text.into());
        }
        if schema.is_atomic(id) {
            map.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        let Some(published) = built_in().published(id).filter(|_| std::ptr::eq(schema, &built_in().schema)) else { return };
        if !published.gvks.is_empty() {
            let gvks: Vec<Value> = published.gvks.iter().map(gvk_object).collect();
            map.insert("x-kubernetes-group-version-kind".into(), Value::Array(gvks));
        }
        if let Some(unions) = &published.unions {
            map.insert("x-kubernetes-unions".into(), unions.clone());
        }
    }

    /// A value's schema: a reference for named types, the shape itself for others.
    fn value(&mut self, schema: &'a Schema, id: NodeId, inline: bool, depth: u32) -> Value {
        let node = schema.node(id);
        if let (Form::Scalar(scalar), false) = (&node.form, inline)
            && let Some(name) = leaf_name(*scalar)
        {
            return self.built_in(name);
        }
        if node.name.is_empty() || matches!(node.form, Form::Scalar(_)) || depth > MAX_INLINE_DEPTH {
            return self.node_schema(schema, node, inline, depth);
        }
        self.want(schema, id);
        self.dialect.reference(&node.name)
    }

    pub(super) fn node_schema(&mut self, schema: &'a Schema, node: &'a Node, inline: bool, depth: u32) -> Value {
        if depth > MAX_INLINE_DEPTH {
            return json!({"x-kubernetes-preserve-unknown-fields": true});
        }
        match &node.form {
            Form::Any
                if node.name.ends_with(".RawExtension") || node.name.ends_with(".FieldsV1") || node.name.ends_with(".Patch") =>
            {
                json!({"type": "object"})
            }
            Form::Any if node.name.is_empty() => json!({"x-kubernetes-preserve-unknown-fields": true}),
            Form::Any => json!({}),
            Form::Scalar(scalar) => leaf(*scalar, self.dialect, node.name.is_empty()),
            Form::Map(element) => {
                let element = self.value(schema, *element, inline, depth + 1);
                json!({"type": "object", "additionalProperties": element})
            }
            Form::List(element) => {
                let element = self.value(schema, *element, inline, depth + 1);
                json!({"type": "array", "items": element})
            }
            Form::Object { fields, preserve_unknown } => {
                let mut map = Map::new();
                map.insert("type".into(), "object".into());
                let mut properties = Map::new();
                for (name, field) in fields {
                    let mut value = self.value(schema, field.node, inline, depth + 1);
                    self.annotate(schema, &node.name, name, field, &mut value);
                    properties.insert(name.to_string(), value);
                }
                if !properties.is_empty() {
                    map.insert("properties".into(), Value::Object(properties));
                }
                let required: Vec<&str> = fields.iter().filter(|(_, f)| f.required).map(|(name, _)| &**name).collect();
                if !required.is_empty() {
                    map.insert("required".into(), required.into());
                }
                if *preserve_unknown {
                    map.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
                }
                Value::Object(map)
            }
        }
    }

    /// What a field adds to the schema of its value.
    fn annotate(&self, schema: &Schema, owner: &str, name: &str, field: &Field, value: &mut Value) {
        let mut extra = Map::new();
        if let Some(text) = self.prose(owner, Some(name)) {
            extra.insert("description".into(), text.into());
        }
        let default = field.default.clone().or_else(|| go_default(schema, field));
        if let Some(default) = default.filter(|_| self.dialect == Dialect::V3) {
            extra.insert("default".into(), default);
        }
        if !field.allowed.is_empty() {
            extra.insert("enum".into(), field.allowed.iter().map(|v| &**v).collect::<Vec<_>>().into());
        }
        match &field.list {
            None => {}
            Some(ListType::Atomic) => _ = extra.insert("x-kubernetes-list-type".into(), "atomic".into()),
            Some(ListType::Set) => _ = extra.insert("x-kubernetes-list-type".into(), "set".into()),
            Some(ListType::Map(keys)) => {
                extra.insert("x-kubernetes-list-map-keys".into(), keys.iter().map(|k| &**k).collect::<Vec<_>>().into());
                extra.insert("x-kubernetes-list-type".into(), "map".into());
            }
        }
        if field.atomic_map && !schema.is_atomic(field.node) {
            extra.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        if let Some(key) = &field.merge_key {
            extra.insert("x-kubernetes-patch-merge-key".into(), (&**key).into());
        }
        let strategy = match (field.patch_merge, field.retain_keys) {
            (true, true) => "merge,retainKeys",
            (true, false) => "merge",
            (false, true) => "retainKeys",
            (false, false) => "",
        };
        if !strategy.is_empty() {
            extra.insert("x-kubernetes-patch-strategy".into(), strategy.into());
        }
        self.beside(value, extra);
    }

    /// What is known of a type, or of a field of it, in words.
    pub(super) fn prose(&self, owner: &str, field: Option<&str>) -> Option<String> {
        self.describe.and_then(|describe| describe(owner, field))
    }

    /// Adds words to a schema. In v3 a reference has no siblings.
    pub(super) fn beside(&self, value: &mut Value, mut extra: Map<String, Value>) {
        let Value::Object(map) = value else { return };
        if self.dialect == Dialect::V3 && map.contains_key("$ref") && !extra.is_empty() {
            let reference = Value::Object(std::mem::take(map));
            map.insert("allOf".into(), json!([reference]));
        }
        map.append(&mut extra);
    }
}

/// `{"group": …, "kind": …, "version": …}`
pub(super) fn gvk_object(gvk: &Gvk) -> Value {
    json!({"group": &*gvk.group, "kind": &*gvk.kind, "version": &*gvk.version})
}

/// The default that upstream publishes for Go fields that always are there.
fn go_default(schema: &Schema, field: &Field) -> Option<Value> {
    if field.go.pointer || field.go.empty == Empty::Unknown {
        return None;
    }
    match &schema.node(field.node).form {
        Form::Object { .. } => Some(json!({})),
        Form::Scalar(scalar) if field.go.empty == Empty::Write => match scalar {
            Scalar::String => Some("".into()),
            Scalar::Boolean => Some(false.into()),
            Scalar::Int32 | Scalar::Int64 | Scalar::Number => Some(0.into()),
            _ => None,
        },
        _ => None,
    }
}

/// Leaf types that are components of their own.
fn leaf_name(scalar: Scalar) -> Option<&'static str> {
    Some(match scalar {
        Scalar::Quantity => "io.k8s.apimachinery.pkg.api.resource.Quantity",
        Scalar::IntOrString => "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        Scalar::Time => "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
        Scalar::MicroTime => "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
        _ => return None,
    })
}

fn leaf(scalar: Scalar, dialect: Dialect, inline: bool) -> Value {
    match scalar {
        Scalar::String | Scalar::Duration => json!({"type": "string"}),
        Scalar::Boolean => json!({"type": "boolean"}),
        Scalar::Int32 => json!({"type": "integer", "format": "int32"}),
        Scalar::Int64 => json!({"type": "integer", "format": "int64"}),
        Scalar::Number => json!({"type": "number", "format": "double"}),
        Scalar::Time | Scalar::MicroTime => json!({"type": "string", "format": "date-time"}),
        Scalar::Bytes => json!({"type": "string", "format": "byte"}),
        Scalar::Quantity | Scalar::IntOrString if inline && dialect == Dialect::V3 => {
            json!({"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true})
        }
        Scalar::Quantity | Scalar::IntOrString if inline => json!({"x-kubernetes-int-or-string": true}),
        Scalar::Quantity if dialect == Dialect::V3 => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Scalar::IntOrString if dialect == Dialect::V3 => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Scalar::Quantity => json!({"type": "string"}),
        Scalar::IntOrString => json!({"type": "string", "format": "int-or-string"}),
    }
}
