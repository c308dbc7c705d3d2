//! Canonical bytes of an object: what is stored, and how a full object is spliced from it.
//!
//! A stored body is the JSON object without `apiVersion`, `kind` and `metadata.resourceVersion`, and begins with `{"metadata":{`,
//! so that each of them is put back by writing bytes, never by parsing. Knows no kind.

use serde_json::{Map, Value};

/// Every body begins so.
pub const HEAD: &[u8] = b"{\"metadata\":{";

/// The canonical bytes of an object. `status` is left out where records make it.
#[must_use]
pub fn pack(object: &Value, keep_status: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(HEAD);
    let empty = Map::new();
    let map = object.as_object().unwrap_or(&empty);
    let meta = map.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    let mut first = true;
    for (key, value) in meta.iter().filter(|(k, _)| *k != "resourceVersion") {
        member(&mut out, &mut first, key, value);
    }
    out.push(b'}');
    let mut first = false;
    for (key, value) in map {
        if matches!(key.as_str(), "metadata" | "apiVersion" | "kind") || key == "status" && !keep_status {
            continue;
        }
        member(&mut out, &mut first, key, value);
    }
    out.push(b'}');
    out
}

fn member(out: &mut Vec<u8>, first: &mut bool, key: &str, value: &Value) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    // Writing to a vector cannot fail, and a Value has only string keys.
    let _ = serde_json::to_writer(&mut *out, key);
    out.push(b':');
    let _ = serde_json::to_writer(&mut *out, value);
}

/// Writes the object with its version, and with kind and apiVersion if given. `status` is appended JSON, where records make it.
pub fn splice(out: &mut Vec<u8>, body: &[u8], version: u64, type_of: Option<(&str, &str)>, status: Option<&[u8]>) {
    out.push(b'{');
    if let Some((kind, api_version)) = type_of {
        out.extend_from_slice(b"\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"apiVersion\":\"");
        out.extend_from_slice(api_version.as_bytes());
        out.extend_from_slice(b"\",");
    }
    out.extend_from_slice(&HEAD[1..]);
    let rest = body.get(HEAD.len()..).unwrap_or_default();
    out.extend_from_slice(b"\"resourceVersion\":\"");
    out.extend_from_slice(version.to_string().as_bytes());
    out.push(b'"');
    if rest.first() != Some(&b'}') {
        out.push(b',');
    }
    match status {
        None => out.extend_from_slice(rest),
        Some(status) => {
            out.extend_from_slice(rest.strip_suffix(b"}").unwrap_or(rest));
            out.extend_from_slice(b",\"status\":");
            out.extend_from_slice(status);
            out.push(b'}');
        }
    }
}

/// Where the metadata of a body ends, its closing brace included.
fn metadata_end(body: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in body.iter().enumerate().skip(HEAD.len() - 1) {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{') => depth += 1,
            (false, b'}') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    body.len()
}

/// Writes the object's metadata, with its version unless that is 0, as an object of the given type.
pub fn splice_metadata(out: &mut Vec<u8>, body: &[u8], version: u64, kind: &str, api_version: &str) {
    if version > 0 {
        splice(out, &body[..metadata_end(body)], version, Some((kind, api_version)), None);
    } else {
        out.extend_from_slice(format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",").as_bytes());
        out.extend_from_slice(body.get(1..metadata_end(body)).unwrap_or_default());
    }
    out.push(b'}');
}

/// The object as a value, version included, without kind and apiVersion. Bodies are our own bytes, so this can't fail; if the
/// impossible happens the object is empty rather than the server down.
#[must_use]
pub fn unpack(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| {
        tracing::error!(%error, "a stored body does not parse");
        Value::Object(Map::new())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn splicing_gives_back_the_object() {
        let object = json!({"apiVersion": "v1", "kind": "X", "data": {"a": "b"}, "status": {"x": 1},
            "metadata": {"name": "n", "resourceVersion": "3"}});
        let body = pack(&object, false);
        let mut out = Vec::new();
        splice(&mut out, &body, 7, Some(("X", "v1")), Some(b"{\"y\":2}"));
        let back: Value = serde_json::from_slice(&out).unwrap();
        let want = json!({"apiVersion": "v1", "kind": "X", "data": {"a": "b"}, "status": {"y": 2},
            "metadata": {"name": "n", "resourceVersion": "7"}});
        assert_eq!(back, want);
    }

    #[test]
    fn metadata_alone() {
        let object =
            json!({"metadata": {"name": "n", "annotations": {"a": "}\"{\\", "b": "{"}, "l": [{"x": {}}]}, "data": {"a": "b"}});
        for version in [0, 7] {
            let mut out = Vec::new();
            splice_metadata(&mut out, &pack(&object, true), version, "P", "meta/v1");
            let back: Value = serde_json::from_slice(&out).unwrap();
            let mut want = json!({"kind": "P", "apiVersion": "meta/v1", "metadata": object["metadata"]});
            if version > 0 {
                want["metadata"]["resourceVersion"] = "7".into();
            }
            assert_eq!(back, want);
        }
    }
}
