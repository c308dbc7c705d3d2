//! The interpreter with all functions, a meter for what evaluation costs, and cel-go's words for what goes wrong.
//!
//! Fed with lowered expressions and values of variables by `check` and by policies. The language and Kubernetes' functions are
//! the crate `kube-cel`'s; it cannot count, so loops and sums ask the meter here.

use super::convert;
use super::lower::{BEGIN, SPEND, WEIGH};
use kube_cel::KubeCelExt as _;
use kube_cel::cel::context::VariableResolver;
use kube_cel::cel::extractors::Arguments;
use kube_cel::cel::{Context, ExecutionError, IdedExpr, ResolveResult, Value as Cel};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What the evaluation of all expressions about one object may cost: turns of loops, and tenths of letters that sums have made
/// (upstream's `RuntimeCELCostBudget`).
pub const COST_MAX: i64 = 10_000_000;
/// The same for match conditions (upstream's `RuntimeCELCostBudgetMatchConditions`).
pub const CONDITIONS_COST_MAX: i64 = 2_500_000;
/// Text or list that one sum may make; the interpreter copies it often.
const RESULT_MAX: usize = 10 * 1024 * 1024;

/// Cost of one turn of a loop.
const TURN_COST: i64 = 20;
/// Stack of the parser and of the interpreter, which go as deep as expressions do. Only what is used of it costs memory.
const STACK_BYTES: usize = 64 << 20;

/// What an evaluation that costs too much is answered with.
pub const OUT_OF_BUDGET: &str = "validation failed due to running out of cost budget, no further validation rules will be run";

struct Meter {
    left: i64,
    turns: HashMap<i64, i64>,
}

thread_local! {
    // The functions are the same for all rules, and registering them costs more than most rules do.
    static FUNCTIONS: Context<'static> = functions();
    static METER: RefCell<Meter> = RefCell::new(Meter { left: COST_MAX, turns: HashMap::new() });
}

fn functions() -> Context<'static> {
    let mut context = Context::default().with_all();
    convert::register(&mut context);
    context.add_function(BEGIN, |number: i64| -> ResolveResult {
        METER.with_borrow_mut(|meter| meter.turns.insert(number, 0));
        Ok(Cel::List(Arc::new(Vec::new())))
    });
    context.add_function(SPEND, |Arguments(loops): Arguments| -> ResolveResult { spend_turn(loops.first()) });
    context.add_function(WEIGH, |value: Cel| -> ResolveResult { weigh(value) });
    super::authorizer::register(&mut context);
    context
}

fn spend_turn(number: Option<&Cel>) -> ResolveResult {
    METER.with_borrow_mut(|meter| {
        let earlier = match number {
            Some(Cel::Int(number)) => {
                let turns = meter.turns.entry(*number).or_default();
                *turns += 1;
                *turns / 4
            }
            _ => 0,
        };
        meter.spend(TURN_COST + earlier)
    })?;
    Ok(Cel::Bool(true))
}

fn weigh(value: Cel) -> ResolveResult {
    let size = match &value {
        Cel::String(text) => text.len(),
        Cel::List(items) => items.len(),
        Cel::Bytes(bytes) => bytes.len(),
        _ => return Ok(value),
    };
    pay(size)?;
    Ok(value)
}

/// Pays for a result before it is made.
///
/// # Errors
/// It costs too much.
pub(super) fn pay(bytes: usize) -> Result<(), ExecutionError> {
    let cost = if bytes > RESULT_MAX { i64::MAX } else { i64::try_from(bytes / 10).unwrap_or(i64::MAX) };
    METER.with_borrow_mut(|meter| meter.spend(cost))
}

impl Meter {
    fn spend(&mut self, cost: i64) -> Result<(), ExecutionError> {
        self.left = self.left.saturating_sub(cost);
        // A spent meter stays so: an error can be absorbed by `||`, and loops must end all the same.
        if self.left < 0 { Err(ExecutionError::function_error("cost", OUT_OF_BUDGET)) } else { Ok(()) }
    }
}

/// Runs what may go deep.
pub(super) fn deep<R>(run: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK_BYTES / 2, STACK_BYTES, run)
}

/// Gives evaluations a budget for as long as `run` takes; says what it returns and what is left.
pub fn metered<R>(budget: i64, run: impl FnOnce() -> R) -> (R, i64) {
    let fresh = Meter { left: budget, turns: HashMap::new() };
    let outer = METER.with_borrow_mut(|meter| std::mem::replace(meter, fresh));
    let result = run();
    let spent = METER.with_borrow_mut(|meter| std::mem::replace(meter, outer));
    (result, spent.left)
}

/// Whether the budget is used up.
#[must_use]
pub fn is_spent() -> bool {
    METER.with_borrow(|meter| meter.left < 0)
}

/// Variables that expressions see.
pub struct Scope<'p>(Context<'p>);

/// Runs `run` with variables.
pub fn scoped<R>(variables: impl IntoIterator<Item = (&'static str, Cel)>, run: impl FnOnce(&Scope<'_>) -> R) -> R {
    deep(|| {
        FUNCTIONS.with(|functions| {
            let mut scope = functions.new_inner_scope();
            for (name, value) in variables {
                scope.add_variable_from_value(name, value);
            }
            run(&Scope(scope))
        })
    })
}

impl Scope<'_> {
    /// Evaluates a lowered expression; `lazy` is asked for names first.
    ///
    /// # Errors
    /// What cel-go would say, or the name that nobody knows.
    pub fn evaluate(&self, expression: &IdedExpr, lazy: Option<&dyn VariableResolver>) -> Result<Cel, Fault> {
        let mut scope = self.0.new_inner_scope();
        if let Some(lazy) = lazy {
            scope.set_variable_resolver(lazy);
        }
        // The interpreter is young and rules are strangers' texts: a panic in it must not take the request down.
        match catch_unwind(AssertUnwindSafe(|| scope.resolve(expression))) {
            _ if is_spent() => Err(Fault::Text(OUT_OF_BUDGET.to_owned())),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(ExecutionError::UndeclaredReference(name))) => Err(Fault::Unknown(name.to_string())),
            Ok(Err(error)) => Err(Fault::Text(worded(&error))),
            Err(_) => Err(Fault::Text("the expression cannot be evaluated".to_owned())),
        }
    }
}

/// Why an evaluation came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody gave a variable or function of this name.
    Unknown(String),
    /// Anything else.
    Text(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Unknown(name) => write!(f, "undeclared reference to '{name}'"),
            Fault::Text(text) => f.write_str(text),
        }
    }
}

/// The crate's errors in cel-go's words; none of them shows values.
fn worded(error: &ExecutionError) -> String {
    use ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("no such key: {key}"),
        E::FunctionError { message, .. } => message.clone(),
        E::DivisionByZero(_) => "division by zero".to_owned(),
        E::RemainderByZero(_) => "modulus by zero".to_owned(),
        E::Overflow(..) => "integer overflow".to_owned(),
        E::IndexOutOfBounds(Cel::Int(at)) => format!("index out of bounds: {at}"),
        E::IndexOutOfBounds(_) => "index out of bounds".to_owned(),
        E::UnsupportedKeyType(_) => "unsupported key type".to_owned(),
        _ => "no such overload".to_owned(),
    }
}
