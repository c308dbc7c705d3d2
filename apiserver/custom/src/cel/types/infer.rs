//! The walk over an expression that finds its type, or everything that is wrong with it.

use super::signature::{SIGNATURES, Signature};
use super::unify::Letters;
use super::{Shape, Type};
use crate::cel::parse::failure_at;
use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, StructExpr, operators,
};
use std::sync::Arc;

/// What names an expression may use.
pub trait Names {
    /// The type of a variable; a name with a dot is asked for before its first part is.
    fn variable(&self, name: &str) -> Option<Type>;
    /// The type that `name{…}` constructs.
    fn message(&self, name: &str) -> Option<Arc<dyn Shape>>;
}

/// Types are values too.
const TYPE_NAMES: &[&str] = &["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"];

/// The type of a parsed expression.
///
/// # Errors
/// All faults, each with its place, as cel-go writes them.
pub fn infer(expression: &IdedExpr, source: &str, names: &dyn Names) -> Result<Type, String> {
    let mut walk = Walk { source, names, bound: Vec::new(), faults: Vec::new() };
    let found = walk.node(expression);
    if walk.faults.is_empty() { Ok(found) } else { Err(walk.faults.join("\n")) }
}

struct Walk<'w> {
    source: &'w str,
    names: &'w dyn Names,
    bound: Vec<(String, Type)>,
    faults: Vec<String>,
}

impl Walk<'_> {
    /// The parser does not say where anything stands; the first appearance is the best guess.
    fn fail(&mut self, place: &str, message: &str) -> Type {
        let fault = failure_at(self.source, find(self.source, place), message);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        Type::Dyn
    }

    fn node(&mut self, expression: &IdedExpr) -> Type {
        match &expression.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => {
                if let Expr::Ident(name) = &select.operand.expr
                    && !self.is_bound(name)
                    && let Some(found) = self.names.variable(&format!("{name}.{}", select.field))
                {
                    return if select.test { Type::Bool } else { found };
                }
                let operand = self.node(&select.operand);
                let found = self.field(&operand, &select.field);
                if select.test { Type::Bool } else { found }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let optional = |at: &usize| list.optional_indices.contains(at);
                let elements: Vec<Type> = (0..list.elements.len())
                    .map(|at| match (self.node(&list.elements[at]), optional(&at)) {
                        (Type::Optional(inner), true) => (*inner).clone(),
                        (other, _) => other,
                    })
                    .collect();
                Type::list(common(elements))
            }
            Expr::Map(map) => self.map(&map.entries),
            Expr::Struct(object) => self.construct(object),
            Expr::Comprehension(inner) => self.comprehension(inner),
            Expr::Unspecified => Type::Dyn,
        }
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|(bound, _)| bound == name)
    }

    fn name(&mut self, name: &str) -> Type {
        if let Some((_, found)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return found.clone();
        }
        if let Some(found) = self.names.variable(name) {
            return found;
        }
        if TYPE_NAMES.contains(&name) {
            return Type::Type(Type::Dyn.into());
        }
        self.fail(name, &format!("undeclared reference to '{name}' (in container '')"))
    }

    fn field(&mut self, operand: &Type, field: &str) -> Type {
        match operand {
            Type::Dyn | Type::Free => Type::Dyn,
            Type::Map(_, value) => (**value).clone(),
            Type::Optional(inner) => match self.field(inner, field) {
                already @ Type::Optional(_) => already,
                other => Type::optional(other),
            },
            Type::Object(shape) => match shape.field(field) {
                Some(found) => found,
                None => self.fail(&format!(".{field}"), &format!("undefined field '{field}'")),
            },
            other => {
                let message = format!("type '{other}' does not support field selection");
                self.fail(&format!(".{field}"), &message)
            }
        }
    }

    fn map(&mut self, entries: &[IdedEntryExpr]) -> Type {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for entry in entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            keys.push(self.node(&entry.key));
            values.push(match (self.node(&entry.value), entry.optional) {
                (Type::Optional(inner), true) => (*inner).clone(),
                (other, _) => other,
            });
        }
        Type::Map(common(keys).into(), common(values).into())
    }

    fn construct(&mut self, object: &StructExpr) -> Type {
        let Some(shape) = self.names.message(&object.type_name) else {
            let message = format!("undeclared reference to '{}' (in container '')", object.type_name);
            return self.fail(&format!("{}{{", object.type_name), &message);
        };
        for entry in &object.entries {
            let EntryExpr::StructField(field) = &entry.expr else { continue };
            let given = match (self.node(&field.value), field.optional) {
                (Type::Optional(inner), true) => (*inner).clone(),
                (other, _) => other,
            };
            match shape.field(&field.field) {
                None => _ = self.fail(&field.field, &format!("undefined field '{}'", field.field)),
                Some(wanted) if !super::unify::assignable(&wanted, &given) => {
                    let message =
                        format!("expected type of field '{}' is '{wanted}' but provided type is '{given}'", field.field);
                    self.fail(&field.field, &message);
                }
                Some(_) => {}
            }
        }
        Type::Object(shape)
    }

    fn call(&mut self, call: &CallExpr) -> Type {
        if call.func_name == operators::OPT_INDEX
            && let [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] = call.args.as_slice()
        {
            // `x.?f`, which the parser's tree spells as an index.
            let operand = self.node(operand);
            if let Type::Object(_) | Type::Dyn = &operand {
                return match self.field(&operand, field.inner()) {
                    already @ Type::Optional(_) => already,
                    other => Type::optional(other),
                };
            }
            return self.resolve(call, operators::OPT_INDEX, vec![operand, Type::String], false);
        }
        if let Some(target) = &call.target {
            if let Expr::Ident(space) = &target.expr
                && !self.is_bound(space)
                && self.names.variable(space).is_none()
            {
                let qualified = format!("{space}.{}", call.func_name);
                if SIGNATURES.contains_key(qualified.as_str()) {
                    let args = call.args.iter().map(|arg| self.node(arg)).collect();
                    return self.resolve(call, &qualified, args, false);
                }
            }
            let mut args = vec![self.node(target)];
            args.extend(call.args.iter().map(|arg| self.node(arg)));
            return self.resolve(call, &format!(".{}", call.func_name), args, true);
        }
        let args = call.args.iter().map(|arg| self.node(arg)).collect();
        self.resolve(call, &call.func_name, args, false)
    }

    /// The result of a call: of the only signature that fits, or unknown where several do.
    fn resolve(&mut self, call: &CallExpr, name: &str, args: Vec<Type>, method: bool) -> Type {
        let Some(signatures) = SIGNATURES.get(name) else {
            let message = format!("undeclared reference to '{}' (in container '')", name.trim_start_matches('.'));
            return self.fail(&place(call), &message);
        };
        let results: Vec<Type> = signatures.iter().filter_map(|signature| result(signature, &args)).collect();
        let Some(first) = results.first() else {
            let shown = |types: &[Type]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let applied = if method { format!("{}.({})", args[0], shown(&args[1..])) } else { format!("({})", shown(&args)) };
            let message = format!("found no matching overload for '{}' applied to '{applied}'", name.trim_start_matches('.'));
            return self.fail(&place(call), &message);
        };
        if results.iter().all(|other| other.is_exactly(first)) { first.clone() } else { Type::Dyn }
    }

    fn comprehension(&mut self, inner: &ComprehensionExpr) -> Type {
        let item = match self.node(&inner.iter_range) {
            Type::List(element) => (*element).clone(),
            Type::Map(key, _) => (*key).clone(),
            Type::Dyn | Type::Free => Type::Dyn,
            other => {
                let message =
                    format!("expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)");
                self.fail("", &message)
            }
        };
        let start = self.node(&inner.accu_init);
        let depth = self.bound.len();
        self.bound.push((inner.iter_var.clone(), item));
        self.bound.push((inner.accu_var.clone(), start));
        self.node(&inner.loop_cond);
        let step = self.node(&inner.loop_step);
        if let Some(last) = self.bound.last_mut() {
            last.1 = step;
        }
        self.bound.remove(depth);
        let found = self.node(&inner.result);
        self.bound.truncate(depth);
        found
    }
}

fn result(signature: &Signature, args: &[Type]) -> Option<Type> {
    if signature.args.len() != args.len() {
        return None;
    }
    let mut letters = Letters::default();
    let fits = signature.args.iter().zip(args).all(|(wanted, given)| letters.fit(wanted, given));
    fits.then(|| letters.read(&signature.result))
}

/// The type of elements that stand together: theirs if they agree.
fn common(types: Vec<Type>) -> Type {
    let mut types = types.into_iter();
    let Some(first) = types.next() else { return Type::Free };
    if types.all(|other| other.is_exactly(&first)) { first } else { Type::Dyn }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

/// What to look for to find a call in the source.
fn place(call: &CallExpr) -> String {
    match call.func_name.as_str() {
        operators::CONDITIONAL => "?".to_owned(),
        operators::IN => " in ".to_owned(),
        operators::INDEX | operators::OPT_INDEX => "[".to_owned(),
        operators::LOGICAL_NOT => "!".to_owned(),
        name if name.starts_with('_') && name.ends_with('_') => name.trim_matches('_').to_owned(),
        name => format!("{name}("),
    }
}

/// Where something stands: outside of quotes, and a name as a whole word. The opening parenthesis stands for a call.
fn find(source: &str, wanted: &str) -> usize {
    if wanted.is_empty() {
        return 0;
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (starts, ends) = (wanted.starts_with(word), wanted.ends_with(word));
    let mut quote: Option<char> = None;
    let mut before = ' ';
    for (at, letter) in source.char_indices() {
        match quote {
            Some(end) if letter == end && before != '\\' => quote = None,
            Some(_) => {}
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None => {
                let rest = &source[at..];
                let whole = !(starts && (word(before) || before == '.' && !wanted.ends_with('(')));
                let alone = !(ends && rest[wanted.len().min(rest.len())..].starts_with(word));
                if rest.starts_with(wanted) && whole && alone {
                    return if wanted.ends_with(['(', '{']) && wanted.len() > 1 {
                        at + wanted.len() - 1
                    } else {
                        at + usize::from(wanted == " in ")
                    };
                }
            }
        }
        before = letter;
    }
    0
}
