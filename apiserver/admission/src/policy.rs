//! A policy document compiled, with all faults of its expressions.

use crate::environment::{Environment, constructed};
use crate::matching::Constraints;
use crate::program::Program;
use serde_json::Value;
use skiff_custom::cel::types::Type;
use skiff_kinds::FieldError;

/// Which of the two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// ValidatingAdmissionPolicy
    Validating,
    /// MutatingAdmissionPolicy
    Mutating,
}

/// An expression that was stored; one that does not compile fails when it is run.
pub(crate) type Compiled = Result<Program, String>;

/// A policy.
#[derive(Debug)]
pub struct Policy {
    /// Its name.
    pub name: Box<str>,
    /// `failurePolicy: Ignore`
    pub lenient: bool,
    /// `reinvocationPolicy: IfNeeded`
    pub reinvoked: bool,
    /// `paramKind`: version and kind.
    pub param_kind: Option<(Box<str>, Box<str>)>,
    pub(crate) constraints: Constraints,
    pub(crate) conditions: Vec<Compiled>,
    pub(crate) variables: Vec<(Box<str>, Compiled)>,
    pub(crate) validations: Vec<Validation>,
    pub(crate) audits: Vec<(Box<str>, Compiled)>,
    pub(crate) mutations: Vec<Mutation>,
    /// Places and texts of all faults.
    faults: Vec<FieldError>,
}

#[derive(Debug)]
pub(crate) struct Validation {
    pub(crate) expression: Compiled,
    pub(crate) source: Box<str>,
    pub(crate) message: Box<str>,
    pub(crate) message_expression: Option<Compiled>,
    pub(crate) reason: Box<str>,
}

#[derive(Debug)]
pub(crate) enum Mutation {
    Apply(Compiled),
    Json(Compiled),
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Compiles the expressions of one document and collects what is wrong with them.
struct Compiler {
    environment: Environment,
    faults: Vec<FieldError>,
}

impl Compiler {
    fn compile(&mut self, place: String, source: &str, environment: &Environment, results: &[Type]) -> Compiled {
        let compiled = Program::compile(source, environment, results);
        if let (Err(detail), false) = (&compiled, source.trim().is_empty()) {
            self.faults.push(FieldError::invalid(place, source, detail.as_str()));
        }
        compiled
    }

    /// In the policy's own environment.
    fn own(&mut self, place: String, source: &str, results: &[Type]) -> Compiled {
        let environment = self.environment.clone();
        self.compile(place, source, &environment, results)
    }

    fn conditions(&mut self, spec: &Value) -> Vec<Compiled> {
        let plain = Environment::untyped(self.environment.params.is_some());
        let all = list(spec, "matchConditions").iter().enumerate();
        let place = |i| format!("spec.matchConditions[{i}].expression");
        all.map(|(i, condition)| self.compile(place(i), text(condition, "expression").trim(), &plain, &[Type::Bool])).collect()
    }

    fn variables(&mut self, spec: &Value) -> Vec<(Box<str>, Compiled)> {
        let mut out = Vec::new();
        for (i, variable) in list(spec, "variables").iter().enumerate() {
            let name = text(variable, "name");
            let compiled = self.own(format!("spec.variables[{i}].expression"), text(variable, "expression"), &[]);
            self.environment.add_variable(name, compiled.as_ref().map_or(Type::Dyn, |program| program.result.clone()));
            out.push((name.into(), compiled));
        }
        out
    }

    fn validations(&mut self, spec: &Value) -> Vec<Validation> {
        let mut out = Vec::new();
        let quiet = Environment { authorizer: false, ..self.environment.clone() };
        for (i, validation) in list(spec, "validations").iter().enumerate() {
            let source = text(validation, "expression");
            let message_expression = text(validation, "messageExpression");
            let at = |field: &str| format!("spec.validations[{i}].{field}");
            out.push(Validation {
                expression: self.own(at("expression"), source, &[Type::Bool]),
                source: source.trim().into(),
                message: text(validation, "message").trim().into(),
                message_expression: (!message_expression.trim().is_empty())
                    .then(|| self.compile(at("messageExpression"), message_expression, &quiet, &[Type::String])),
                reason: text(validation, "reason").into(),
            });
        }
        out
    }

    fn audits(&mut self, spec: &Value) -> Vec<(Box<str>, Compiled)> {
        let results = [Type::String, Type::Null];
        let all = list(spec, "auditAnnotations").iter().enumerate();
        let place = |i| format!("spec.auditAnnotations[{i}].valueExpression");
        all.map(|(i, audit)| (text(audit, "key").into(), self.own(place(i), text(audit, "valueExpression").trim(), &results)))
            .collect()
    }

    fn mutations(&mut self, spec: &Value) -> Vec<Mutation> {
        let environment = Environment { patches: true, ..self.environment.clone() };
        let mut out = Vec::new();
        for (i, mutation) in list(spec, "mutations").iter().enumerate() {
            let (field, result) = match text(mutation, "patchType") {
                "ApplyConfiguration" => ("applyConfiguration", constructed("Object")),
                "JSONPatch" => ("jsonPatch", Type::list(constructed("JSONPatch"))),
                _ => continue,
            };
            let Some(inner) = mutation.get(field) else { continue };
            let place = format!("spec.mutations[{i}].{field}.expression");
            let compiled = self.compile(place, text(inner, "expression").trim(), &environment, &[result]);
            out.push(if field == "jsonPatch" { Mutation::Json(compiled) } else { Mutation::Apply(compiled) });
        }
        out
    }
}

impl Policy {
    /// Reads and compiles a document.
    #[must_use]
    pub fn compile(flavour: Flavour, document: &Value) -> Policy {
        let spec = &document["spec"];
        let kind = spec.get("paramKind").filter(|kind| !kind.is_null());
        let environment = Environment::untyped(kind.is_some());
        // Upstream knows `variables` where there are some, and in mutations always.
        let composed = flavour == Flavour::Mutating || !list(spec, "variables").is_empty();
        let environment = if composed { environment.composed() } else { environment };
        let mut compiler = Compiler { environment, faults: Vec::new() };
        let conditions = compiler.conditions(spec);
        let variables = compiler.variables(spec);
        Policy {
            name: document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().into(),
            lenient: text(spec, "failurePolicy") == "Ignore",
            reinvoked: text(spec, "reinvocationPolicy") == "IfNeeded",
            param_kind: kind.map(|kind| (text(kind, "apiVersion").into(), text(kind, "kind").into())),
            constraints: Constraints::read(&spec["matchConstraints"]),
            conditions,
            variables,
            validations: compiler.validations(spec),
            audits: compiler.audits(spec),
            mutations: compiler.mutations(spec),
            faults: compiler.faults,
        }
    }

    /// What is wrong with its expressions.
    #[must_use]
    pub fn faults(&self) -> &[FieldError] {
        &self.faults
    }

    /// All expressions that compile.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Program> {
        let validations = self.validations.iter().flat_map(|v| std::iter::once(&v.expression).chain(&v.message_expression));
        let mutations = self.mutations.iter().map(|mutation| match mutation {
            Mutation::Apply(compiled) | Mutation::Json(compiled) => compiled,
        });
        let named = self.variables.iter().chain(&self.audits).map(|(_, compiled)| compiled);
        validations.chain(mutations).chain(named).chain(&self.conditions).filter_map(|compiled| compiled.as_ref().ok())
    }

    /// Whether any expression names a variable.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.programs().any(|program| program.uses(name))
    }
}
