//! `allOf`, `anyOf`, `oneOf` and `not`.
//!
//! The errors of the junctors themselves name no field, as upstream's do not; those of the branch that failed follow.

use super::{NOWHERE, node};
use crate::tree::Tree;
use serde_json::Value;
use skiff_kinds::FieldError;

pub(super) fn check(tree: &Tree, value: &Value, old: Option<&Value>, path: &str, out: &mut Vec<FieldError>) {
    let limits = &tree.limits;
    let errors_of = |branch: &Tree| {
        let mut errors = Vec::new();
        node(branch, value, old, path, &mut errors);
        errors
    };
    let mut complain = |text: String, below: Vec<FieldError>| {
        out.push(FieldError::invalid(NOWHERE, "", text));
        out.extend(below);
    };
    if !limits.any_of.is_empty() {
        let mut first = None;
        let mut passed = false;
        for branch in &limits.any_of {
            let errors = errors_of(branch);
            if errors.is_empty() {
                passed = true;
                break;
            }
            first.get_or_insert(errors);
        }
        if !passed {
            complain(format!("{path:?} must validate at least one schema (anyOf)"), first.unwrap_or_default());
        }
    }
    if !limits.one_of.is_empty() {
        let results: Vec<Vec<FieldError>> = limits.one_of.iter().map(errors_of).collect();
        let passed = results.iter().filter(|errors| errors.is_empty()).count();
        let head = format!("{path:?} must validate one and only one schema (oneOf).");
        match passed {
            1 => {}
            0 => complain(format!("{head} Found none valid"), results.into_iter().next().unwrap_or_default()),
            many => complain(format!("{head} Found {many} valid alternatives"), Vec::new()),
        }
    }
    if !limits.all_of.is_empty() {
        let results: Vec<Vec<FieldError>> = limits.all_of.iter().map(errors_of).collect();
        let failed = results.iter().filter(|errors| !errors.is_empty()).count();
        if failed > 0 {
            let none = if failed == results.len() { ". None validated" } else { "" };
            complain(format!("{path:?} must validate all the schemas (allOf){none}"), results.into_iter().flatten().collect());
        }
    }
    if limits.not.as_deref().is_some_and(|branch| errors_of(branch).is_empty()) {
        complain(format!("{path:?} must not validate the schema (not)"), Vec::new());
    }
}
