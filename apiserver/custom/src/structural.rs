//! A compiled schema as nodes of `skiff-schema`, so that pruning, ownership and apply work on custom resources as on all others.
//!
//! Fed by `definition` once per version. `metadata` is the built-in type, copied into the arena of the custom one.

use crate::tree::{List, Tree, Type};
use skiff_schema::{Field, Form, ListType, Node, NodeId, Scalar, Schema, built_in};
use std::collections::{BTreeMap, HashMap};

/// The published name of `metadata`'s type.
pub const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The nodes of a version's type, and the root among them.
#[must_use]
pub fn nodes(tree: &Tree) -> (Schema, NodeId) {
    let mut builder = Builder { schema: Schema::default(), copied: HashMap::new() };
    let root = builder.object(tree, true);
    (builder.schema, root)
}

struct Builder {
    schema: Schema,
    /// Built-in nodes that are here already, by their number there.
    copied: HashMap<NodeId, NodeId>,
}

impl Builder {
    fn add(&mut self, form: Form) -> NodeId {
        self.schema.add(Node { name: "".into(), form })
    }

    fn node(&mut self, tree: &Tree) -> NodeId {
        let scalar = match tree.kind {
            Type::Object => return self.object(tree, tree.embedded),
            Type::Array => {
                let element = match tree.items.as_deref() {
                    Some(items) => self.node(items),
                    None => self.add(Form::Any),
                };
                return self.add(Form::List(element));
            }
            Type::Any if tree.embedded => return self.object(tree, true),
            Type::Any => return self.add(Form::Any),
            Type::String => Scalar::String,
            Type::Integer if &*tree.limits.format == "int32" => Scalar::Int32,
            Type::Integer => Scalar::Int64,
            Type::Number => Scalar::Number,
            Type::Boolean => Scalar::Boolean,
            Type::IntOrString => Scalar::IntOrString,
        };
        self.add(Form::Scalar(scalar))
    }

    /// `whole`: an object of the API, with the three fields that each of those has.
    fn object(&mut self, tree: &Tree, whole: bool) -> NodeId {
        let id = match &tree.additional {
            Some(element) if tree.properties.is_empty() && !whole => {
                let element = self.node(element);
                self.add(Form::Map(element))
            }
            _ => {
                let mut fields: BTreeMap<Box<str>, Field> =
                    tree.properties.iter().map(|(name, inner)| (name.clone(), self.field(tree, name, inner))).collect();
                if whole {
                    for name in ["apiVersion", "kind"] {
                        let text = self.add(Form::Scalar(Scalar::String));
                        fields.insert(name.into(), Field::of(text));
                    }
                    if let Some(meta) = built_in().named(OBJECT_META) {
                        let meta = self.copy(meta);
                        fields.insert("metadata".into(), Field::of(meta));
                    }
                }
                self.add(Form::Object { fields, preserve_unknown: tree.preserve })
            }
        };
        if tree.atomic_map {
            self.schema.mark_atomic(id);
        }
        id
    }

    fn field(&mut self, parent: &Tree, name: &str, tree: &Tree) -> Field {
        let mut field = Field::of(self.node(tree));
        field.required = parent.limits.required.iter().any(|r| **r == *name);
        field.list = match &tree.list {
            List::Atomic => None,
            List::Set => Some(ListType::Set),
            List::Map(keys) => Some(ListType::Map(keys.clone())),
        };
        field.atomic_map = tree.atomic_map;
        field.default.clone_from(&tree.default);
        field
    }

    /// A built-in node with everything below it.
    fn copy(&mut self, from: NodeId) -> NodeId {
        if let Some(id) = self.copied.get(&from) {
            return *id;
        }
        let node = built_in().schema.node(from).clone();
        // The place is taken before what is below is copied: types may lead back to themselves.
        let id = self.schema.add(Node { name: node.name.clone(), form: Form::Any });
        self.copied.insert(from, id);
        let form = match node.form {
            Form::Object { fields, preserve_unknown } => {
                let fields =
                    fields.into_iter().map(|(name, field)| (name, Field { node: self.copy(field.node), ..field })).collect();
                Form::Object { fields, preserve_unknown }
            }
            Form::Map(element) => Form::Map(self.copy(element)),
            Form::List(element) => Form::List(self.copy(element)),
            leaf => leaf,
        };
        self.schema.set(id, Node { name: node.name, form });
        if built_in().schema.is_atomic(from) {
            self.schema.mark_atomic(id);
        }
        id
    }
}
