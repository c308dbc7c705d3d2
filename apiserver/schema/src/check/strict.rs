//! What only the bytes show: duplicate keys, and unknown fields and duplicates together in document order.
//!
//! Fed with bodies that have already parsed as JSON, when the client wants warnings or strictness. Never fails: a document
//! that does not scan to the end yields what was seen until then.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{MAX_DEPTH, MAX_PROBLEMS};
use crate::model::{Form, NodeId, Schema};

/// Object keys that occur twice, as upstream names them: `duplicate field "data.k"`.
#[must_use]
pub fn duplicate_fields(bytes: &[u8]) -> Vec<String> {
    let mut scan = Scan::new(bytes, None);
    scan.value(Look::Free, 0);
    scan.problems
}

/// Unknown and duplicate fields in document order, as the strict decoder of built-in kinds collects them.
#[must_use]
pub fn strict_problems(schema: &Schema, root: NodeId, bytes: &[u8]) -> Vec<String> {
    let mut scan = Scan::new(bytes, Some(schema));
    scan.value(Look::Type(root), 0);
    scan.problems
}

/// How to look at a value.
#[derive(Clone, Copy)]
enum Look {
    /// Duplicates only.
    Free,
    /// By a type.
    Type(NodeId),
    /// Not at all: the value of an unknown field, or of a type that decodes itself.
    Not,
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    schema: Option<&'a Schema>,
    path: String,
    problems: Vec<String>,
}

/// Keys of one object. A few are compared one by one; many, as only a hostile or very large document has, are hashed.
#[derive(Default)]
struct Seen<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    /// False if it was there.
    fn insert(&mut self, key: Cow<'a, str>) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(key);
        }
        if self.few.contains(&key) {
            return false;
        }
        self.few.push(key);
        if self.few.len() > 24 {
            self.many = self.few.drain(..).collect();
        }
        true
    }
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], schema: Option<&'a Schema>) -> Scan<'a> {
        Scan { bytes, at: 0, schema, path: String::new(), problems: Vec::new() }
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, look: Look, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(look, depth),
            b'[' => self.array(look, depth),
            b'"' => self.string().map(|_| ()),
            _ => {
                let rest = &self.bytes[self.at..];
                let end = rest.iter().position(|b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace());
                self.at += end.unwrap_or(rest.len());
                Some(())
            }
        }
    }

    /// The raw text between two quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.bytes.get(start..self.at - 1)
    }

    fn key(&mut self) -> Option<Cow<'a, str>> {
        let raw = self.string()?;
        if raw.contains(&b'\\') {
            let quoted = [b"\"", raw, b"\""].concat();
            return serde_json::from_slice::<String>(&quoted).ok().map(Cow::Owned);
        }
        Some(String::from_utf8_lossy(raw))
    }

    fn object(&mut self, look: Look, depth: u32) -> Option<()> {
        self.take(b'{')?;
        let mut seen = Seen::default();
        let length = self.path.len();
        while self.peek()? != b'}' {
            let key = self.key()?;
            self.take(b':')?;
            let (inner, known) = self.member(look, &key);
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            match (known, inner) {
                (false, _) => self.problem("unknown"),
                (true, Look::Not) => {}
                (true, _) if !seen.insert(key) => self.problem("duplicate"),
                _ => {}
            }
            self.value(inner, depth + 1)?;
            self.path.truncate(length);
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    fn array(&mut self, look: Look, depth: u32) -> Option<()> {
        self.take(b'[')?;
        let inner = match (look, self.form(look)) {
            (Look::Free, _) => Look::Free,
            (_, Some(Form::List(element))) => Look::Type(*element),
            _ => Look::Not,
        };
        let length = self.path.len();
        let mut index = 0_usize;
        while self.peek()? != b']' {
            if !matches!(inner, Look::Not) {
                self.path.push_str(&format!("[{index}]"));
            }
            self.value(inner, depth + 1)?;
            self.path.truncate(length);
            index += 1;
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    fn form(&self, look: Look) -> Option<&'a Form> {
        match (look, self.schema) {
            (Look::Type(id), Some(schema)) => Some(&schema.node(id).form),
            _ => None,
        }
    }

    /// How to look at a member of an object, and whether its name is known.
    fn member(&self, look: Look, key: &str) -> (Look, bool) {
        match (look, self.form(look)) {
            (Look::Free, _) => (Look::Free, true),
            (_, Some(Form::Map(element))) => (Look::Type(*element), true),
            (_, Some(Form::Object { fields, preserve_unknown })) => match fields.get(key) {
                Some(field) => (Look::Type(field.node), true),
                None if *preserve_unknown => (Look::Free, true),
                None => (Look::Not, false),
            },
            _ => (Look::Not, true),
        }
    }

    fn problem(&mut self, what: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            let text = format!("{what} field {:?}", self.path);
            if !self.problems.contains(&text) {
                self.problems.push(text);
            }
        }
    }
}
