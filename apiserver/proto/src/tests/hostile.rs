//! Bytes made to harm: cut, flipped, endless, bottomless. Every one must end in an answer.

use serde_json::{Value, json};

use crate::wire::{put_bytes, put_int, put_nested, put_varint};
use crate::{MAGIC, ProtoError, decode_object, encode_object};

/// An envelope around the bytes of a message.
fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_nested(&mut out, 1, |out| {
        put_bytes(out, 1, api_version.as_bytes());
        put_bytes(out, 2, kind.as_bytes());
        Ok(())
    })
    .unwrap();
    put_bytes(&mut out, 2, raw);
    out
}

fn decode(raw: &[u8]) -> Result<Value, ProtoError> {
    decode_object(&envelope("v1", "Pod", raw), 100)
}

#[test]
fn no_damage_panics() {
    for line in include_str!("../../fixtures/go.tsv").lines().filter(|line| line.len() < 1_700) {
        let json: Value = serde_json::from_str(line.rsplit('\t').next().unwrap()).unwrap();
        let bytes = encode_object(&json).unwrap();
        for end in 0..bytes.len() {
            // A cut between the fields of the envelope leaves an object without content, as upstream has it.
            let _ = decode_object(&bytes[..end], 100);
        }
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                damaged[at] ^= 1 << bit;
                // Whatever can be read can be written.
                if let Ok(value) = decode_object(&damaged, 100) {
                    let _ = encode_object(&value);
                }
                damaged[at] ^= 1 << bit;
            }
            damaged[at] = 0xff;
            let _ = decode_object(&damaged, 100);
            damaged[at] = bytes[at];
        }
    }
}

#[test]
fn damage_is_told_in_upstreams_words() {
    let told = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    assert_eq!(told(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), "unexpected EOF");
    assert_eq!(
        told(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        "proto: negative length found during unmarshaling"
    );
    assert_eq!(told(&[0xff; 11]), "proto: integer overflow");
    assert_eq!(told(&[0x0c]), "proto: Pod: wiretype end group for non-group");
    assert_eq!(told(&[0x02]), "proto: Pod: illegal tag 0 (wire type 2)");
    assert_eq!(told(&[0x08, 1]), "proto: wrong wireType = 0 for field metadata");
    assert_eq!(told(&[0xf8, 1 | 0x80, 0x80]), "unexpected EOF");
    assert_eq!(told(&[0x7f]), "proto: illegal wireType 7");
    assert_eq!(told(&[0x0a, 3, 0x0a, 1, 0xff]), "invalid value for field name: text is not valid UTF-8");
    assert_eq!(decode_object(b"", 9).unwrap_err(), ProtoError::EmptyData);
    assert_eq!(decode_object(b"k8s\0", 9).unwrap_err(), ProtoError::EmptyBody);
    assert_eq!(decode_object(b"{}", 9).unwrap_err(), ProtoError::NoEnvelope);
    let unknown = decode_object(&envelope("v1", "Gizmo", b""), 9).unwrap_err().to_string();
    assert!(unknown.starts_with("no kind \"Gizmo\" is registered for version \"v1\""));
    assert!(decode_object(&envelope("v1", "", b""), 9).unwrap_err().to_string().starts_with("Object 'Kind' is missing in"));
    assert!(matches!(decode_object(&envelope("", "Pod", b""), 9), Err(ProtoError::NoVersion { .. })));
}

#[test]
fn unknown_fields_are_passed_over() {
    let mut raw = Vec::new();
    put_int(&mut raw, 100, -1);
    put_bytes(&mut raw, 101, b"anything");
    put_varint(&mut raw, 102 << 3 | 1);
    raw.extend([0; 8]);
    put_varint(&mut raw, 103 << 3 | 5);
    raw.extend([0; 4]);
    // A group within a group.
    put_varint(&mut raw, 104 << 3 | 3);
    put_varint(&mut raw, 1 << 3 | 3);
    put_int(&mut raw, 1, 5);
    put_varint(&mut raw, 1 << 3 | 4);
    put_varint(&mut raw, 104 << 3 | 4);
    put_nested(&mut raw, 1, |out| {
        put_bytes(out, 1, b"a");
        Ok(())
    })
    .unwrap();
    assert_eq!(decode(&raw), Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})));
}

#[test]
fn messages_that_come_twice_are_merged() {
    // metadata{name: a, namespace: n}, metadata{name: ""}: the later, empty name wins.
    let raw = [0x0a, 6, 0x0a, 1, b'a', 0x1a, 1, b'n', 0x0a, 2, 0x0a, 0];
    assert_eq!(decode(&raw), Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "n"}})));
}

#[test]
fn nesting_is_bounded() {
    let schema = |levels: u32| {
        let mut inner = Vec::new();
        for _ in 0..levels {
            let mut outer = Vec::new();
            put_bytes(&mut outer, 28, &inner);
            inner = outer;
        }
        // `not` above; here openAPIV3Schema, schema, versions, spec.
        for number in [1, 4, 7, 2] {
            let mut outer = Vec::new();
            put_bytes(&mut outer, number, &inner);
            inner = outer;
        }
        envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", &inner)
    };
    assert!(decode_object(&schema(80), 100).is_ok());
    assert_eq!(decode_object(&schema(100), 100), Err(ProtoError::TooDeep));
    assert_eq!(decode_object(&schema(5_000), u32::MAX), Err(ProtoError::TooDeep));

    let revision = |levels: usize| {
        let text = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let mut data = Vec::new();
        put_nested(&mut data, 2, |out| {
            put_bytes(out, 1, text.as_bytes());
            Ok(())
        })
        .unwrap();
        envelope("apps/v1", "ControllerRevision", &data)
    };
    assert!(decode_object(&revision(60), 100).is_ok());
    assert_eq!(decode_object(&revision(110), 100), Err(ProtoError::TooDeep));
    assert!(matches!(decode_object(&revision(100_000), u32::MAX), Err(ProtoError::Value { field: "data", .. })));

    let mut list = envelope("v1", "List", b"");
    for _ in 0..1_000 {
        let mut items = Vec::new();
        put_nested(&mut items, 2, |out| {
            put_bytes(out, 1, &list);
            Ok(())
        })
        .unwrap();
        list = envelope("v1", "List", &items);
    }
    assert_eq!(decode_object(&list, u32::MAX), Err(ProtoError::TooDeep));

    let mut value = json!({"type": "object"});
    for _ in 0..1_000 {
        value = json!({"not": value});
    }
    let versions = json!([{"name": "v1", "schema": {"openAPIV3Schema": value}}]);
    let crd =
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"versions": versions}});
    assert_eq!(encode_object(&crd), Err(ProtoError::TooDeep));
}

#[test]
fn times_outside_of_rfc_3339_are_refused() {
    let created = |seconds: i64| {
        let mut raw = Vec::new();
        put_nested(&mut raw, 1, |out| {
            put_nested(out, 8, |out| {
                put_int(out, 1, seconds);
                Ok(())
            })
        })
        .unwrap();
        decode(&raw)
    };
    assert_eq!(created(0).unwrap()["metadata"]["creationTimestamp"], "1970-01-01T00:00:00Z");
    for seconds in [i64::MIN, i64::MAX, 253_402_300_800] {
        assert!(matches!(created(seconds), Err(ProtoError::Value { field: "creationTimestamp", .. })));
    }
}
