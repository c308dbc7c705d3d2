//! CEL: the language as upstream's server speaks it, and `x-kubernetes-validations`, rules in it that are compiled once per version
//! and asked about each object.
//!
//! Fed by `tree` with rules as written and by `validate` with objects; policies of admission use the language below the rules.
//! Parser, interpreter and Kubernetes' functions are the crate `kube-cel`'s.
//!
//! ```text
//! parse, rewrite        text to expression, macros expanded
//! types                 what an expression evaluates to, or why it cannot
//! lower                 expression to what the interpreter reads well, with a meter in each loop
//! machine, convert      functions, variables, meter, evaluation
//! value, authorizer     objects and `authorizer` as values
//! compile, check        rules of definitions
//! ```

mod authorizer;
mod check;
mod compile;
mod convert;
mod lower;
mod machine;
#[cfg(test)]
mod machine_tests;
mod parse;
mod rewrite;
pub mod types;
mod value;

pub use authorizer::{Authorizer, Decide, Wish};
pub use check::check;
pub use compile::{Fault, Rule};
pub use lower::{TYPE_KEY, lower};
pub use machine::{CONDITIONS_COST_MAX, COST_MAX, Fault as EvaluationFault, OUT_OF_BUDGET, Scope, is_spent, metered, scoped};
pub use parse::parse;
pub use value::plain;
