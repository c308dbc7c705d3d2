//! Where in a document a value is, as a chain on the stack, and the names that Go gives to that place.
//!
//! Used by the walk only; nothing is built until something is wrong.

use serde_json::Value;

use crate::model::{Field, Form, NodeId, Scalar, Schema};

/// One step from a value to a value inside it.
pub(super) enum Step<'a> {
    /// The document itself, with the name of its kind.
    Root(&'a str),
    Field(&'a str, &'a Field),
    Index(usize),
    Key(&'a str),
}

/// A value's place: the step that led there, and the place it came from.
pub(super) struct Place<'a> {
    pub parent: Option<&'a Place<'a>>,
    pub step: Step<'a>,
    pub node: NodeId,
    pub depth: u32,
}

impl<'a> Place<'a> {
    pub fn child(&'a self, step: Step<'a>, node: NodeId) -> Place<'a> {
        Place { parent: Some(self), step, node, depth: self.depth + 1 }
    }

    fn chain(&self) -> Vec<&Place<'a>> {
        let mut chain = vec![self];
        let mut at = self;
        while let Some(parent) = at.parent {
            chain.push(parent);
            at = parent;
        }
        chain.reverse();
        chain
    }

    /// The path of a field here, as the strict decoder writes it: `spec.containers[0].bogus`.
    pub fn path_to(&self, key: &str) -> String {
        let mut path = String::new();
        for place in self.chain() {
            match place.step {
                Step::Root(_) => {}
                Step::Field(name, _) | Step::Key(name) => join(&mut path, name),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        join(&mut path, key);
        path
    }

    /// Go's sentence about a value of the wrong type.
    pub fn cannot_unmarshal(&self, what: &str, schema: &Schema, embedded: bool) -> String {
        let wanted = self.go_type(schema);
        let mut path = String::new();
        let mut owner = None;
        for place in self.chain() {
            if let Step::Field(name, field) = place.step {
                if let (true, Some(via)) = (embedded, &field.go.via) {
                    join(&mut path, via);
                }
                join(&mut path, name);
                owner = place.parent;
            }
        }
        match owner {
            Some(owner) => {
                let name = owner.go_type(schema);
                let name = name.rsplit('.').next().unwrap_or_default();
                format!("json: cannot unmarshal {what} into Go struct field {name}.{path} of type {wanted}")
            }
            None => format!("json: cannot unmarshal {what} into Go value of type {wanted}"),
        }
    }

    /// The Go type of the value here: that of the nearest field, less the list or map brackets stepped through since.
    fn go_type(&self, schema: &Schema) -> String {
        let mut brackets = 0;
        let mut at = self;
        loop {
            match at.step {
                Step::Root(kind) if schema.node(at.node).name.is_empty() && brackets == 0 => return kind.to_owned(),
                Step::Field(_, field) => {
                    let named = field.go.type_name.as_deref().and_then(|name| strip(name, brackets));
                    return named.map_or_else(|| derived(schema, self.node), ToOwned::to_owned);
                }
                Step::Index(_) | Step::Key(_) => brackets += 1,
                Step::Root(_) => {}
            }
            match at.parent {
                Some(parent) => at = parent,
                None => return derived(schema, self.node),
            }
        }
    }
}

fn join(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// `[]v1.Container` less one pair of brackets is `v1.Container`; a named list type has none to take.
fn strip(name: &str, brackets: usize) -> Option<&str> {
    let mut name = name;
    for _ in 0..brackets {
        name = name.strip_prefix("[]").or_else(|| name.strip_prefix("map[").and_then(|rest| Some(rest.split_once(']')?.1)))?;
    }
    Some(name.trim_start_matches('*'))
}

/// The Go type that follows from a node: the last two parts of its published name, or a plain type.
fn derived(schema: &Schema, id: NodeId) -> String {
    let node = schema.node(id);
    match &node.form {
        Form::List(element) => format!("[]{}", derived(schema, *element)),
        Form::Map(element) => format!("map[string]{}", derived(schema, *element)),
        Form::Scalar(scalar) => scalar_type(*scalar).to_owned(),
        Form::Object { .. } | Form::Any => {
            let mut parts = node.name.rsplit('.');
            match (parts.next(), parts.next()) {
                (Some(kind), Some(version)) => format!("{version}.{kind}"),
                _ => "interface {}".to_owned(),
            }
        }
    }
}

fn scalar_type(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "string",
        Scalar::Boolean => "bool",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Number => "float64",
        Scalar::Quantity => "resource.Quantity",
        Scalar::IntOrString => "intstr.IntOrString",
        Scalar::Time => "v1.Time",
        Scalar::MicroTime => "v1.MicroTime",
        Scalar::Duration => "v1.Duration",
        Scalar::Bytes => "[]uint8",
    }
}

/// What Go's decoder calls a JSON value in `cannot unmarshal … into`.
#[must_use]
pub fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
