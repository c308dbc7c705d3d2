//! An expression from its text to something that runs.

use crate::environment::Environment;
use kube_cel::cel::IdedExpr;
use skiff_custom::cel::types::{Type, infer};
use skiff_custom::cel::{lower, parse};

/// What an expression is called by, inside, that reads a variable of the policy.
pub(crate) const VARIABLES: &str = "variables";

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) source: String,
    pub(crate) expression: IdedExpr,
    pub(crate) result: Type,
    roots: Vec<&'static str>,
    variables: Vec<String>,
}

/// Variables whose values are made only if something names them.
const ROOTS: &[&str] =
    &["object", "oldObject", "params", "request", "namespaceObject", "authorizer", "authorizer.requestResource"];

impl Program {
    /// Compiles; `results` are the types that it may evaluate to, any if there are none.
    ///
    /// # Errors
    /// cel-go's text.
    pub(crate) fn compile(source: &str, environment: &Environment, results: &[Type]) -> Result<Program, String> {
        let mut expression = parse(source)?;
        let result = infer(&expression, source, environment).map_err(|faults| format!("compilation failed: {faults}"))?;
        if !results.is_empty() && !results.iter().any(|wanted| wanted.is_exactly(&result)) {
            let got = result.full_name();
            return Err(match results {
                [only] => format!("must evaluate to {} but got {got}", only.full_name()),
                several => {
                    let names: Vec<String> = several.iter().map(Type::full_name).collect();
                    format!("must evaluate to one of [{}] but got {got}", names.join(" "))
                }
            });
        }
        lower(&mut expression, &|name, field| name == VARIABLES || (name == "authorizer" && field == "requestResource"));
        let references = expression.references();
        let roots = ROOTS.iter().copied().filter(|name| references.has_variable(name)).collect();
        let prefix = format!("{VARIABLES}.");
        let variables =
            references.variables().into_iter().filter_map(|name| Some(name.strip_prefix(&prefix)?.to_owned())).collect();
        Ok(Program { source: source.to_owned(), expression, result, roots, variables })
    }

    /// Whether it names a variable of the policy.
    pub(crate) fn reads(&self, variable: &str) -> bool {
        self.variables.iter().any(|name| name == variable)
    }

    /// Whether it names a variable.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.roots.contains(&name)
    }
}
