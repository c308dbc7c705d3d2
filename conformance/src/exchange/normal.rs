//! Makes two answers comparable: replaces what may differ between two servers (times, uids, versions, addresses) by its name.
//! Fed by a replayed step; knows no HTTP. The rules are those of `exchanges.py`, one by one.

use super::pattern;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Field names whose value is never the same twice, and what stands for it.
const VOLATILE: [(&str, &str); 8] = [
    ("resourceVersion", "<rv>"),
    ("uid", "<uid>"),
    ("continue", "<continue>"),
    ("clusterIP", "<ip>"),
    ("token", "<token>"),
    ("nodePort", "<port>"),
    ("healthCheckNodePort", "<port>"),
    ("remainingItemCount", "<n>"),
];

/// The node controller of a stock server writes it a moment after the node's creation.
const TTL: &str = "node.alpha.kubernetes.io/ttl";

/// What a whole answer is rid of besides: the server's domain and the group's namespace.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Default domain of the server, or empty.
    pub domain: &'a str,
    /// Namespace of the group, or empty.
    pub namespace: &'a str,
}

/// An answer without what may differ.
///
/// # Errors
/// A namespace or domain whose replacement breaks the JSON.
pub fn normal(value: &Value, names: Names<'_>) -> serde_json::Result<Value> {
    let mut text = serde_json::to_string(&one(value, ""))?;
    if !names.domain.is_empty() {
        text = text.replace(&format!(".{}", names.domain), ".example.com");
    }
    if !names.namespace.is_empty() {
        text = text.replace(names.namespace, "<ns>");
    }
    serde_json::from_str(&text)
}

fn one(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(fields) => Value::Object(object(fields)),
        Value::Array(items) => Value::Array(array(items, key)),
        _ => scalar(value, key),
    }
}

fn object(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut out: Map<String, Value> =
        fields.iter().map(|(key, value)| (pattern::replace(key, pattern::uid), one(value, key))).collect();
    if let Some(Value::Array(entries)) = out.get_mut("managedFields") {
        entries.retain(|entry| entry.get("manager").and_then(Value::as_str) != Some("kube-controller-manager"));
        entries.sort_by_cached_key(|entry| dumps(entry, true));
    }
    if let Some(Value::Object(annotations)) = out.get_mut("annotations")
        && annotations.remove(TTL).is_some()
        && annotations.is_empty()
    {
        out.remove("annotations");
    }
    if let Some(prefix) = fields.get("generateName").and_then(Value::as_str)
        && fields.contains_key("name")
    {
        out.insert("name".to_owned(), Value::String(format!("{prefix}<generated>")));
    }
    out
}

fn array(items: &[Value], key: &str) -> Vec<Value> {
    let mut out: Vec<Value> = items
        .iter()
        .map(|item| match item.as_str() {
            Some(text) if key == "clusterIPs" && pattern::is_address(text) => Value::String("<ip>".to_owned()),
            _ => one(item, key),
        })
        .collect();
    if key == "causes" {
        out.sort_by_cached_key(|cause| dumps(cause, true));
    }
    out
}

fn scalar(value: &Value, key: &str) -> Value {
    let unset = value.is_null() || matches!(value.as_str(), Some("" | "None"));
    if !unset && let Some((_, name)) = VOLATILE.iter().find(|(volatile, _)| *volatile == key) {
        return Value::String((*name).to_owned());
    }
    let Some(text) = value.as_str() else { return value.clone() };
    if pattern::is_time(text) {
        return Value::String("<time>".to_owned());
    }
    let mut text = pattern::replace(text, pattern::uid);
    text = pattern::replace(&text, pattern::access_volume);
    text = pattern::replace(&text, pattern::current);
    text = pattern::replace(&text, pattern::scheme);
    if let Some(sorted) = pattern::several(&text) {
        text = sorted;
    }
    Value::String(pattern::replace(&text, pattern::version))
}

/// JSON as Python's `json.dumps` writes it: recorded lists were sorted by this text, so replayed ones must be too.
#[must_use]
pub fn dumps(value: &Value, sort_keys: bool) -> String {
    let mut out = String::new();
    dump(value, sort_keys, &mut out);
    out
}

fn dump(value: &Value, sort_keys: bool, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut entries: Vec<(&String, &Value)> = fields.iter().collect();
            if sort_keys {
                entries.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                quote(key, out);
                out.push_str(": ");
                dump(value, sort_keys, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                dump(item, sort_keys, out);
            }
            out.push(']');
        }
        Value::String(text) => quote(text, out),
        _ => out.push_str(&value.to_string()),
    }
}

fn quote(text: &str, out: &mut String) {
    let mut units = [0u16; 2];
    for part in Value::String(text.to_owned()).to_string().chars() {
        if part.is_ascii() {
            out.push(part);
        } else {
            for unit in part.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, dumps, normal};
    use serde_json::json;

    const NAMES: Names<'static> = Names { domain: "localhost", namespace: "x-crud-1" };

    #[test]
    fn volatile_fields_are_named_and_unset_ones_kept() {
        let got = normal(&json!({"resourceVersion": "5", "clusterIP": "None", "uid": "", "nodePort": 0}), NAMES);
        assert_eq!(got.ok(), Some(json!({"resourceVersion": "<rv>", "clusterIP": "None", "uid": "", "nodePort": "<port>"})));
    }

    #[test]
    fn generated_names_namespaces_and_domains() {
        let got = normal(
            &json!({"generateName": "a-", "name": "a-xyz12", "namespace": "x-crud-1", "url": "http://h.x-crud-1.localhost"}),
            NAMES,
        );
        let want =
            json!({"generateName": "a-", "name": "a-<generated>", "namespace": "<ns>", "url": "http://h.<ns>.example.com"});
        assert_eq!(got.ok(), Some(want));
    }

    #[test]
    fn managers_are_sorted_and_the_controllers_left_out() {
        let got = normal(
            &json!({"managedFields": [{"manager": "b"}, {"manager": "kube-controller-manager"}, {"manager": "a"}]}),
            NAMES,
        );
        assert_eq!(got.ok(), Some(json!({"managedFields": [{"manager": "a"}, {"manager": "b"}]})));
    }

    #[test]
    fn written_as_python_writes() {
        assert_eq!(dumps(&json!({"b": [1, null], "a": "é\"\n"}), true), "{\"a\": \"\\u00e9\\\"\\n\", \"b\": [1, null]}");
    }
}
