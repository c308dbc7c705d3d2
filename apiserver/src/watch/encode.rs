//! Events to lines: JSON, protobuf frames, Tables and metadata. The line of a plain form is made once for all watchers.

use super::is_shared;
use crate::decode::{Encoding, Shape};
use crate::status::Refusal;
use crate::store::{Change, Forms};
use crate::verbs::ask::Ask;
use crate::verbs::reply::{self, Shown};
use bytes::Bytes;
use serde_json::{Value, json};
use skiff_engine::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One watcher's encoder.
pub(super) struct Encoder {
    ask: Arc<Ask>,
    api_version: String,
    /// Identifies the form among lines kept beside an event.
    form: usize,
    columns_sent: AtomicBool,
}

impl Encoder {
    pub(super) fn new(ask: Arc<Ask>) -> Encoder {
        let api_version = ask.kind.resource.api_version();
        // Address of the kind (one per version) and one bit for the encoding: unique while the entry lives.
        let form = Arc::as_ptr(&ask.kind) as usize | usize::from(ask.form.encoding == Encoding::Protobuf);
        Encoder { ask, api_version, form, columns_sent: AtomicBool::new(false) }
    }

    /// The line of an entry, shared where the form allows.
    pub(super) fn shared(&self, entry: &Entry<Change, Forms>, what: &str, body: &Bytes) -> Bytes {
        if !is_shared(&self.ask) {
            return self.line(what, body, entry.version);
        }
        let mut lines = entry.beside.lines.lock();
        if let Some((_, line)) = lines.iter().find(|(form, _)| *form == self.form) {
            return line.clone();
        }
        let line = self.line(what, body, entry.version);
        lines.push((self.form, line.clone()));
        line
    }

    /// A line of its own.
    pub(super) fn line(&self, what: &str, body: &Bytes, version: u64) -> Bytes {
        let shown = Shown { version, body: body.clone() };
        match (self.ask.form.shape, self.ask.form.encoding) {
            (Shape::Object, Encoding::Protobuf) => {
                let value = reply::whole(&self.ask.kind, &shown);
                reply::encode_protobuf(&value).map_or_else(|refusal| self.error(&refusal), |object| self.frame(what, &object))
            }
            (Shape::Object, _) => {
                let mut out = Vec::with_capacity(body.len() + 160);
                out.extend_from_slice(format!("{{\"type\":\"{what}\",\"object\":").as_bytes());
                let type_of = Some((self.ask.kind.kind(), self.api_version.as_str()));
                crate::store::body::splice(&mut out, body, version, type_of, None);
                out.extend_from_slice(b"}\n");
                out.into()
            }
            (Shape::Partial(v), _) => json_line(what, &reply::partial(&shown, v)),
            (Shape::Table(v), _) => {
                let mut table = reply::table_head(&self.ask, v);
                table["metadata"] = json!({"resourceVersion": version.to_string()});
                if self.columns_sent.swap(true, Ordering::Relaxed) {
                    table["columnDefinitions"] = Value::Null;
                }
                match reply::row(&self.ask, &shown, v) {
                    Ok(row) => table["rows"] = json!([row]),
                    Err(refusal) => return self.error(&refusal),
                }
                json_line(what, &table)
            }
        }
    }

    /// A bookmark; `end` marks the end of the initial events.
    pub(super) fn bookmark(&self, version: u64, end: bool) -> Bytes {
        let mut meta = json!({"resourceVersion": version.to_string()});
        if end {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let kind = self.ask.kind.kind();
        match (self.ask.form.shape, self.ask.form.encoding) {
            (Shape::Object, Encoding::Protobuf) => {
                let value = json!({"kind": kind, "apiVersion": self.api_version, "metadata": meta});
                reply::encode_protobuf(&value)
                    .map_or_else(|refusal| self.error(&refusal), |object| self.frame("BOOKMARK", &object))
            }
            (Shape::Object, _) => json_line("BOOKMARK", &json!({"kind": kind, "apiVersion": self.api_version, "metadata": meta})),
            (Shape::Partial(v), _) => json_line(
                "BOOKMARK",
                &json!({"kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{v}"), "metadata": meta}),
            ),
            (Shape::Table(v), _) => {
                let mut row = json!({"cells": [], "object": {"kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{v}"), "metadata": meta}});
                let cells = reply::columns(&self.ask.kind).len();
                row["cells"] = Value::Array(vec![Value::Null; cells]);
                let mut table = reply::table_head(&self.ask, v);
                table["metadata"] = json!({"resourceVersion": version.to_string()});
                table["columnDefinitions"] = Value::Null;
                table["rows"] = json!([row]);
                json_line("BOOKMARK", &table)
            }
        }
    }

    /// An ERROR event; the stream ends after it.
    pub(super) fn error(&self, refusal: &Refusal) -> Bytes {
        let status = refusal.status();
        if self.ask.form.encoding == Encoding::Protobuf
            && let Ok(object) = reply::encode_protobuf(&status)
        {
            return self.frame("ERROR", &object);
        }
        json_line("ERROR", &status)
    }

    fn frame(&self, what: &str, object: &[u8]) -> Bytes {
        skiff_proto::watch_frame(what, object).into()
    }
}

fn json_line(what: &str, object: &Value) -> Bytes {
    let mut out = serde_json::to_vec(&json!({"type": what, "object": object})).unwrap_or_default();
    out.push(b'\n');
    out.into()
}
