//! Where an answer differs from the recorded one, a line each. Fed with two normalised answers; knows no HTTP.

use super::normal::dumps;
use serde_json::Value;
use std::collections::BTreeSet;

/// All differences, in the order and wording of `exchanges.py`.
#[must_use]
pub fn differences(want: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(want, got, "", &mut found);
    found
}

fn compare(want: &Value, got: &Value, path: &str, found: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(w), Value::Object(g)) => {
            for key in w.keys().chain(g.keys()).collect::<BTreeSet<_>>() {
                match (w.get(key), g.get(key)) {
                    (Some(w), None) => found.push(format!("{path}/{key}: missing, wanted {}", cut(w))),
                    (None, Some(g)) => found.push(format!("{path}/{key}: extra {}", cut(g))),
                    (Some(w), Some(g)) => compare(w, g, &format!("{path}/{key}"), found),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(w), Value::Array(g)) => {
            if w.len() != g.len() {
                found.push(format!("{path}: {} items, wanted {}", g.len(), w.len()));
            }
            for (i, (w, g)) in w.iter().zip(g).enumerate() {
                compare(w, g, &format!("{path}/{i}"), found);
            }
        }
        _ if same(want, got) => {}
        _ => found.push(format!("{path}: {}, wanted {}", cut(got), cut(want))),
    }
}

/// `1` and `1.0` are the same number, as they are to Python.
fn same(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Number(w), Value::Number(g)) => w == g || w.as_f64() == g.as_f64() && (w.is_f64() || g.is_f64()),
        _ => want == got,
    }
}

fn cut(value: &Value) -> String {
    dumps(value, false).chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn names_what_is_missing_extra_and_other() {
        let found = differences(&json!({"a": 1, "b": [1, 2], "c": {"d": "x"}}), &json!({"b": [1], "c": {"d": "y"}, "e": null}));
        assert_eq!(found, ["/a: missing, wanted 1", "/b: 1 items, wanted 2", "/c/d: \"y\", wanted \"x\"", "/e: extra null"]);
    }

    #[test]
    fn a_float_may_equal_an_integer_but_a_text_never() {
        assert!(differences(&json!(1), &json!(1.0)).is_empty());
        assert_eq!(differences(&json!(1), &json!("1")).len(), 1);
    }
}
