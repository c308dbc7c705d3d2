use serde_json::Value;
use crate::*;

/// Everything in `ours` is in `go`, and whatever else `go` has is empty.
fn same(ours: &Value, go: &Value, path: &str) -> Result<(), String> {
    match (ours, go) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let other = b.get(key).ok_or(format!("{path}.{key} only ours: {value}"))?;
                same(value, other, &format!("{path}.{key}"))?;
            }
            for (key, value) in b {
                if !a.contains_key(key) && !empty(value) {
                    return Err(format!("{path}.{key} only go: {value}"));
                }
            }
            Ok(())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().try_for_each(|(i, (a, b))| same(a, b, &format!("{path}[{i}]")))
        }
        (a, b) if a == b => Ok(()),
        (a, b) => Err(format!("{path}: ours {a} go {b}")),
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(m) => m.values().all(empty),
    }
}

#[test]
fn against_go() {
    let Ok(path) = std::env::var("SKIFF_PROTO_CASES") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut ok, mut skipped) = (0, std::collections::BTreeSet::new());
    let mut bad = std::collections::BTreeMap::<String, Vec<String>>::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, '\t');
        let (kind, pb, json) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let (version, name) = kind.split_once(' ').unwrap();
        if !has_kind(version, name) {
            skipped.insert(kind.to_owned());
            continue;
        }
        let pb: Vec<u8> = (0..pb.len() / 2).map(|i| u8::from_str_radix(&pb[2 * i..2 * i + 2], 16).unwrap()).collect();
        let go: Value = serde_json::from_str(json).unwrap();
        let mut fail = |what: String| bad.entry(kind.to_owned()).or_default().push(what);
        match decode_object(&pb, 100) {
            Err(e) => fail(format!("decode {e}")),
            Ok(ours) => {
                if let Err(e) = same(&ours, &go, "") {
                    fail(format!("decode differs {e}"));
                }
                if encode_object(&ours).as_ref() != Ok(&pb) {
                    fail("round trip differs".into());
                }
            }
        }
        match encode_object(&go) {
            Err(e) => fail(format!("encode {e}")),
            Ok(bytes) if bytes != pb => {
                let at = bytes.iter().zip(&pb).position(|(a, b)| a != b);
                fail(format!("encode differs at {at:?} lens {} {}", bytes.len(), pb.len()));
            }
            Ok(_) => ok += 1,
        }
    }
    for (kind, what) in &bad {
        println!("{kind}: {} {:?}", what.len(), &what[..what.len().min(3)]);
    }
    println!("ok {ok} bad kinds {} skipped {skipped:?}", bad.len());
}
