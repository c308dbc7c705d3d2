//! One policy about one request with one parameter: its variables, and the evaluation of its expressions.

use crate::policy::{Compiled, Policy};
use crate::program::{Program, VARIABLES};
use crate::request::{Request, Resource, Surroundings};
use kube_cel::cel::Value as Cel;
use kube_cel::cel::context::VariableResolver;
use parking_lot::Mutex;
use serde_json::Value;
use skiff_custom::cel::{
    Authorizer, CONDITIONS_COST_MAX, EvaluationFault, OUT_OF_BUDGET, Scope, Wish, is_spent, metered, plain, scoped,
};
use std::collections::HashMap;

/// What a run is about.
pub(crate) struct Subject<'s> {
    pub(crate) policy: &'s Policy,
    pub(crate) request: &'s Request<'s>,
    pub(crate) matched: &'s Resource,
    pub(crate) object: Option<&'s Value>,
    pub(crate) old: Option<&'s Value>,
    pub(crate) params: Option<&'s Value>,
    pub(crate) around: &'s dyn Surroundings,
}

/// Why an evaluation gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Of this expression.
    Text(String),
    /// No further expression is run.
    OutOfBudget,
}

impl Failure {
    pub(crate) fn text(self) -> String {
        match self {
            Failure::Text(text) => text,
            Failure::OutOfBudget => OUT_OF_BUDGET.to_owned(),
        }
    }
}

/// A run with its variables set.
pub(crate) struct Run<'r> {
    scope: &'r Scope<'r>,
    lazies: Lazies<'r>,
}

impl Subject<'_> {
    /// Runs `work` with all variables.
    pub(crate) fn run<R>(&self, work: impl FnOnce(&Run<'_>) -> R) -> R {
        scoped(self.variables(true), |scope| {
            let variables = &self.policy.variables;
            work(&Run { scope, lazies: Lazies { scope, variables, values: Mutex::default() } })
        })
    }

    /// Whether all match conditions hold. They see neither `variables` nor the Namespace.
    ///
    /// # Errors
    /// What failed, where the policy does not ignore failures.
    pub(crate) fn meets_conditions(&self) -> Result<bool, String> {
        if self.policy.conditions.is_empty() {
            return Ok(true);
        }
        let lenient = |failures: String| if self.policy.lenient { Ok(false) } else { Err(failures) };
        let (outcome, _) = metered(CONDITIONS_COST_MAX, || {
            scoped(self.variables(false), |scope| {
                let run = Run { scope, lazies: Lazies { scope, variables: &[], values: Mutex::default() } };
                let mut failures = Vec::new();
                for condition in &self.policy.conditions {
                    match run.evaluate(condition) {
                        Ok(Cel::Bool(false)) => return Ok(false),
                        Ok(_) => {}
                        Err(Failure::OutOfBudget) => return Err(OUT_OF_BUDGET.to_owned()),
                        Err(Failure::Text(text)) => failures.push(text),
                    }
                }
                match failures.as_slice() {
                    [] => Ok(true),
                    [only] => Err(only.clone()),
                    several => Err(format!("[{}]", several.join(", "))),
                }
            })
        });
        outcome.or_else(lenient)
    }

    /// The variables that the policy's expressions name.
    fn variables(&self, with_namespace: bool) -> Vec<(&'static str, Cel)> {
        let object = |value: Option<&Value>| value.map_or(Cel::Null, plain);
        let mut out = Vec::new();
        let mut put = |name: &'static str, value: &dyn Fn() -> Cel| {
            if self.policy.uses(name) {
                out.push((name, value()));
            }
        };
        put("object", &|| object(self.object));
        put("oldObject", &|| object(self.old));
        put("params", &|| object(self.params));
        put("request", &|| plain(&self.request.to_json(self.matched)));
        put("namespaceObject", &|| match with_namespace && !self.request.is_namespace() && !self.request.namespace.is_empty() {
            true => {
                self.around.namespace(self.request.namespace).map_or(Cel::Null, |namespace| plain(&shown_namespace(namespace)))
            }
            false => Cel::Null,
        });
        put("authorizer", &|| Authorizer::start(self.around.judge()));
        put("authorizer.requestResource", &|| {
            let Request { resource, subresource, name, namespace, .. } = self.request;
            let wish = Wish {
                group: resource.group.to_string(),
                resource: resource.plural.to_string(),
                subresource: (*subresource).to_owned(),
                namespace: (*namespace).to_owned(),
                name: (*name).to_owned(),
                ..Wish::default()
            };
            Authorizer::of_request(self.around.judge(), wish)
        });
        out
    }
}

/// Upstream leaves a few things out of `namespaceObject`.
fn shown_namespace(mut namespace: Value) -> Value {
    if let Some(map) = namespace.as_object_mut() {
        ["apiVersion", "kind"].iter().for_each(|field| _ = map.shift_remove(*field));
    }
    if let Some(meta) = namespace.get_mut("metadata").and_then(Value::as_object_mut) {
        ["managedFields", "ownerReferences"].iter().for_each(|field| _ = meta.shift_remove(*field));
    }
    namespace
}

impl Run<'_> {
    /// Evaluates an expression.
    pub(crate) fn evaluate(&self, compiled: &Compiled) -> Result<Cel, Failure> {
        let program = compiled.as_ref().map_err(|text| Failure::Text(format!("compilation error: {text}")))?;
        self.lazies.prepare(program);
        let found = self.scope.evaluate(&program.expression, Some(&self.lazies));
        if is_spent() {
            return Err(Failure::OutOfBudget);
        }
        found.map_err(|fault| {
            let text = self.lazies.explain(fault);
            Failure::Text(format!("expression '{}' resulted in error: {text}", program.source))
        })
    }
}

/// `variables`: each is evaluated before the first expression that needs it, and once. One that fails is an error only where it is
/// really read.
struct Lazies<'r> {
    scope: &'r Scope<'r>,
    variables: &'r [(Box<str>, Compiled)],
    values: Mutex<HashMap<usize, Result<Cel, String>>>,
}

impl Lazies<'_> {
    /// Evaluates what an expression needs. A variable reads only those before it, so nothing here goes deep.
    fn prepare(&self, program: &Program) {
        let mut needed = Vec::new();
        for (at, (name, _)) in self.variables.iter().enumerate().rev() {
            let read_later = needed.iter().any(|later: &usize| self.reads(*later, name));
            if program.reads(name) || read_later {
                needed.push(at);
            }
        }
        for at in needed.into_iter().rev() {
            if !self.values.lock().contains_key(&at) {
                let value = self.evaluate(at);
                self.values.lock().insert(at, value);
            }
        }
    }

    fn reads(&self, at: usize, name: &str) -> bool {
        self.variables.get(at).and_then(|(_, compiled)| compiled.as_ref().ok()).is_some_and(|program| program.reads(name))
    }

    fn evaluate(&self, at: usize) -> Result<Cel, String> {
        let Some((name, compiled)) = self.variables.get(at) else { return Err(String::new()) };
        let program = compiled.as_ref().map_err(|text| format!("composited variable {name:?} fails to compile: {text}"))?;
        let value = self.scope.evaluate(&program.expression, Some(self));
        value.map_err(|fault| format!("composited variable {name:?} fails to evaluate: {}", self.explain(fault)))
    }

    fn find(&self, name: &str) -> Option<Result<Cel, String>> {
        let own = name.strip_prefix(VARIABLES)?.strip_prefix('.')?;
        let at = self.variables.iter().rposition(|(variable, _)| **variable == *own)?;
        self.values.lock().get(&at).cloned()
    }

    /// What a fault means: a variable that could not be evaluated looks like a name that nobody knows.
    fn explain(&self, fault: EvaluationFault) -> String {
        match &fault {
            EvaluationFault::Unknown(name) => match self.find(name) {
                Some(Err(text)) => text,
                _ => fault.to_string(),
            },
            EvaluationFault::Text(_) => fault.to_string(),
        }
    }
}

impl VariableResolver for Lazies<'_> {
    fn resolve(&self, name: &str) -> Option<Cel> {
        self.find(name)?.ok()
    }
}
