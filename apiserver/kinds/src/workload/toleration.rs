//! Taints a pod puts up with.
//!
//! Fed by the pod checks and the pod update rules. Must not know nodes.

use super::read::{Faults, Read, each, unsupported};
use super::syntax;
use crate::field::FieldError;
use serde_json::Value;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Every fault of `tolerations`.
pub(crate) fn check(out: &mut Faults, list: &[Value], path: &str) {
    for (i, toleration) in list.iter().enumerate() {
        let item = format!("{path}[{i}]");
        let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(|k| toleration.text(k));
        if key.is_empty() {
            if operator != "Exists" {
                let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
                out.push(FieldError::invalid(format!("{item}.operator"), operator, detail));
            }
        } else {
            each(out, &format!("{item}.key"), key, syntax::qualified_name(key));
        }
        if toleration.has("tolerationSeconds") && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            out.push(FieldError::invalid(format!("{item}.effect"), effect, detail));
        }
        match operator {
            "" | "Equal" => {
                let faults = syntax::label_value(value);
                if !faults.is_empty() {
                    out.push(FieldError::invalid(format!("{item}.operator"), value, faults.join(";")));
                }
            }
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                out.push(FieldError::invalid(format!("{item}.operator"), value, detail));
            }
            "Exists" => {}
            other => out.push(unsupported(format!("{item}.operator"), other, &["Equal", "Exists"])),
        }
        if !effect.is_empty() && !EFFECTS.contains(&effect) {
            out.push(unsupported(format!("{item}.effect"), effect, &EFFECTS));
        }
    }
}

/// A pod that exists may only get more tolerations, or other `tolerationSeconds`.
pub(crate) fn only_added(out: &mut Faults, new: &[Value], old: &[Value], path: &str) {
    let bare = |toleration: &Value| ["key", "operator", "value", "effect"].map(|k| toleration.text(k).to_owned());
    if old.iter().any(|o| !new.iter().any(|n| bare(n) == bare(o))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        out.push(FieldError::forbidden(path, detail));
        return;
    }
    check(out, new, path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tolerations() {
        let rows = [
            (json!({"operator": "Exists"}), vec![]),
            (
                json!({"key": "a", "operator": "Exists", "value": "x"}),
                vec!["t[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'"],
            ),
            (
                json!({"key": "a", "tolerationSeconds": 3}),
                vec!["t[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
            ),
            (
                json!({"key": "a", "effect": "Never"}),
                vec![
                    "t[0].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                ],
            ),
        ];
        for (toleration, want) in rows {
            let mut out = Faults::new();
            check(&mut out, &[toleration], "t");
            assert_eq!(out.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
        }
        let mut out = Faults::new();
        only_added(&mut out, &[json!({"key": "b", "operator": "Exists"})], &[json!({"key": "a", "operator": "Exists"})], "t");
        assert_eq!(out.len(), 1);
    }
}
