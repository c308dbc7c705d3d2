//! What the parser leaves undone, done on its tree: `cel.bind`, and `x.?field`, which the interpreter gets wrong where the field
//! is absent and right when it is written as `x[?'field']`.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, operators};

/// Rewrites an expression and everything below it.
pub(super) fn rewrite(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                rewrite(target);
            }
            call.args.iter_mut().for_each(rewrite);
            if call.func_name == operators::OPT_SELECT {
                call.func_name = operators::OPT_INDEX.to_owned();
            }
        }
        Expr::Select(select) => rewrite(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(rewrite),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    rewrite(&mut entry.key);
                    rewrite(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(inner) => {
            let parts =
                [&mut inner.iter_range, &mut inner.accu_init, &mut inner.loop_cond, &mut inner.loop_step, &mut inner.result];
            parts.into_iter().for_each(rewrite);
        }
        _ => {}
    }
    if let Some(bound) = bind(&expression.expr) {
        expression.expr = bound;
    }
}

/// `cel.bind(name, value, body)` as cel-go expands it: a loop over nothing whose accumulator is the name.
fn bind(expression: &Expr) -> Option<Expr> {
    let Expr::Call(call) = expression else { return None };
    let named_cel = call.target.as_ref().is_some_and(|target| matches!(&target.expr, Expr::Ident(name) if name == "cel"));
    let [IdedExpr { expr: Expr::Ident(name), .. }, value, body] = call.args.as_slice() else { return None };
    if call.func_name != "bind" || !named_cel {
        return None;
    }
    let node = |expr| IdedExpr { id: 0, expr };
    Some(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: node(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "@unused".to_owned(),
        iter_var2: None,
        accu_var: name.clone(),
        accu_init: value.clone(),
        loop_cond: node(Expr::Literal(LiteralValue::Boolean(false.into()))),
        loop_step: node(Expr::Ident(name.clone())),
        result: body.clone(),
    })))
}
