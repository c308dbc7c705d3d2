//! A list whose items are encoded one by one, so that it is never a tree: only the lengths of its items must be known before
//! its first byte, because protobuf writes them in front.
//!
//! Fed by the answering of lists. Knows the envelope and the table, no kind.

use crate::encode::{self, Encoder};
use crate::error::ProtoError;
use crate::table::{Kind, MessageId, table};
use crate::wire::{LENGTH_DELIMITED, put_bytes, put_nested, put_tag, put_varint};
use crate::{DEPTH_CEILING, MAGIC};
use serde_json::Value;
use skiff_schema::Tree;

/// How the lists of a kind are written.
#[derive(Clone, Debug)]
pub struct List {
    api_version: String,
    kind: String,
    list: MessageId,
    item: MessageId,
    items: u32,
}

impl List {
    /// The list kind of an API version.
    ///
    /// # Errors
    /// It has no protobuf form, or is no list.
    pub fn of(api_version: &str, kind: &str) -> Result<List, ProtoError> {
        let unknown = || ProtoError::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let list = table().kind(api_version, kind).ok_or_else(unknown)?;
        let field = table().message(list).fields.iter().find(|field| field.name == "items").ok_or_else(unknown)?;
        let Kind::Message(item) = field.kind else { return Err(unknown()) };
        Ok(List { api_version: api_version.to_owned(), kind: kind.to_owned(), list, item, items: field.number })
    }

    /// Appends an item.
    ///
    /// # Errors
    /// A value is not what its field holds.
    pub fn put_item(&self, item: &Tree<'_>, out: &mut Vec<u8>) -> Result<(), ProtoError> {
        let members = item.as_object().ok_or_else(|| ProtoError::value("items", "expected an object"))?;
        put_nested(out, self.items, |out| Encoder::new().message(self.item, members, DEPTH_CEILING, out))
    }

    /// What stands before the items, which take `items_bytes` together. `meta` is the list's metadata.
    ///
    /// # Errors
    /// The metadata is not what it should be.
    pub fn head(&self, meta: &Value, items_bytes: usize) -> Result<Vec<u8>, ProtoError> {
        let mut own = Vec::new();
        let list = [("metadata".into(), Tree::from(meta))];
        Encoder::new().message(self.list, &list, DEPTH_CEILING, &mut own)?;
        let mut out = MAGIC.to_vec();
        encode::put_type(&self.api_version, &self.kind, &mut out)?;
        put_tag(&mut out, 2, LENGTH_DELIMITED);
        put_varint(&mut out, (own.len() + items_bytes) as u64);
        out.extend_from_slice(&own);
        Ok(out)
    }

    /// What stands behind the items: contentEncoding and contentType, which Go writes though they are empty.
    #[must_use]
    pub fn tail() -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, 3, b"");
        put_bytes(&mut out, 4, b"");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn item_by_item_is_the_same_as_whole() {
        let items: Vec<Value> =
            (0..3).map(|i| json!({"metadata": {"name": format!("c{i}")}, "data": {"k": "v".repeat(i * 90)}})).collect();
        let meta = json!({"resourceVersion": "7", "continue": "x"});
        let whole = json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": meta, "items": items});
        let list = List::of("v1", "ConfigMapList").unwrap();
        let mut body = Vec::new();
        items.iter().for_each(|item| list.put_item(&Tree::from(item), &mut body).unwrap());
        let mut out = list.head(&meta, body.len()).unwrap();
        out.extend(body);
        out.extend(List::tail());
        assert_eq!(out, crate::encode_object(&whole).unwrap());
    }
}
