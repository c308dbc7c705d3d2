//! Functions from one type to another that the interpreter lacks or reads otherwise than cel-go: `type`, `dyn`, `bool`, `int` of
//! times, `string` of truths and times, `size` of texts, `replace` within bounds.
//!
//! Fed by `machine`, whose functions these join.

use super::lower::SPELL;
use super::machine::pay;
use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::{Context, ExecutionError, FunctionContext, ResolveResult, Value as Cel, functions};
use std::sync::Arc;

/// Types by the names that rules know them under; `type(x) == int` compares these.
const TYPES: &[&str] = &["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"];

/// Adds the functions.
pub(super) fn register(context: &mut Context<'static>) {
    context.add_function("type", |value: Cel| -> ResolveResult { Ok(text(type_name(&value))) });
    for name in TYPES {
        context.add_variable_from_value(*name, text(name));
    }
    context.add_function("dyn", |value: Cel| -> ResolveResult { Ok(value) });
    context.add_function("bool", |value: Cel| -> ResolveResult { truth(value) });
    context.add_function("int", |ftx: &FunctionContext, This(value): This<Cel>| -> ResolveResult {
        match value {
            Cel::Timestamp(time) => Ok(Cel::Int(time.timestamp())),
            Cel::Duration(span) => {
                let overflow = || ExecutionError::function_error("int", "integer overflow");
                span.num_nanoseconds().map(Cel::Int).ok_or_else(overflow)
            }
            other => functions::int(ftx, This(other)),
        }
    });
    context.add_function("size", |ftx: &FunctionContext, This(value): This<Cel>| -> ResolveResult {
        match value {
            Cel::String(text) => Ok(Cel::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))),
            other => functions::size(ftx, This(other)).map(Cel::Int),
        }
    });
    context.add_function("replace", |This(this): This<Arc<String>>, Arguments(args): Arguments| -> ResolveResult {
        replaced(&this, &args)
    });
    context.add_function(SPELL, |value: Cel| -> ResolveResult { Ok(spelled(value)) });
}

fn text(value: &str) -> Cel {
    Cel::String(Arc::new(value.to_owned()))
}

/// `replace`, paid for before it is done: a text can make another one longer by its own length, again and again.
fn replaced(this: &str, args: &[Cel]) -> ResolveResult {
    let (from, to, most) = match args {
        [Cel::String(from), Cel::String(to)] => (from, to, usize::MAX),
        [Cel::String(from), Cel::String(to), Cel::Int(most)] => (from, to, usize::try_from(*most).unwrap_or(usize::MAX)),
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    let found = this.matches(from.as_str()).take(most).count();
    pay(this.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(text(&this.replacen(from.as_str(), to, most)))
}

fn truth(value: Cel) -> ResolveResult {
    let spelled = match value {
        Cel::Bool(_) => return Ok(value),
        Cel::String(spelled) => spelled,
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    // Go's `strconv.ParseBool`.
    match spelled.as_str() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Cel::Bool(true)),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Cel::Bool(false)),
        _ => Err(ExecutionError::function_error("bool", "type conversion error from 'string' to 'bool'")),
    }
}

/// What `string` gives for these; others are left to it.
fn spelled(value: Cel) -> Cel {
    match value {
        Cel::Bool(set) => text(if set { "true" } else { "false" }),
        Cel::Timestamp(time) => text(&time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        Cel::Duration(span) => match span.num_nanoseconds() {
            #[allow(clippy::cast_precision_loss)] // Go's text of a duration is that of a float64, too.
            Some(nanos) => text(&format!("{}s", nanos as f64 / 1e9)),
            None => Cel::Duration(span),
        },
        other => other,
    }
}

fn type_name(value: &Cel) -> &'static str {
    match value {
        Cel::Int(_) => "int",
        Cel::UInt(_) => "uint",
        Cel::Float(_) => "double",
        Cel::Bool(_) => "bool",
        Cel::String(_) => "string",
        Cel::Bytes(_) => "bytes",
        Cel::List(_) => "list",
        Cel::Map(_) => "map",
        Cel::Timestamp(_) => "google.protobuf.Timestamp",
        Cel::Duration(_) => "google.protobuf.Duration",
        Cel::Null => "null_type",
        _ => "dyn",
    }
}
