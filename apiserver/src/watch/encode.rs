//! Events as lines (JSON) or frames (protobuf), in the form a watcher asked for; made once for all watchers of a form.

use crate::decode::{Encoding, Shape};
use crate::status::{Outcome, Refusal};
use crate::store::{Change, Forms, LineForm};
use crate::verbs::ask::Ask;
use crate::verbs::form::{self, Include, Writer};
use crate::verbs::reply::{self, Shown};
use bytes::Bytes;
use serde_json::{Value, json};
use skiff_engine::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Added,
    Modified,
    Deleted,
}

impl Happened {
    fn text(self) -> &'static str {
        match self {
            Happened::Added => "ADDED",
            Happened::Modified => "MODIFIED",
            Happened::Deleted => "DELETED",
        }
    }
}

/// One watcher's encoder.
pub(super) struct Encoder {
    ask: Arc<Ask>,
    api_version: String,
    /// The form's number, without what changes from event to event.
    form: LineForm,
    columns_sent: AtomicBool,
}

impl Encoder {
    /// For a request.
    ///
    /// # Errors
    /// 400 for an unknown `includeObject`.
    pub(super) fn new(ask: Arc<Ask>) -> Outcome<Encoder> {
        let api_version = ask.kind.resource.api_version();
        let shape = match ask.form.shape {
            Shape::Object => 0,
            Shape::Partial(version) => 1 + u16::from(version != "v1"),
            Shape::Table(version) => 3 + 2 * Include::of(&ask)? as u16 + u16::from(version != "v1"),
        };
        let form = (Arc::as_ptr(&ask.kind) as usize, shape << 4 | u16::from(ask.form.encoding == Encoding::Protobuf));
        Ok(Encoder { ask, api_version, form, columns_sent: AtomicBool::new(false) })
    }

    /// The line of an entry for its object as it is after it, made once for all watchers of the form.
    pub(super) fn shared(&self, entry: &Entry<Change, Forms>, what: Happened, body: &Bytes) -> Bytes {
        let columns = self.with_columns();
        let form = (self.form.0, self.form.1 | (what as u16) << 1 | u16::from(columns) << 3);
        // Whoever makes it holds the lock: the others of its form would only make it again.
        let mut lines = entry.beside.lines.lock();
        if let Some((_, line)) = lines.iter().find(|(known, _)| *known == form) {
            return line.clone();
        }
        let line = self.write(what, body, entry.version, columns);
        lines.push((form, line.clone()));
        line
    }

    /// A line of its own.
    pub(super) fn line(&self, what: Happened, body: &Bytes, version: u64) -> Bytes {
        self.write(what, body, version, self.with_columns())
    }

    /// A watch's first table has the columns.
    fn with_columns(&self) -> bool {
        matches!(self.ask.form.shape, Shape::Table(_)) && !self.columns_sent.swap(true, Ordering::Relaxed)
    }

    fn write(&self, what: Happened, body: &Bytes, version: u64, columns: bool) -> Bytes {
        let shown = Shown { version, body: body.clone() };
        self.try_write(what, &shown, columns).unwrap_or_else(|refusal| self.error(&refusal))
    }

    fn try_write(&self, what: Happened, shown: &Shown, columns: bool) -> Outcome<Bytes> {
        if (self.ask.form.shape, self.ask.form.encoding) == (Shape::Object, Encoding::Protobuf) {
            return Ok(self.frame(what.text(), &Writer::protobuf(&self.ask.kind, shown)?));
        }
        let mut out = Vec::with_capacity(shown.body.len() + 160);
        out.extend_from_slice(format!("{{\"type\":\"{}\",\"object\":", what.text()).as_bytes());
        match self.ask.form.shape {
            Shape::Object => {
                let type_of = Some((self.ask.kind.kind(), self.api_version.as_str()));
                crate::store::body::splice(&mut out, &shown.body, shown.version, type_of, None);
            }
            Shape::Partial(version) => form::metadata(shown, version, &mut out),
            Shape::Table(version) => form::table_of(&mut Writer::new(&self.ask)?, shown, version, columns, &mut out)?,
        }
        out.extend_from_slice(b"}\n");
        Ok(out.into())
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
                let object = json!({"kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{v}"), "metadata": meta});
                let cells = vec![Value::Null; reply::columns(&self.ask.kind).len()];
                let row = json!({"cells": cells, "object": object});
                let mut out = b"{\"type\":\"BOOKMARK\",\"object\":".to_vec();
                form::table_head(&self.ask.kind, v, &json!({"resourceVersion": version.to_string()}), false, &mut out);
                out.extend_from_slice(row.to_string().as_bytes());
                out.extend_from_slice(b"]}}\n");
                out.into()
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
