//! An `openAPIV3Schema` compiled for work on objects: types, limits, junctors and rules, read once per version.
//!
//! Fed by `definition`; walked by `default`, `validate` and `cel`. Reads what upstream's structural check has let through and
//! takes what it does not understand for absent. Knows no object.

use crate::cel::{Fault, Rule};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// A node of a schema.
#[derive(Debug, Default)]
pub struct Tree {
    /// What a value may be.
    pub kind: Type,
    /// `null` is a value.
    pub nullable: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
    /// `properties`.
    pub properties: BTreeMap<Box<str>, Tree>,
    /// `additionalProperties`, if it is a schema.
    pub additional: Option<Box<Tree>>,
    /// `items`.
    pub items: Option<Box<Tree>>,
    /// `default`.
    pub default: Option<Value>,
    /// `x-kubernetes-list-type` with its keys.
    pub list: List,
    /// `x-kubernetes-map-type: atomic`.
    pub atomic_map: bool,
    /// What values are allowed.
    pub limits: Limits,
    /// `x-kubernetes-validations` of this node.
    pub rules: Vec<Rule>,
    /// There are rules here or below.
    pub has_rules: bool,
    /// There are defaults here or below.
    pub has_defaults: bool,
}

/// `type`, with `x-kubernetes-int-or-string` as a type of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Type {
    /// No type: anything.
    #[default]
    Any,
    /// `object`
    Object,
    /// `array`
    Array,
    /// `string`
    String,
    /// `integer`
    Integer,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// `x-kubernetes-int-or-string`
    IntOrString,
}

impl Type {
    /// The name in error texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::Any => "",
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
            Type::IntOrString => "integer,string",
        }
    }

    fn of(schema: &Value) -> Type {
        if flag(schema, "x-kubernetes-int-or-string") {
            return Type::IntOrString;
        }
        match text(schema, "type") {
            "object" => Type::Object,
            "array" => Type::Array,
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            _ => Type::Any,
        }
    }
}

/// How the items of a list are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum List {
    /// By place.
    #[default]
    Atomic,
    /// By value.
    Set,
    /// By these fields.
    Map(Vec<Box<str>>),
}

/// Value validation of a node.
#[derive(Debug, Default)]
pub struct Limits {
    /// `required`
    pub required: Vec<Box<str>>,
    /// `format`
    pub format: Box<str>,
    /// `pattern`; the expression is missing where it cannot be compiled.
    pub pattern: Option<(Box<str>, Option<Regex>)>,
    /// `enum`
    pub allowed: Vec<Value>,
    /// `minimum` and whether it is excluded.
    pub minimum: Option<(f64, bool)>,
    /// `maximum` and whether it is excluded.
    pub maximum: Option<(f64, bool)>,
    /// `multipleOf`
    pub multiple_of: Option<f64>,
    /// `minLength`, `maxLength`
    pub length: Range,
    /// `minItems`, `maxItems`
    pub items: Range,
    /// `minProperties`, `maxProperties`
    pub properties: Range,
    /// `allOf`
    pub all_of: Vec<Tree>,
    /// `anyOf`
    pub any_of: Vec<Tree>,
    /// `oneOf`
    pub one_of: Vec<Tree>,
    /// `not`
    pub not: Option<Box<Tree>>,
}

/// Least and most of a count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// Least.
    pub least: Option<u64>,
    /// Most.
    pub most: Option<u64>,
}

/// A rule that does not compile, by its place in the schema.
#[derive(Clone, Debug)]
pub struct RuleFault {
    /// Place below the root schema, `.properties[spec].x-kubernetes-validations[0].rule`.
    pub place: String,
    /// The rule as written.
    pub rule: Value,
    /// What is wrong.
    pub fault: Fault,
}

impl Tree {
    /// Compiles a schema. Rules that do not compile are left out and named.
    #[must_use]
    pub fn compile(schema: &Value) -> (Tree, Vec<RuleFault>) {
        let mut faults = Vec::new();
        let tree = Tree::read(schema, "", &mut faults);
        (tree, faults)
    }

    fn read(schema: &Value, place: &str, faults: &mut Vec<RuleFault>) -> Tree {
        let below = |name: &str| format!("{place}.{name}");
        let mut tree = Tree {
            kind: Type::of(schema),
            nullable: flag(schema, "nullable"),
            preserve: flag(schema, "x-kubernetes-preserve-unknown-fields"),
            embedded: flag(schema, "x-kubernetes-embedded-resource"),
            default: schema.get("default").cloned(),
            list: list(schema),
            atomic_map: text(schema, "x-kubernetes-map-type") == "atomic",
            limits: Limits::read(schema, place, faults),
            ..Tree::default()
        };
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let inner = Tree::read(property, &below(&format!("properties[{name}]")), faults);
            tree.properties.insert(name.as_str().into(), inner);
        }
        tree.additional = match schema.get("additionalProperties") {
            Some(inner @ Value::Object(_)) => Some(Box::new(Tree::read(inner, &below("additionalProperties"), faults))),
            // Anything may be there, and it is kept.
            Some(Value::Bool(true)) => Some(Box::new(Tree { preserve: true, nullable: true, ..Tree::default() })),
            _ => None,
        };
        let items = schema.get("items").filter(|i| i.is_object());
        tree.items = items.map(|inner| Box::new(Tree::read(inner, &below("items"), faults)));
        tree.read_rules(schema, place, faults);
        let inner = || tree.properties.values().chain(tree.additional.as_deref()).chain(tree.items.as_deref());
        tree.has_rules = !tree.rules.is_empty() || inner().any(|t| t.has_rules);
        tree.has_defaults = tree.default.is_some() || inner().any(|t| t.has_defaults);
        tree
    }

    /// Rules come last, for they are checked against what the tree knows by then.
    fn read_rules(&mut self, schema: &Value, place: &str, faults: &mut Vec<RuleFault>) {
        for (i, written) in array(schema, "x-kubernetes-validations").iter().enumerate() {
            match Rule::compile(written, self, place.is_empty()) {
                Ok(rule) => self.rules.push(rule),
                Err(fault) => {
                    let place = format!("{place}.x-kubernetes-validations[{i}].{}", fault.field);
                    faults.push(RuleFault { place, rule: written.clone(), fault });
                }
            }
        }
    }
}

impl Limits {
    fn read(schema: &Value, place: &str, faults: &mut Vec<RuleFault>) -> Limits {
        let number = |field: &str| schema.get(field).and_then(Value::as_f64);
        let bound = |field: &str, exclusive: &str| number(field).map(|n| (n, flag(schema, exclusive)));
        let count = |field: &str| schema.get(field).and_then(Value::as_u64);
        let range = |least: &str, most: &str| Range { least: count(least), most: count(most) };
        let mut trees = |field: &str| -> Vec<Tree> {
            let one = |(i, inner): (usize, &Value)| Tree::read(inner, &format!("{place}.{field}[{i}]"), faults);
            array(schema, field).iter().enumerate().map(one).collect()
        };
        let pattern = Some(text(schema, "pattern")).filter(|p| !p.is_empty());
        Limits {
            required: array(schema, "required").iter().filter_map(Value::as_str).map(Into::into).collect(),
            format: text(schema, "format").into(),
            pattern: pattern.map(|p| (p.into(), Regex::new(p).ok())),
            allowed: array(schema, "enum").to_vec(),
            minimum: bound("minimum", "exclusiveMinimum"),
            maximum: bound("maximum", "exclusiveMaximum"),
            multiple_of: number("multipleOf").filter(|n| *n > 0.0),
            length: range("minLength", "maxLength"),
            items: range("minItems", "maxItems"),
            properties: range("minProperties", "maxProperties"),
            all_of: trees("allOf"),
            any_of: trees("anyOf"),
            one_of: trees("oneOf"),
            not: schema.get("not").map(|inner| Box::new(Tree::read(inner, &format!("{place}.not"), faults))),
        }
    }
}

fn list(schema: &Value) -> List {
    match text(schema, "x-kubernetes-list-type") {
        "set" => List::Set,
        "map" => {
            List::Map(array(schema, "x-kubernetes-list-map-keys").iter().filter_map(Value::as_str).map(Into::into).collect())
        }
        _ => List::Atomic,
    }
}

pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn flag(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or(false)
}

pub(crate) fn array<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
