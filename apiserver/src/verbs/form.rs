//! One object after another written in the form that a client asked for, from canonical bytes to bytes: JSON, protobuf, rows
//! of a Table, metadata only. Fed by answers, lists and watches; knows no kind's rules and keeps no object.

use super::ask::Ask;
use super::reply::{ListMeta, Shown, columns};
use crate::clock;
use crate::decode::{Encoding, Form, Shape};
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use crate::store::body::{splice, splice_metadata};
use serde_json::{Value, json};
use skiff_kinds::show;
use skiff_proto::List;
use skiff_schema::Tree;

/// What a row carries beside its cells (`includeObject`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// The object's metadata.
    Metadata,
    /// The object.
    Object,
    /// Nothing.
    None,
}

impl Include {
    /// From the query.
    ///
    /// # Errors
    /// 400 for another word.
    pub fn of(ask: &Ask) -> Outcome<Include> {
        match ask.query.text("includeObject") {
            "" | "Metadata" => Ok(Include::Metadata),
            "Object" => Ok(Include::Object),
            "None" => Ok(Include::None),
            other => Err(Refusal::bad_request(format!("unrecognized includeObject value: {other}"))),
        }
    }
}

/// Writes objects of one kind in one form.
pub struct Writer {
    kind: std::sync::Arc<Kind>,
    form: Form,
    include: Include,
    api_version: String,
    now_s: i64,
    list: Option<List>,
    scratch: Vec<u8>,
}

impl Writer {
    /// For a request.
    ///
    /// # Errors
    /// 400 for an unknown `includeObject`, 406 for a kind without a protobuf form.
    pub fn new(ask: &Ask) -> Outcome<Writer> {
        let api_version = ask.kind.resource.api_version();
        let list = match (ask.form.shape, ask.form.encoding) {
            (Shape::Object, Encoding::Protobuf) => {
                Some(List::of(&api_version, &ask.kind.resource.list_kind).map_err(|e| Refusal::not_acceptable(&e.to_string()))?)
            }
            _ => None,
        };
        let now_s = (clock::now_ms() / 1000) as i64;
        let include = if matches!(ask.form.shape, Shape::Table(_)) { Include::of(ask)? } else { Include::Metadata };
        Ok(Writer { kind: ask.kind.clone(), form: ask.form, include, api_version, now_s, list, scratch: Vec::new() })
    }

    /// `Content-Type`: tables and metadata are JSON, whatever else was agreed.
    #[must_use]
    pub fn content_type(form: Form) -> &'static str {
        if form.shape == Shape::Object { form.content_type(false) } else { Form::JSON.content_type(false) }
    }

    /// What stands before a list's items, which take `items_bytes` together (only protobuf must know).
    ///
    /// # Errors
    /// 500.
    pub fn head(&self, meta: &ListMeta, items_bytes: usize, out: &mut Vec<u8>) -> Outcome<()> {
        let custom = self.kind.resource.custom;
        match (self.form.shape, &self.list) {
            (Shape::Table(version), _) => table_head(&self.kind, version, &meta.value(false), true, out),
            (Shape::Partial(version), _) => {
                let meta = meta.value(false);
                let head = format!(
                    "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/{version}\",\"metadata\":{meta},\"items\":["
                );
                out.extend_from_slice(head.as_bytes());
            }
            (Shape::Object, Some(list)) => {
                out.extend_from_slice(&list.head(&meta.value(custom), items_bytes).map_err(Refusal::internal)?);
            }
            (Shape::Object, None) if self.form.encoding == Encoding::Yaml => {
                let list = json!({"kind": &*self.kind.resource.list_kind, "apiVersion": self.api_version, "metadata": meta.value(custom)});
                out.extend_from_slice(serde_saphyr::to_string(&list).map_err(Refusal::internal)?.as_bytes());
                out.extend_from_slice(b"items:");
            }
            (Shape::Object, None) => {
                let (list_kind, meta) = (&self.kind.resource.list_kind, meta.value(custom));
                let head = if self.form.pretty {
                    let meta = serde_json::to_string_pretty(&meta).unwrap_or_default().replace('\n', "\n  ");
                    format!(
                        "{{\n  \"kind\": \"{list_kind}\",\n  \"apiVersion\": \"{}\",\n  \"metadata\": {meta},\n  \"items\": [",
                        self.api_version
                    )
                } else {
                    format!("{{\"kind\":\"{list_kind}\",\"apiVersion\":\"{}\",\"metadata\":{meta},\"items\":[", self.api_version)
                };
                out.extend_from_slice(head.as_bytes());
            }
        }
        Ok(())
    }

    /// One item of a list; `first` if none is before it.
    ///
    /// # Errors
    /// 500 for an object that the form cannot hold.
    pub fn item(&mut self, first: bool, shown: &Shown, out: &mut Vec<u8>) -> Outcome<()> {
        let yaml = self.form.shape == Shape::Object && self.form.encoding == Encoding::Yaml;
        if !first && self.list.is_none() && !yaml {
            out.push(b',');
        }
        match (self.form.shape, &self.list) {
            (Shape::Table(version), _) => self.row(shown, version, out)?,
            (Shape::Partial(version), _) => metadata(shown, version, out),
            (Shape::Object, Some(list)) => {
                self.scratch.clear();
                splice(&mut self.scratch, &shown.body, shown.version, None, None);
                let tree = Tree::parse(&self.scratch).map_err(Refusal::internal)?;
                list.put_item(&tree, out).map_err(Refusal::internal)?;
            }
            (Shape::Object, None) => {
                let typed = self.kind.resource.custom.then_some((self.kind.kind(), self.api_version.as_str()));
                if !yaml && !self.form.pretty {
                    splice(out, &shown.body, shown.version, typed, None);
                    return Ok(());
                }
                self.scratch.clear();
                splice(&mut self.scratch, &shown.body, shown.version, typed, None);
                let tree = Tree::parse(&self.scratch).map_err(Refusal::internal)?;
                let text = if yaml {
                    serde_saphyr::to_string(&tree).map_err(Refusal::internal)?
                } else {
                    serde_json::to_string_pretty(&tree).map_err(Refusal::internal)?
                };
                // Neither language has a line end inside of a token that would mind being indented.
                let indent = if yaml { "\n  " } else { "\n    " };
                out.extend_from_slice(if yaml { b"\n- " } else { b"\n    " });
                out.extend_from_slice(text.trim_end().replace('\n', indent).as_bytes());
            }
        }
        Ok(())
    }

    /// What stands behind a list's items.
    pub fn tail(&self, out: &mut Vec<u8>) {
        let object = self.form.shape == Shape::Object;
        match &self.list {
            Some(_) => out.extend_from_slice(&List::tail()),
            None if object && self.form.encoding == Encoding::Yaml => {
                out.extend_from_slice(if out.ends_with(b"items:") { b" []\n" } else { b"\n" });
            }
            None if object && self.form.pretty => out.extend_from_slice(b"\n  ]\n}\n"),
            None => out.extend_from_slice(b"]}\n"),
        }
    }

    /// A row of a Table.
    ///
    /// # Errors
    /// 500 for a body that does not parse.
    pub fn row(&mut self, shown: &Shown, version: &str, out: &mut Vec<u8>) -> Outcome<()> {
        // Columns that a definition declares may name anything, kind and version included; those of built-in kinds do not.
        let bytes: &[u8] = if self.kind.custom.is_some() {
            self.scratch.clear();
            splice(&mut self.scratch, &shown.body, shown.version, Some((self.kind.kind(), &self.api_version)), None);
            &self.scratch
        } else {
            &shown.body
        };
        let tree = Tree::parse(bytes).map_err(Refusal::internal)?;
        let (group, kind) = (self.kind.group(), self.kind.kind());
        let cells = match &self.kind.custom {
            Some(version) => version.columns.cells(&tree, self.now_s),
            None => show::cells(group, kind, &tree, self.now_s),
        };
        out.extend_from_slice(b"{\"cells\":");
        put(out, &cells);
        if let Some(conditions) = show::row_conditions(group, kind, &tree) {
            out.extend_from_slice(b",\"conditions\":");
            put(out, &conditions);
        }
        out.extend_from_slice(b",\"object\":");
        match self.include {
            Include::Metadata => metadata(shown, version, out),
            Include::Object => splice(out, &shown.body, shown.version, Some((kind, &self.api_version)), None),
            Include::None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
        Ok(())
    }

    /// A whole object with its type, in protobuf.
    ///
    /// # Errors
    /// 406 if it has no protobuf form after all.
    pub fn protobuf(kind: &Kind, shown: &Shown) -> Outcome<Vec<u8>> {
        if shown.version == 0 {
            return super::reply::encode_protobuf(&super::reply::whole(kind, shown)); // a dry run's
        }
        let mut bytes = Vec::with_capacity(shown.body.len() + 128);
        let api_version = kind.resource.api_version();
        splice(&mut bytes, &shown.body, shown.version, Some((kind.kind(), &api_version)), None);
        let tree = Tree::parse(&bytes).map_err(Refusal::internal)?;
        skiff_proto::encode_tree(&tree).map_err(|e| Refusal::not_acceptable(&e.to_string()))
    }
}

/// An object's metadata alone.
pub fn metadata(shown: &Shown, version: &str, out: &mut Vec<u8>) {
    splice_metadata(out, &shown.body, shown.version, "PartialObjectMetadata", &format!("meta.k8s.io/{version}"));
}

/// A table up to its first row; the columns may be left out, as in all but the first event of a watch.
pub fn table_head(kind: &Kind, version: &str, meta: &Value, with_columns: bool, out: &mut Vec<u8>) {
    let columns =
        if with_columns { Value::Array(columns(kind).iter().map(show::Column::to_json).collect()) } else { Value::Null };
    let head = format!(
        "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/{version}\",\"metadata\":{meta},\"columnDefinitions\":{columns},\"rows\":["
    );
    out.extend_from_slice(head.as_bytes());
}

/// A table of one row, without a line end.
///
/// # Errors
/// See [`Writer::row`].
pub fn table_of(writer: &mut Writer, shown: &Shown, version: &str, with_columns: bool, out: &mut Vec<u8>) -> Outcome<()> {
    let kind = writer.kind.clone();
    table_head(&kind, version, &json!({"resourceVersion": shown.version.to_string()}), with_columns, out);
    writer.row(shown, version, out)?;
    out.extend_from_slice(b"]}");
    Ok(())
}

fn put(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Writing to a vector cannot fail, and what is written has only string keys.
    let _ = serde_json::to_writer(out, value);
}
