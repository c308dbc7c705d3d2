//! Rules asked about an object: which apply, what they answer, and how a refusal is worded.

use super::compile::Rule;
use super::machine::{COST_MAX, OUT_OF_BUDGET, deep, is_spent, metered, scoped};
use super::value::convert;
use crate::tree::Tree;
use crate::validate::{counterpart, member, shown};
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::{IdedExpr, Value as Cel};
use serde_json::Value;
use skiff_kinds::FieldError;
use skiff_kinds::field::Why;
use std::sync::Arc;

/// Longest message that a `messageExpression` may give, in bytes.
const MESSAGE_BYTES_MAX: usize = 5120;

/// What all rules about one object may cost: as many turns of loops as upstream's budget pays for, whose turns cost a quarter.
const RULES_COST_MAX: i64 = 4 * COST_MAX;

/// Errors of all rules that an object breaks.
#[must_use]
pub fn check(tree: &Tree, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut out = Vec::new();
    if tree.has_rules {
        deep(|| metered(RULES_COST_MAX, || node(tree, new, old, "", true, &mut out)));
    }
    out
}

fn node(tree: &Tree, value: &Value, old: Option<&Value>, path: &str, root: bool, out: &mut Vec<FieldError>) {
    if !tree.has_rules || value.is_null() {
        return;
    }
    if !tree.rules.is_empty() {
        let before = old.filter(|old| !old.is_null());
        let same = before == Some(value);
        let (new, old) = (convert(tree, value, root), before.map(|old| convert(tree, old, root)));
        for rule in &tree.rules {
            if is_spent() {
                return;
            }
            // What has not changed is not refused anew, unless the rule is about the change itself.
            let error = ask(rule, &new, old.as_ref(), path).filter(|_| !same || rule.transition);
            out.extend(error);
        }
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let Some(property) = tree.properties.get(name.as_str()).or(tree.additional.as_deref()) else { continue };
                node(property, inner, old.and_then(|o| o.get(name)), &member(path, name), false, out);
            }
        }
        Value::Array(items) => {
            let Some(element) = tree.items.as_deref() else { return };
            for (i, item) in items.iter().enumerate() {
                node(element, item, counterpart(&tree.list, item, old), &format!("{path}[{i}]"), false, out);
            }
        }
        _ => {}
    }
}

/// What a rule says of a value; `None` if it holds or does not apply.
fn ask(rule: &Rule, new: &Cel, old: Option<&Cel>, path: &str) -> Option<FieldError> {
    if rule.transition && old.is_none() && !rule.optional_old {
        return None;
    }
    let old = match (rule.optional_old, old) {
        (false, old) => old.cloned(),
        (true, Some(old)) => Some(Cel::Opaque(Arc::new(OptionalValue::of(old.clone())))),
        (true, None) => Some(Cel::Opaque(Arc::new(OptionalValue::none()))),
    };
    let field = format!("{path}{}", rule.field_path);
    let field = shown(field.strip_prefix('.').unwrap_or(&field)).to_owned();
    match evaluate(&rule.expression, new, old.as_ref()) {
        Ok(Cel::Bool(true)) => None,
        Ok(Cel::Bool(false)) => {
            let computed = rule.message_expression.as_ref().and_then(|e| message(e, new, old.as_ref()));
            let detail = computed.unwrap_or_else(|| {
                if rule.message.is_empty() { format!("failed rule: {}", rule.text) } else { rule.message.clone() }
            });
            // Go's constructor for duplicates takes no detail.
            let detail = if rule.reason == Why::Duplicate { String::new() } else { detail };
            Some(FieldError { why: rule.reason, field, value: Value::Null, detail })
        }
        Ok(_) => Some(unshown(shown(path), format!("no such overload evaluating rule: {}", name_of(rule)))),
        Err(error) if error == OUT_OF_BUDGET => Some(unshown(shown(path), error)),
        Err(error) => Some(unshown(shown(path), format!("{error} evaluating rule: {}", name_of(rule)))),
    }
}

fn name_of(rule: &Rule) -> &str {
    if rule.message.is_empty() { &rule.text } else { &rule.message }
}

fn unshown(field: &str, detail: String) -> FieldError {
    FieldError { why: Why::InvalidUnshown, field: field.into(), value: Value::Null, detail }
}

/// The text of a `messageExpression`; one that gives none leaves the fixed message.
fn message(expression: &IdedExpr, new: &Cel, old: Option<&Cel>) -> Option<String> {
    match evaluate(expression, new, old) {
        Ok(Cel::String(text)) => {
            let text = text.trim();
            (!text.is_empty() && !text.contains('\n') && text.len() <= MESSAGE_BYTES_MAX).then(|| text.to_owned())
        }
        _ => None,
    }
}

fn evaluate(expression: &IdedExpr, new: &Cel, old: Option<&Cel>) -> Result<Cel, String> {
    let variables = std::iter::once(("self", new.clone())).chain(old.map(|old| ("oldSelf", old.clone())));
    scoped(variables, |scope| scope.evaluate(expression, None)).map_err(|fault| fault.to_string())
}
