//! Against k8s.io/api v0.36.3: `fixtures/go.tsv` has a kind, the bytes of Go's protobuf serializer in hex, and what Go's
//! `encoding/json` makes of the same object; the objects were filled at random, pointers to zero values included.
//! `SKIFF_PROTO_CASES` names a larger file of the same form, in which kinds that the table does not have are passed over.

use serde_json::Value;

use crate::{decode_object, encode_object, has_kind};

#[test]
fn bytes_are_go_s_bytes() {
    let given = std::env::var("SKIFF_PROTO_CASES").ok().map(|path| std::fs::read_to_string(path).unwrap());
    let text = given.as_deref().unwrap_or(include_str!("../../fixtures/go.tsv"));
    assert!(text.lines().count() > 40);
    for line in text.lines() {
        let [kind, hex, json] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let (version, name) = kind.split_once(' ').unwrap();
        if given.is_some() && !has_kind(version, name) {
            continue;
        }
        let go: Value = serde_json::from_str(json).unwrap();
        let bytes = unhex(hex);
        assert_eq!(encode_object(&go).unwrap(), bytes, "{kind}");
        let ours = decode_object(&bytes, 100).unwrap();
        agree(&ours, &go, kind);
        // Nothing that Go can tell apart is lost on the way through JSON.
        assert_eq!(encode_object(&ours).unwrap(), bytes, "{kind}");
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Everything in ours is in Go's, and what Go has beyond it is empty.
fn agree(ours: &Value, go: &Value, path: &str) {
    match (ours, go) {
        (Value::Object(ours), Value::Object(go)) => {
            for (key, value) in ours {
                agree(value, go.get(key).unwrap_or_else(|| panic!("{path}.{key} only ours: {value}")), &format!("{path}.{key}"));
            }
            for (key, value) in go {
                assert!(ours.contains_key(key) || empty(value), "{path}.{key} only Go's: {value}");
            }
        }
        (Value::Array(ours), Value::Array(go)) => {
            assert_eq!(ours.len(), go.len(), "{path}");
            ours.iter().zip(go).for_each(|(ours, go)| agree(ours, go, path));
        }
        _ => assert_eq!(ours, go, "{path}"),
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(empty),
    }
}
