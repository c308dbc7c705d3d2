//! Labels and label selectors as text. Knows the three ways in which upstream writes an empty one, and no kind.

use super::read::{list, text};
use skiff_schema::Tree;

/// A map of labels as `a=b,c=d`, sorted; `<none>` if empty.
pub(super) fn labels(map: Option<&Tree>) -> String {
    let pairs = pairs(map);
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",") }
}

/// A LabelSelector as text with `<none>` for an empty one and `<error>` for a bad one.
pub(super) fn shown(selector: Option<&Tree>) -> String {
    match selector_text(selector) {
        Some(text) if text.is_empty() => "<none>".to_owned(),
        Some(text) => text,
        None => "<error>".to_owned(),
    }
}

/// A LabelSelector as text, empty for an empty one; `None` if an operator is unknown.
pub(super) fn selector_text(selector: Option<&Tree>) -> Option<String> {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return Some(String::new()) };
    let mut requirements = pairs(selector.get("matchLabels"));
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let mut values: Vec<&str> = list(expression, "/values").iter().filter_map(Tree::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let written = match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        };
        requirements.push((key, written));
    }
    requirements.sort_by(|a, b| a.0.cmp(b.0));
    Some(requirements.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
}

fn pairs<'a>(map: Option<&'a Tree>) -> Vec<(&'a str, String)> {
    let entries = map.and_then(Tree::as_object).into_iter().flatten();
    let mut pairs: Vec<(&str, String)> = entries.map(|(k, v)| (&**k, format!("{k}={}", v.as_str().unwrap_or("")))).collect();
    pairs.sort();
    pairs
}
