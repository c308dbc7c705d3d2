//! An expression made ready for the interpreter: what it reads wrongly or not at all is spelled in a way that it reads well, and
//! what costs is counted.
//!
//! - `x.f` becomes `x['f']`: the interpreter takes a field of something that has none for `false`, and copies what it looks into.
//! - A constructed object becomes a map that knows its type's name.
//! - Loops and sums ask the meter (`machine.rs`) before they go on.
//! - Members of variables that are variables themselves (`variables.x`) become names with a dot.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, MapEntryExpr, MapExpr, StructExpr, operators,
};
use std::sync::atomic::{AtomicI64, Ordering};

/// Key under which a constructed object keeps the name of its type; no field can be called so.
pub const TYPE_KEY: &str = "@type";
/// Asks the meter for one turn of a loop.
pub(super) const SPEND: &str = "@spend";
/// An empty list that a loop begins with.
pub(super) const BEGIN: &str = "@begin";
/// Spells what the interpreter's own `string` cannot.
pub(super) const SPELL: &str = "@spell";
/// Tells the meter how large a result has become.
pub(super) const WEIGH: &str = "@weigh";

/// Loops are told apart by number, also those of different expressions: one may run inside another.
static LOOPS: AtomicI64 = AtomicI64::new(1);

/// Lowers an expression. `member` says whether a field of a variable is a variable of its own.
pub fn lower(expression: &mut IdedExpr, member: &dyn Fn(&str, &str) -> bool) {
    Lowering { member, bound: Vec::new() }.node(expression);
}

struct Lowering<'m> {
    member: &'m dyn Fn(&str, &str) -> bool,
    bound: Vec<String>,
}

impl Lowering<'_> {
    fn node(&mut self, expression: &mut IdedExpr) {
        match &mut expression.expr {
            Expr::Select(select) => {
                if let Expr::Ident(name) = &select.operand.expr
                    && !self.bound.contains(name)
                    && (self.member)(name, &select.field)
                {
                    expression.expr = match select.test {
                        true => Expr::Literal(LiteralValue::Boolean(true.into())),
                        false => Expr::Ident(format!("{name}.{}", select.field)),
                    };
                    return;
                }
                self.node(&mut select.operand);
                if !select.test {
                    let operand = std::mem::take(&mut *select.operand);
                    expression.expr = call(operators::INDEX, vec![operand, text(&select.field)]);
                }
            }
            Expr::Call(inner) => {
                if let Some(target) = &mut inner.target {
                    self.node(target);
                }
                inner.args.iter_mut().for_each(|arg| self.node(arg));
                if inner.target.is_none() && inner.func_name == "string" {
                    let args = std::mem::take(&mut inner.args);
                    inner.args = vec![node(call(SPELL, args))];
                } else if grows(inner) {
                    let inner = IdedExpr { id: expression.id, expr: std::mem::take(&mut expression.expr) };
                    expression.expr = call(WEIGH, vec![inner]);
                }
            }
            Expr::List(list) => list.elements.iter_mut().for_each(|element| self.node(element)),
            Expr::Map(map) => self.entries(&mut map.entries),
            Expr::Struct(object) => {
                self.entries(&mut object.entries);
                let object = std::mem::take(object);
                expression.expr = constructed(object);
            }
            Expr::Comprehension(inner) => self.comprehension(inner),
            _ => {}
        }
    }

    fn entries(&mut self, entries: &mut [IdedEntryExpr]) {
        for entry in entries {
            match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.node(&mut entry.key);
                    self.node(&mut entry.value);
                }
                EntryExpr::StructField(field) => self.node(&mut field.value),
            }
        }
    }

    fn comprehension(&mut self, inner: &mut ComprehensionExpr) {
        self.node(&mut inner.iter_range);
        self.node(&mut inner.accu_init);
        let depth = self.bound.len();
        self.bound.push(inner.iter_var.clone());
        self.bound.extend(inner.iter_var2.clone());
        self.bound.push(inner.accu_var.clone());
        for part in [&mut inner.loop_cond, &mut inner.loop_step, &mut inner.result] {
            self.node(part);
        }
        self.bound.truncate(depth);
        let nothing = |e: &IdedExpr| matches!(&e.expr, Expr::List(list) if list.elements.is_empty());
        if nothing(&inner.iter_range) {
            return; // `cel.bind` goes around no loop.
        }
        let mut arguments = Vec::new();
        if nothing(&inner.accu_init) {
            // A list is copied each time that it grows, so later turns cost more than earlier ones.
            let number = LOOPS.fetch_add(1, Ordering::Relaxed);
            inner.accu_init.expr = call(BEGIN, vec![int(number)]);
            arguments.push(int(number));
            weigh_items(&mut inner.loop_step, &inner.iter_var);
        }
        let condition = std::mem::take(&mut inner.loop_cond);
        let stop = node(Expr::Literal(LiteralValue::Boolean(false.into())));
        inner.loop_cond.expr = call(operators::CONDITIONAL, vec![node(call(SPEND, arguments)), condition, stop]);
    }
}

/// Items that a loop collects are weighed, unless they are those that it goes over.
fn weigh_items(step: &mut IdedExpr, item: &str) {
    let Expr::Call(sum) = &mut step.expr else { return };
    match (sum.func_name.as_str(), sum.args.as_mut_slice()) {
        (operators::CONDITIONAL, [_, then, _]) => weigh_items(then, item),
        (operators::ADD, [_, IdedExpr { expr: Expr::List(list), .. }]) => {
            for element in &mut list.elements {
                if !matches!(&element.expr, Expr::Ident(name) if name == item) {
                    let inner = std::mem::take(element);
                    element.expr = call(WEIGH, vec![inner]);
                }
            }
        }
        _ => {}
    }
}

/// Whether a call's result may be longer than what it is made of. The step of a loop that collects is paid by the loop.
fn grows(inner: &CallExpr) -> bool {
    let collects = inner.args.first().is_some_and(|arg| matches!(&arg.expr, Expr::Ident(name) if name.starts_with('@')));
    matches!(inner.func_name.as_str(), operators::ADD | "join" | "format") && !collects
}

fn constructed(object: StructExpr) -> Expr {
    let name = IdedEntryExpr {
        id: 0,
        expr: EntryExpr::MapEntry(MapEntryExpr { key: text(TYPE_KEY), value: text(&object.type_name), optional: false }),
    };
    let fields = object.entries.into_iter().map(|entry| match entry.expr {
        EntryExpr::StructField(field) => IdedEntryExpr {
            id: entry.id,
            expr: EntryExpr::MapEntry(MapEntryExpr { key: text(&field.field), value: field.value, optional: field.optional }),
        },
        expr @ EntryExpr::MapEntry(_) => IdedEntryExpr { id: entry.id, expr },
    });
    Expr::Map(MapExpr { entries: std::iter::once(name).chain(fields).collect() })
}

fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn call(name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args })
}

fn text(value: &str) -> IdedExpr {
    node(Expr::Literal(LiteralValue::String(value.into())))
}

fn int(value: i64) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Int(value.into())))
}
