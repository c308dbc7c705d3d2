//! A text to an expression, with cel-go's way to point at what is wrong with it.
//!
//! Fed by whoever compiles: rules of definitions, expressions of policies. Knows no type and no variable.

use super::rewrite::rewrite;
use kube_cel::cel::IdedExpr;
use kube_cel::cel::parser::Parser;

/// Longest expression that is read, in bytes; the parser's work grows with it (upstream bounds the whole object only).
const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// Parses an expression and expands the macros that the parser leaves. The crate is young and the text a stranger's, so a panic
/// in it is taken for a text that it cannot read.
///
/// # Errors
/// `compilation failed: …`, each fault with its place.
pub fn parse(source: &str) -> Result<IdedExpr, String> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(format!("compilation failed: the expression is longer than {SOURCE_BYTES_MAX} bytes"));
    }
    let parsed = std::panic::catch_unwind(|| Parser::new().enable_optional_syntax(true).parse(source));
    match parsed {
        Ok(Ok(mut expression)) => {
            rewrite(&mut expression);
            Ok(expression)
        }
        Ok(Err(errors)) => {
            let texts: Vec<String> = errors.errors.iter().map(|e| failure(source, e.pos, &e.msg)).collect();
            Err(format!("compilation failed: {}", texts.join("\n")))
        }
        Err(_) => Err("compilation failed: the expression cannot be read".to_owned()),
    }
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
