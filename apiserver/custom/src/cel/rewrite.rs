//! What the parser leaves undone, done on its tree: `cel.bind`, `optMap`, `optFlatMap`, and `x.?field`, which the interpreter gets wrong where the field
//! is absent and right when it is written as `x[?'field']`.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, operators};

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
        Expr::Struct(object) => {
            for entry in &mut object.entries {
                if let EntryExpr::StructField(field) = &mut entry.expr {
                    rewrite(&mut field.value);
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
    if let Some(expanded) = bind(&expression.expr).or_else(|| opt_map(&expression.expr)) {
        expression.expr = expanded;
    }
}

/// `x.optMap(name, body)` and `x.optFlatMap(name, body)` as cel-go expands them.
fn opt_map(expression: &Expr) -> Option<Expr> {
    let Expr::Call(call) = expression else { return None };
    let flat = match call.func_name.as_str() {
        "optMap" => false,
        "optFlatMap" => true,
        _ => return None,
    };
    let [IdedExpr { expr: Expr::Ident(name), .. }, body] = call.args.as_slice() else { return None };
    let optional = call.target.as_deref()?;
    let node = |expr| IdedExpr { id: 0, expr };
    let method = |name: &str| {
        node(Expr::Call(CallExpr { func_name: name.to_owned(), target: Some(Box::new(optional.clone())), args: Vec::new() }))
    };
    let constructor = |name: &str, args| {
        let target = Some(Box::new(node(Expr::Ident("optional".to_owned()))));
        node(Expr::Call(CallExpr { func_name: name.to_owned(), target, args }))
    };
    let mapped = node(bound(name, &method("value"), body));
    let some = if flat { mapped } else { constructor("of", vec![mapped]) };
    let args = vec![method("hasValue"), some, constructor("none", Vec::new())];
    Some(Expr::Call(CallExpr { func_name: operators::CONDITIONAL.to_owned(), target: None, args }))
}

/// `cel.bind(name, value, body)` as cel-go expands it: a loop over nothing whose accumulator is the name.
fn bind(expression: &Expr) -> Option<Expr> {
    let Expr::Call(call) = expression else { return None };
    let named_cel = call.target.as_ref().is_some_and(|target| matches!(&target.expr, Expr::Ident(name) if name == "cel"));
    let [IdedExpr { expr: Expr::Ident(name), .. }, value, body] = call.args.as_slice() else { return None };
    if call.func_name != "bind" || !named_cel {
        return None;
    }
    Some(bound(name, value, body))
}

fn bound(name: &str, value: &IdedExpr, body: &IdedExpr) -> Expr {
    let node = |expr| IdedExpr { id: 0, expr };
    Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: node(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "@unused".to_owned(),
        iter_var2: None,
        accu_var: name.to_owned(),
        accu_init: value.clone(),
        loop_cond: node(Expr::Literal(LiteralValue::Boolean(false.into()))),
        loop_step: node(Expr::Ident(name.to_owned())),
        result: body.clone(),
    }))
}
