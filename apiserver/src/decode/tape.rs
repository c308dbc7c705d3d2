//! JSON through simd-json's tape: the bytes are read once with vector instructions, and the value is built from the tape as Go's
//! decoder would have built it. Fed by `bytes`; knows no request.
//!
//! Why not simd-json's own value: it keeps the first of duplicate keys where Go keeps the last, and its nesting bound is its own.

use serde_json::{Map, Number, Value};
use simd_json::{Node, StaticNode};

/// Deepest nesting that is built (serde_json's bound); deeper bodies are refused by its words.
const DEPTH_MAX: usize = 127;

/// The value of a body; `None` if it is not JSON that this reader takes, which is then serde_json's to judge.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Value> {
    let mut copy = bytes.to_vec();
    let tape = simd_json::to_tape(&mut copy).ok()?;
    let mut nodes = tape.0.into_iter();
    let value = build(&mut nodes, 0)?;
    nodes.next().is_none().then_some(value)
}

fn build<'a>(nodes: &mut impl Iterator<Item = Node<'a>>, depth: usize) -> Option<Value> {
    Some(match nodes.next()? {
        Node::String(text) => Value::String(text.to_owned()),
        Node::Static(node) => scalar(node)?,
        Node::Array { .. } | Node::Object { .. } if depth >= DEPTH_MAX => return None,
        Node::Array { len, .. } => {
            let mut list = Vec::with_capacity(len);
            for _ in 0..len {
                list.push(build(nodes, depth + 1)?);
            }
            Value::Array(list)
        }
        Node::Object { len, .. } => {
            let mut map = Map::with_capacity(len);
            for _ in 0..len {
                let Node::String(key) = nodes.next()? else { return None };
                // Of duplicates the last one wins.
                map.insert(key.to_owned(), build(nodes, depth + 1)?);
            }
            Value::Object(map)
        }
    })
}

fn scalar(node: StaticNode) -> Option<Value> {
    Some(match node {
        StaticNode::Null => Value::Null,
        StaticNode::Bool(yes) => Value::Bool(yes),
        StaticNode::I64(number) => Value::Number(number.into()),
        StaticNode::U64(number) => Value::Number(number.into()),
        StaticNode::F64(number) => Value::Number(Number::from_f64(number)?),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::{Value, json};

    /// Whatever this reader takes, serde_json reads alike.
    fn same(text: &str) -> bool {
        let Some(value) = parse(text.as_bytes()) else { return false };
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap(), "{text}");
        true
    }

    #[test]
    fn values_are_those_of_serde_json() {
        let texts = [
            r#"{}"#,
            r#"[]"#,
            r#"{"b":1,"a":{"c":[1,-2,3.5,1e3,18446744073709551615,-9223372036854775808]},"t":"\u00e9\ud83d\ude00\n"}"#,
            r#" [ null , true , false , "" , {"x":[[],{}]} ] "#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"a":{"x":1},"a":{"y":2}}"#,
        ];
        assert!(texts.into_iter().all(same));
        assert_eq!(parse(br#"{"a":1,"b":2,"a":3}"#).unwrap(), json!({"a": 3, "b": 2}));
    }

    #[test]
    fn what_is_doubtful_is_left_to_serde_json() {
        for text in ["", "{", "{\"a\":}", "[1,]", "{\"a\":1}x", "nul", "\"\\x\"", "1e999", "[1 2]", "{'a':1}"] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(same(&deep(127)));
        assert!(parse(deep(128).as_bytes()).is_none());
        assert!(parse(deep(100_000).as_bytes()).is_none());
        assert!(parse(b"{\"a\":\"\xff\"}").is_none(), "not UTF-8");
    }

    #[test]
    fn any_mutation_of_a_body_is_read_alike_or_left() {
        let whole = br#"{"kind":"Pod","n":-12.5e2,"l":[{"a":"\u0041"},true,null],"o":{"a":1,"a":[2]}}"#;
        let mut taken = 0;
        for at in 0..whole.len() {
            for byte in *b"\"\\{}[]:,01a \n" {
                let mut text = whole.to_vec();
                text[at] = byte;
                if let Some(value) = parse(&text) {
                    assert_eq!(Some(value), serde_json::from_slice(&text).ok(), "{}", String::from_utf8_lossy(&text));
                    taken += 1;
                }
            }
        }
        assert!(taken > 100, "{taken}");
    }
}
