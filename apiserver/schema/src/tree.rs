//! A JSON document as a tree that borrows from its bytes: made and read once, where a `serde_json::Value` would hash and copy
//! every name. Fed with canonical bodies by whoever turns them into another form; never changed, never stored.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt;

/// A value. Members keep the order of the bytes; looking one up is a walk, which beats hashing for objects of API size.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<'a> {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string; owned only if it has escapes.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Tree<'a>>),
    /// An object.
    Map(Vec<(Cow<'a, str>, Tree<'a>)>),
}

impl<'a> Tree<'a> {
    /// Parses bytes.
    ///
    /// # Errors
    /// They are no JSON.
    pub fn parse(bytes: &'a [u8]) -> serde_json::Result<Tree<'a>> {
        serde_json::from_slice(bytes)
    }

    /// A member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tree<'a>> {
        match self {
            Tree::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value at a JSON pointer whose steps have no escapes, which is what code writes.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Tree<'a>> {
        let Some(steps) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(self) };
        steps.split('/').try_fold(self, |at, step| match at {
            Tree::List(items) => items.get(step.parse::<usize>().ok()?),
            Tree::Map(_) if step.contains('~') => at.get(&step.replace("~1", "/").replace("~0", "~")),
            _ => at.get(step),
        })
    }

    /// A string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Tree::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if let Tree::Number(number) = self { number.as_i64() } else { None }
    }

    /// Any number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        if let Tree::Number(number) = self { number.as_f64() } else { None }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Tree::Bool(set) = self { Some(*set) } else { None }
    }

    /// The items of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Tree<'a>]> {
        if let Tree::List(items) = self { Some(items) } else { None }
    }

    /// The members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(Cow<'a, str>, Tree<'a>)]> {
        if let Tree::Map(members) = self { Some(members) } else { None }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Tree::Null)
    }

    /// The same without borrowing anything.
    #[must_use]
    pub fn into_owned(self) -> Tree<'static> {
        match self {
            Tree::Null => Tree::Null,
            Tree::Bool(set) => Tree::Bool(set),
            Tree::Number(number) => Tree::Number(number),
            Tree::Text(text) => Tree::Text(Cow::Owned(text.into_owned())),
            Tree::List(items) => Tree::List(items.into_iter().map(Tree::into_owned).collect()),
            Tree::Map(members) => {
                Tree::Map(members.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect())
            }
        }
    }

    /// Puts a member in front, as `kind` and `apiVersion` stand in an object.
    pub fn put_first(&mut self, name: &'a str, value: &'a str) {
        if let Tree::Map(members) = self {
            members.insert(0, (Cow::Borrowed(name), Tree::Text(Cow::Borrowed(value))));
        }
    }
}

impl<'a> From<&'a Value> for Tree<'a> {
    fn from(value: &'a Value) -> Tree<'a> {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(set) => Tree::Bool(*set),
            Value::Number(number) => Tree::Number(number.clone()),
            Value::String(text) => Tree::Text(Cow::Borrowed(text)),
            Value::Array(items) => Tree::List(items.iter().map(Tree::from).collect()),
            Value::Object(map) => Tree::Map(map.iter().map(|(key, value)| (Cow::Borrowed(&**key), Tree::from(value))).collect()),
        }
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Null => to.serialize_unit(),
            Tree::Bool(set) => to.serialize_bool(*set),
            Tree::Number(number) => number.serialize(to),
            Tree::Text(text) => to.serialize_str(text),
            Tree::List(items) => to.collect_seq(items),
            Tree::Map(members) => to.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// A name of a member, borrowed where it can be.
struct Name<'a>(Cow<'a, str>);

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(text.to_owned())))
    }
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Name<'de>, D::Error> {
        from.deserialize_str(NameVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, set: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(set))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree<'de>, E> {
        Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Tree<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Tree<'de>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some((Name(name), value)) = from.next_entry()? {
            members.push((name, value));
        }
        Ok(Tree::Map(members))
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Tree<'de>, D::Error> {
        from.deserialize_any(TreeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_and_writes_what_a_value_does() {
        let value = json!({"a": [1, -2, 1.5, null, true], "b": {"c\"d": "x\ny", "e": {}}, "f": "plain"});
        let bytes = serde_json::to_vec(&value).unwrap();
        let tree = Tree::parse(&bytes).unwrap();
        assert_eq!(tree, Tree::from(&value));
        assert_eq!(serde_json::to_vec(&tree).unwrap(), bytes);
        assert_eq!(tree.pointer("/a/1").and_then(Tree::as_i64), Some(-2));
        assert_eq!(tree.pointer("/b/c\"d").and_then(Tree::as_str), Some("x\ny"));
        assert!(matches!(tree.get("f"), Some(Tree::Text(Cow::Borrowed("plain")))));
        assert_eq!(tree.pointer("/a/9"), None);
    }
}
