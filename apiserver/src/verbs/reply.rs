//! Objects and lists in the form that the client asked for: JSON, YAML, protobuf, Table, metadata only.
//!
//! The only place where answers of the resource tree are put together. Lists are written item by item into one buffer that is
//! handed over in chunks, so that a list of 100,000 objects is never a tree of values.

use super::ask::Ask;
use crate::clock;
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
    pub body: Bytes,
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
                Ok(Reply { code, content_type: "application/yaml", body: text.into() })
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

/// Metadata only.
#[must_use]
pub fn partial(shown: &Shown, version: &str) -> Value {
    let mut value = unpack(&shown.body);
    if shown.version > 0 {
        value["metadata"]["resourceVersion"] = shown.version.to_string().into();
    }
    json!({"kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": value["metadata"]})
}

/// One object as the answer.
///
/// # Errors
/// See [`Reply::value`].
pub fn object(ask: &Ask, code: u16, shown: &Shown) -> Outcome<Reply> {
    match ask.form.shape {
        Shape::Table(version) => {
            let mut table = table_head(ask, version);
            table["metadata"] = json!({"resourceVersion": shown.version.to_string()});
            table["rows"] = json!([row(ask, shown, version)?]);
            Ok(Reply::json(code, &table))
        }
        Shape::Partial(version) => Ok(Reply::json(code, &partial(shown, version))),
        Shape::Object if ask.form.encoding == Encoding::Json && !ask.form.pretty && shown.version > 0 => {
            let mut out = Vec::with_capacity(shown.body.len() + 128);
            let api_version = ask.kind.resource.api_version();
            splice(&mut out, &shown.body, shown.version, Some((ask.kind.kind(), &api_version)), None);
            out.push(b'\n');
            Ok(Reply { code, content_type: "application/json", body: out.into() })
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
    fn value(&self, custom: bool) -> Value {
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

/// A list as the answer. `shown` renders one item at a time.
///
/// # Errors
/// See [`Reply::value`].
pub fn list(ask: &Ask, meta: &ListMeta, items: impl Iterator<Item = Shown>) -> Outcome<Reply> {
    let kind = &ask.kind;
    match ask.form.shape {
        Shape::Table(version) => {
            let mut table = table_head(ask, version);
            table["metadata"] = meta.value(false);
            table["rows"] = Value::Array(items.map(|shown| row(ask, &shown, version)).collect::<Outcome<_>>()?);
            Ok(Reply::json(200, &table))
        }
        Shape::Partial(version) => {
            let items: Vec<Value> = items.map(|shown| partial(&shown, version)).collect();
            let api_version = format!("meta.k8s.io/{version}");
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": meta.value(false), "items": items});
            Ok(Reply::json(200, &list))
        }
        Shape::Object if ask.form.encoding == Encoding::Json && !ask.form.pretty => Ok(json_list(kind, meta, items)),
        Shape::Object => {
            let items: Vec<Value> = items.map(|shown| whole(kind, &shown)).collect();
            let list = json!({"kind": &*kind.resource.list_kind, "apiVersion": kind.resource.api_version(),
                "metadata": meta.value(kind.resource.custom), "items": items});
            Reply::value(200, ask.form, &list)
        }
    }
}

fn json_list(kind: &Kind, meta: &ListMeta, items: impl Iterator<Item = Shown>) -> Reply {
    let mut out = Vec::with_capacity(4096);
    let api_version = kind.resource.api_version();
    out.extend_from_slice(
        format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{api_version}\",\"metadata\":{},\"items\":[",
            kind.resource.list_kind,
            meta.value(kind.resource.custom)
        )
        .as_bytes(),
    );
    let typed = kind.resource.custom.then_some((kind.kind(), api_version.as_str()));
    for (i, shown) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        splice(&mut out, &shown.body, shown.version, typed, None);
    }
    out.extend_from_slice(b"]}\n");
    Reply { code: 200, content_type: "application/json", body: out.into() }
}

/// The columns of a kind.
#[must_use]
pub fn columns(kind: &Kind) -> Cow<'_, [show::Column]> {
    match &kind.custom {
        Some(version) => Cow::Borrowed(version.columns.columns()),
        None => show::columns(kind.group(), kind.kind()),
    }
}

/// A table without rows.
#[must_use]
pub fn table_head(ask: &Ask, version: &str) -> Value {
    let columns: Vec<Value> = columns(&ask.kind).iter().map(show::Column::to_json).collect();
    json!({"kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": {}, "columnDefinitions": columns, "rows": []})
}

/// One row.
///
/// # Errors
/// 400 for an unknown `includeObject`.
pub fn row(ask: &Ask, shown: &Shown, version: &str) -> Outcome<Value> {
    let value = whole(&ask.kind, shown);
    let now_s = (clock::now_ms() / 1000) as i64;
    let cells = match &ask.kind.custom {
        Some(version) => version.columns.cells(&value, now_s),
        None => show::cells(ask.kind.group(), ask.kind.kind(), &value, now_s),
    };
    let mut row = json!({"cells": cells});
    if let Some(conditions) = show::row_conditions(ask.kind.group(), ask.kind.kind(), &value) {
        row["conditions"] = conditions;
    }
    match ask.query.text("includeObject") {
        "" | "Metadata" => row["object"] = partial(shown, version),
        "Object" => row["object"] = value,
        "None" => row["object"] = Value::Null,
        other => return Err(Refusal::bad_request(format!("unrecognized includeObject value: {other}"))),
    }
    Ok(row)
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
