//! Objects and lists in the form that the client asked for: JSON, YAML, protobuf, Table, metadata only.
//!
//! The only place where answers of the resource tree are put together. Long lists come from `listing.rs` in chunks, so that a
//! list of 100,000 objects is never a tree of values, and in JSON not even one piece of bytes.

use super::ask::Ask;
use super::form::{self, Writer};
use super::listing::Chunks;
use crate::decode::{Encoding, Form, Shape};
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use crate::store::body::{splice, unpack};
use bytes::Bytes;
use serde_json::{Value, json};
use skiff_kinds::show;
use std::borrow::Cow;

/// An answer before it becomes HTTP.
#[derive(Debug)]
pub struct Reply {
    /// HTTP code.
    pub code: u16,
    /// `Content-Type`; empty for none.
    pub content_type: &'static str,
    /// Body.
    pub body: Content,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// Known whole.
    Whole(Bytes),
    /// Made while it is sent.
    Chunks(Chunks),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Content {
        Content::Whole(bytes.into())
    }
}

/// An object as stored, with its version.
#[derive(Clone, Debug)]
pub struct Shown {
    /// `resourceVersion`; 0 leaves it out (dry run).
    pub version: u64,
    /// Canonical body.
    pub body: Bytes,
}

impl Reply {
    /// JSON of any value, with the newline that Go's encoder writes.
    #[must_use]
    pub fn json(code: u16, value: &Value) -> Reply {
        let mut body = serde_json::to_vec(value).unwrap_or_default();
        body.push(b'\n');
        Reply { code, content_type: "application/json", body: body.into() }
    }

    /// A value in the asked encoding.
    ///
    /// # Errors
    /// 406 if it has no protobuf form after all.
    pub fn value(code: u16, form: Form, value: &Value) -> Outcome<Reply> {
        match form.encoding {
            Encoding::Json if form.pretty => {
                let mut body = serde_json::to_vec_pretty(value).unwrap_or_default();
                body.push(b'\n');
                Ok(Reply { code, content_type: "application/json", body: body.into() })
            }
            Encoding::Json => Ok(Reply::json(code, value)),
            Encoding::Yaml => {
                let text = serde_saphyr::to_string(value).map_err(Refusal::internal)?;
                Ok(Reply { code, content_type: "application/yaml", body: text.into_bytes().into() })
            }
            Encoding::Protobuf => {
                let body = encode_protobuf(value)?;
                Ok(Reply { code, content_type: "application/vnd.kubernetes.protobuf", body: body.into() })
            }
        }
    }
}

/// A whole object (or list) in protobuf.
pub(crate) fn encode_protobuf(value: &Value) -> Outcome<Vec<u8>> {
    skiff_proto::encode_object(value).map_err(|e| Refusal::not_acceptable(&e.to_string()))
}

/// The complete object as a value.
#[must_use]
pub fn whole(kind: &Kind, shown: &Shown) -> Value {
    let mut value = unpack(&shown.body);
    if shown.version > 0 {
        value["metadata"]["resourceVersion"] = shown.version.to_string().into();
    }
    value["apiVersion"] = kind.resource.api_version().into();
    value["kind"] = kind.kind().into();
    value
}

/// One object as the answer.
///
/// # Errors
/// See [`Reply::value`].
pub fn object(ask: &Ask, code: u16, shown: &Shown) -> Outcome<Reply> {
    match ask.form.shape {
        Shape::Table(version) => {
            let mut out = Vec::with_capacity(4096);
            form::table_of(&mut Writer::new(ask)?, shown, version, true, &mut out)?;
            out.push(b'\n');
            Ok(Reply { code, content_type: "application/json", body: out.into() })
        }
        Shape::Partial(version) => {
            let mut out = Vec::with_capacity(1024);
            form::metadata(shown, version, &mut out);
            out.push(b'\n');
            Ok(Reply { code, content_type: "application/json", body: out.into() })
        }
        Shape::Object if ask.form.encoding == Encoding::Json && !ask.form.pretty && shown.version > 0 => {
            let mut out = Vec::with_capacity(shown.body.len() + 128);
            let api_version = ask.kind.resource.api_version();
            splice(&mut out, &shown.body, shown.version, Some((ask.kind.kind(), &api_version)), None);
            out.push(b'\n');
            Ok(Reply { code, content_type: "application/json", body: out.into() })
        }
        Shape::Object if ask.form.encoding == Encoding::Protobuf => {
            let body = Writer::protobuf(&ask.kind, shown)?;
            Ok(Reply { code, content_type: ask.form.content_type(false), body: body.into() })
        }
        Shape::Object => Reply::value(code, ask.form, &whole(&ask.kind, shown)),
    }
}

/// What a list says of itself.
#[derive(Clone, Debug, Default)]
pub struct ListMeta {
    /// Version of the list.
    pub version: u64,
    /// Token of the next page.
    pub next: Option<String>,
    /// How many are left after this page.
    pub remaining: Option<u64>,
}

impl ListMeta {
    /// Lists of custom resources always say `continue`: upstream has no Go type that would leave it out.
    pub(super) fn value(&self, custom: bool) -> Value {
        let mut meta = json!({"resourceVersion": self.version.to_string()});
        if let Some(next) = &self.next {
            meta["continue"] = next.clone().into();
        } else if custom {
            meta["continue"] = "".into();
        }
        if let Some(remaining) = self.remaining {
            meta["remainingItemCount"] = remaining.into();
        }
        meta
    }
}

/// A short list as the answer.
///
/// # Errors
/// See [`Reply::value`] and [`Writer`].
pub fn list(ask: &Ask, meta: &ListMeta, items: impl Iterator<Item = Shown>) -> Outcome<Reply> {
    let mut writer = Writer::new(ask)?;
    let mut body = Vec::new();
    for (place, shown) in items.enumerate() {
        writer.item(place == 0, &shown, &mut body)?;
    }
    let mut out = Vec::with_capacity(body.len() + 8192);
    writer.head(meta, body.len(), &mut out)?;
    out.append(&mut body);
    writer.tail(&mut out);
    Ok(Reply { code: 200, content_type: Writer::content_type(ask.form), body: out.into() })
}

/// The columns of a kind.
#[must_use]
pub fn columns(kind: &Kind) -> Cow<'_, [show::Column]> {
    match &kind.custom {
        Some(version) => Cow::Borrowed(version.columns.columns()),
        None => show::columns(kind.group(), kind.kind()),
    }
}

/// `Status` of success.
#[must_use]
pub fn success(code: u16, details: Option<Value>) -> Reply {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    if let Some(details) = details {
        status["details"] = details;
    }
    if code != 200 {
        status["code"] = code.into();
    }
    Reply::json(code, &status)
}
