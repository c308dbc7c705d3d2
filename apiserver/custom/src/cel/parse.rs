//! A text to an expression, with cel-go's way to point at what is wrong with it.
//!
//! Fed by whoever compiles: rules of definitions, expressions of policies. Knows no type and no variable.

use super::machine::deep;
use super::rewrite::rewrite;
use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{EntryExpr, Expr};
use kube_cel::cel::parser::Parser;

/// Longest expression that is read, in bytes; the parser goes as deep as the text is long.
const SOURCE_BYTES_MAX: usize = 16 * 1024;
/// Deepest expression that is taken: the walks over it, and its evaluation, go as deep.
const DEPTH_MAX: usize = 250;

/// Parses an expression and expands the macros that the parser leaves. The crate is young and the text a stranger's, so a panic
/// in it is taken for a text that it cannot read.
///
/// # Errors
/// `compilation failed: …`, each fault with its place.
pub fn parse(source: &str) -> Result<IdedExpr, String> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(format!("compilation failed: the expression is longer than {SOURCE_BYTES_MAX} bytes"));
    }
    deep(|| read(source))
}

fn read(source: &str) -> Result<IdedExpr, String> {
    let parsed = std::panic::catch_unwind(|| Parser::new().enable_optional_syntax(true).parse(source));
    match parsed {
        Ok(Ok(mut expression)) if depth(&expression) <= DEPTH_MAX => {
            rewrite(&mut expression);
            Ok(expression)
        }
        Ok(Ok(_)) => Err(format!("compilation failed: the expression is deeper than {DEPTH_MAX} levels")),
        Ok(Err(errors)) => {
            let texts: Vec<String> = errors.errors.iter().map(|e| failure(source, e.pos, &e.msg)).collect();
            Err(format!("compilation failed: {}", texts.join("\n")))
        }
        Err(_) => Err("compilation failed: the expression cannot be read".to_owned()),
    }
}

/// How deep an expression goes, found without going as deep.
fn depth(expression: &IdedExpr) -> usize {
    let (mut deepest, mut open) = (0, vec![(expression, 1)]);
    while let Some((expression, depth)) = open.pop() {
        deepest = deepest.max(depth);
        let mut below = |inner| open.push((inner, depth + 1));
        match &expression.expr {
            Expr::Call(call) => {
                call.target.iter().for_each(|target| below(target));
                call.args.iter().for_each(below);
            }
            Expr::Select(select) => below(&select.operand),
            Expr::List(list) => list.elements.iter().for_each(below),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        below(&entry.key);
                        below(&entry.value);
                    }
                }
            }
            Expr::Struct(object) => {
                for entry in &object.entries {
                    if let EntryExpr::StructField(field) = &entry.expr {
                        below(&field.value);
                    }
                }
            }
            Expr::Comprehension(inner) => {
                let parts = [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
                parts.into_iter().for_each(below);
            }
            _ => {}
        }
    }
    deepest
}

/// One fault at a place; columns begin with 1.
fn failure(source: &str, (line, column): (isize, isize), message: &str) -> String {
    let shown = source.lines().nth(usize::try_from(line - 1).unwrap_or(0)).unwrap_or_default();
    let dots = ".".repeat(usize::try_from(column - 1).unwrap_or(0));
    format!("ERROR: <input>:{line}:{column}: {message}\n | {shown}\n | {dots}^")
}

/// One fault at a byte of the source.
pub(super) fn failure_at(source: &str, at: usize, message: &str) -> String {
    let before = source.get(..at).unwrap_or_default();
    let line = isize::try_from(before.matches('\n').count()).unwrap_or(0) + 1;
    let column = isize::try_from(before.rsplit('\n').next().unwrap_or_default().chars().count()).unwrap_or(0) + 1;
    failure(source, (line, column), message)
}
