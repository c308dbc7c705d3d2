//! ConfigMap and Secret: keys, size, what a type of Secret demands, and `immutable`.
//!
//! Fed through the strategy table. Filling service-account token Secrets is a controller's business.

use super::at::{At, Faults, same};
use super::fill::{blank, drop_empty};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

pub(super) const CONFIG_MAP: Strategy =
    Strategy { default: config_map_default, validate: validate_config_map, validate_update: update_config_map, ..PLAIN };
pub(super) const SECRET: Strategy =
    Strategy { default: secret_default, validate: validate_secret, validate_update: update_secret, ..PLAIN };

const BYTES_MAX: usize = 1024 * 1024;
const FROZEN: &str = "field is immutable when `immutable` is set";

fn config_map_default(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        drop_empty(map, &["data", "binaryData"]);
    }
}

fn validate_config_map(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let (data, binary) = (root.get("data"), root.get("binaryData"));
    let mut bytes = 0;
    for (key, value) in data.entries() {
        key_faults(&mut out, &value, key);
        if binary.key(key).is_set() {
            out.push(FieldError::invalid(value.path(), key, "duplicate of key present in binaryData"));
        }
        bytes += value.text().len();
    }
    for (key, value) in binary.entries() {
        key_faults(&mut out, &value, key);
        if data.key(key).is_set() {
            out.push(FieldError::invalid(value.path(), key, "duplicate of key present in data"));
        }
        bytes += decoded_len(value.text());
    }
    if bytes > BYTES_MAX {
        // Upstream reports the object as a whole, under an empty path.
        out.push(FieldError::too_long("", BYTES_MAX));
    }
    out
}

fn key_faults(out: &mut Faults, at: &At, key: &str) {
    out.extend(syntax::config_map_key(key).into_iter().map(|m| FieldError::invalid(at.path(), key, m)));
}

/// The length of what base64 text stands for, without decoding it.
fn decoded_len(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|&b| b == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn frozen(out: &mut Faults, new: &Value, old: &Value) {
    let (new, old) = (At::root(new), At::root(old));
    if !old.get("immutable").is_true() {
        return;
    }
    if !new.get("immutable").is_true() {
        out.push(new.get("immutable").forbidden(FROZEN));
    }
    for field in ["data", "binaryData"] {
        if !same(new.get(field).raw(), old.get(field).raw()) {
            out.push(new.get(field).forbidden(FROZEN));
        }
    }
}

fn update_config_map(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    frozen(&mut out, new, old);
    out.extend(validate_config_map(new));
    out
}

/// The type, and `stringData` folded into `data`: it is for writing only and is never stored.
fn secret_default(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    blank(map, "type", "Opaque");
    if let Some(Value::Object(texts)) = map.shift_remove("stringData")
        && !texts.is_empty()
    {
        if !map.get("data").is_some_and(Value::is_object) {
            map.insert("data".into(), Map::new().into());
        }
        if let Some(data) = map.get_mut("data").and_then(Value::as_object_mut) {
            for (key, value) in texts {
                data.insert(key, STANDARD.encode(value.as_str().unwrap_or("")).into());
            }
        }
    }
    drop_empty(map, &["data"]);
}

fn validate_secret(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let data = root.get("data");
    let mut bytes = 0;
    for (key, value) in data.entries() {
        key_faults(&mut out, &value, key);
        bytes += decoded_len(value.text());
    }
    if bytes > BYTES_MAX {
        out.push(data.too_long(BYTES_MAX));
    }
    match root.get("type").text() {
        "kubernetes.io/service-account-token" => {
            let annotation = root.get("metadata").get("annotations").key("kubernetes.io/service-account.name");
            rule::present(&mut out, &annotation);
        }
        "kubernetes.io/dockercfg" => json_key(&mut out, &data, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => json_key(&mut out, &data, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !data.key("username").is_set() && !data.key("password").is_set() => {
            out.push(data.key("username").required(""));
            out.push(data.key("password").required(""));
        }
        "kubernetes.io/ssh-auth" => {
            rule::present(&mut out, &data.key("ssh-privatekey"));
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if !data.key(key).is_set() {
                    out.push(data.key(key).required(""));
                }
            }
        }
        _ => {}
    }
    out
}

/// A key that must hold a JSON document.
fn json_key(out: &mut Faults, data: &At, key: &str) {
    let at = data.key(key);
    if !at.is_set() {
        out.push(at.required(""));
        return;
    }
    let bytes = STANDARD.decode(at.text()).unwrap_or_default();
    if let Err(error) = serde_json::from_slice::<Value>(&bytes) {
        // The content is secret: upstream hides it and shows only why it does not parse.
        let why = if bytes.is_empty() { "unexpected end of JSON input".to_owned() } else { error.to_string() };
        out.push(FieldError::invalid(at.path(), "<secret contents redacted>", why));
    }
}

fn update_secret(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let (now, before) = (At::root(new), At::root(old));
    rule::immutable(&mut out, &now.get("type"), &before.get("type"));
    frozen(&mut out, new, old);
    out.extend(validate_secret(new));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn string_data_becomes_data() {
        let mut secret = json!({"stringData": {"a": "x"}, "data": {"a": "eQ==", "b": "eg=="}});
        secret_default(&mut secret);
        assert_eq!(secret, json!({"data": {"a": "eA==", "b": "eg=="}, "type": "Opaque"}));
    }

    #[test]
    fn types_demand_keys() {
        let cases = [
            (json!({"type": "kubernetes.io/tls"}), vec!["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
            (json!({"type": "kubernetes.io/basic-auth", "data": {"password": "eA=="}}), vec![]),
            (
                json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": ""}}),
                vec!["data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": unexpected end of JSON input"],
            ),
            (
                json!({"type": "Opaque", "data": {"a b": ""}}),
                vec![
                    "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                ],
            ),
        ];
        for (secret, wanted) in cases {
            let got: Vec<String> = validate_secret(&secret).iter().map(ToString::to_string).collect();
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn a_config_map_has_a_size() {
        assert!(validate_config_map(&json!({"data": {"k": "x".repeat(BYTES_MAX)}})).is_empty());
        assert_eq!(validate_config_map(&json!({"data": {"k": "x".repeat(BYTES_MAX + 1)}})).len(), 1);
    }
}
