//! `status.typeChecking`: what the expressions of a ValidatingAdmissionPolicy mean for the kinds that it is about.
//!
//! Fed with the document and with types made of schemas; warns and refuses nothing, as upstream's controller does.

use crate::environment::Environment;
use crate::program::Program;
use serde_json::{Value, json};
use skiff_custom::cel::types::{Shape, Type};
use skiff_schema::{Form, NodeId, Scalar, Schema};
use std::sync::Arc;

/// Most kinds that a policy is checked for (upstream's `maxTypesToCheck`).
const KINDS_MAX: usize = 10;

/// Where a type's nodes are.
#[derive(Clone, Debug)]
pub enum Arena {
    /// The table of built-in types.
    BuiltIn(&'static Schema),
    /// A custom resource's own.
    Custom(Arc<Schema>),
}

impl Arena {
    fn get(&self) -> &Schema {
        match self {
            Arena::BuiltIn(schema) => schema,
            Arena::Custom(schema) => schema,
        }
    }
}

/// A kind to check for.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Group, version and kind.
    pub gvk: (String, String, String),
    /// Its type.
    pub root: Type,
}

/// The type of an object of a kind.
#[must_use]
pub fn type_of(arena: &Arena, root: NodeId, kind: &str) -> Type {
    node(arena, root, kind)
}

#[derive(Debug)]
struct Node {
    arena: Arena,
    id: NodeId,
    name: String,
}

impl Shape for Node {
    fn name(&self) -> &str {
        &self.name
    }

    fn field(&self, name: &str) -> Option<Type> {
        let schema = self.arena.get();
        let plain = name.strip_prefix("__").and_then(|name| name.strip_suffix("__"));
        let found = schema.field(self.id, name).or_else(|| schema.field(self.id, plain?));
        match (found, &schema.node(self.id).form) {
            (Some(field), _) => Some(node(&self.arena, field.node, &format!("{}.{name}", self.name))),
            (None, Form::Object { preserve_unknown: true, .. }) => Some(Type::Dyn),
            // Metadata is there, whether or not a definition speaks of it.
            (None, _) if matches!(name, "apiVersion" | "kind") => Some(Type::String),
            (None, _) if name == "metadata" => Some(Type::Dyn),
            (None, _) => None,
        }
    }
}

fn node(arena: &Arena, id: NodeId, name: &str) -> Type {
    match &arena.get().node(id).form {
        Form::Object { fields, .. } if fields.is_empty() => Type::Dyn,
        Form::Object { .. } => Type::Object(Arc::new(Node { arena: arena.clone(), id, name: name.to_owned() })),
        Form::Map(value) => Type::map(node(arena, *value, name)),
        Form::List(item) => Type::list(node(arena, *item, name)),
        Form::Any => Type::Dyn,
        Form::Scalar(scalar) => match scalar {
            Scalar::String => Type::String,
            Scalar::Boolean => Type::Bool,
            Scalar::Int32 | Scalar::Int64 => Type::Int,
            Scalar::Number => Type::Double,
            Scalar::Quantity | Scalar::IntOrString => Type::Dyn,
            Scalar::Time | Scalar::MicroTime => Type::Timestamp,
            Scalar::Duration if matches!(arena, Arena::Custom(_)) => Type::Duration,
            Scalar::Duration => Type::String,
            Scalar::Bytes => Type::Bytes,
        },
    }
}

/// The kinds that a policy names without wildcards; `known` gives the kind of a group, version and plural.
pub fn kinds(document: &Value, known: impl Fn(&str, &str, &str) -> Option<Kind>) -> Vec<Kind> {
    let rules = document.pointer("/spec/matchConstraints/resourceRules").and_then(Value::as_array);
    let mut out: Vec<Kind> = Vec::new();
    for rule in rules.into_iter().flatten() {
        let words = |field: &str| -> Vec<&str> {
            let list = rule.get(field).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).collect()
        };
        let (groups, versions) = (words("apiGroups"), words("apiVersions"));
        if groups.iter().chain(&versions).any(|word| word.contains('*')) {
            continue;
        }
        for plural in words("resources").into_iter().filter(|plural| !plural.contains(['*', '/'])) {
            let pairs = groups.iter().flat_map(|group| versions.iter().map(move |version| (group, version)));
            for kind in pairs.filter_map(|(group, version)| known(group, version, plural)) {
                if !out.iter().any(|other| other.gvk == kind.gvk) {
                    out.push(kind);
                }
            }
        }
    }
    out.sort_by(|a, b| a.gvk.cmp(&b.gvk));
    out.truncate(KINDS_MAX);
    out
}

/// The status of a policy that has been checked.
#[must_use]
pub fn status(document: &Value, kinds: &[Kind], params: Option<Type>) -> Value {
    let warnings = warnings(document, kinds, params);
    let checked = if warnings.is_empty() { json!({}) } else { json!({"expressionWarnings": warnings}) };
    let generation = document.pointer("/metadata/generation").cloned().unwrap_or_else(|| 1.into());
    json!({"observedGeneration": generation, "typeChecking": checked})
}

fn warnings(document: &Value, kinds: &[Kind], params: Option<Type>) -> Vec<Value> {
    let list = |field: &str| document["spec"].get(field).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let with_params = document["spec"].get("paramKind").is_some_and(|kind| !kind.is_null());
    let environments: Vec<(String, Environment)> = kinds
        .iter()
        .map(|kind| {
            let mut environment = Environment::untyped(with_params).composed();
            environment.object = kind.root.clone();
            if let (true, Some(params)) = (with_params, &params) {
                environment.params = Some(params.clone());
            }
            for variable in list("variables") {
                let text = |field: &str| variable.get(field).and_then(Value::as_str).unwrap_or_default();
                let compiled = Program::compile(text("expression"), &environment, &[]);
                environment.add_variable(text("name"), compiled.map_or(Type::Dyn, |program| program.result));
            }
            let (group, version, name) = &kind.gvk;
            (format!("{group}/{version}, Kind={name}"), environment)
        })
        .collect();
    let mut out = Vec::new();
    for (i, validation) in list("validations").iter().enumerate() {
        for field in ["expression", "messageExpression"] {
            let source = validation.get(field).and_then(Value::as_str).unwrap_or_default();
            if source.is_empty() {
                continue;
            }
            let texts: Vec<String> = environments
                .iter()
                .filter_map(|(gvk, environment)| {
                    let text = Program::compile(source, environment, &[]).err()?;
                    let text = text.strip_prefix("compilation failed: ").unwrap_or(&text);
                    Some(format!("{gvk}: {text}\n"))
                })
                .collect();
            if !texts.is_empty() {
                out.push(json!({"fieldRef": format!("spec.validations[{i}].{field}"), "warning": texts.join("\n")}));
            }
        }
    }
    out
}
