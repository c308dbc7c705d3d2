//! OpenAPI documents: made when first asked for, kept until the kinds change.

use super::prose::Prose;
use crate::registry::Kinds;
use crate::status::{Outcome, Refusal};
use crate::verbs::house::House;
use axum::body::Body;
use http::{Request, Response, header};
use parking_lot::Mutex;
use skiff_schema::Gvk;
use skiff_schema::openapi::{self, ResourceDoc, SubresourceDoc};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Upstream's release that the documents name.
const RELEASE: &str = "v1.36.3";

/// A document and the hash that its ETag carries.
type Hashed = (bytes::Bytes, String);

struct Made {
    /// What they were made of; held, so that no later set of kinds can be taken for it.
    kinds: Arc<Kinds>,
    documents: BTreeMap<String, Hashed>,
    v2: Option<Hashed>,
}

/// The documents made so far.
#[derive(Default)]
pub struct Documents(Mutex<Option<Made>>);

impl Documents {
    /// Serves `/openapi/v2`, `/openapi/v3` and below.
    ///
    /// # Errors
    /// 404, 406.
    pub fn serve(&self, house: &House, path: &str, request: &Request<Body>) -> Outcome<Response<Body>> {
        let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let known = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
        let kinds = Arc::clone(&house.registry.kinds());
        let mut guard = self.0.lock();
        if guard.as_ref().is_none_or(|made| !Arc::ptr_eq(&made.kinds, &kinds)) {
            *guard = Some(make(kinds));
        }
        let Some(made) = guard.as_mut() else { return Err(Refusal::no_path()) };
        match path {
            "/openapi/v2" => v2(made, accept, known),
            "/openapi/v3" => {
                let index = openapi::v3_index(made.documents.iter().map(|(path, (_, hash))| (path.as_str(), hash.as_str())));
                let body = serde_json::to_vec(&index).unwrap_or_default();
                // Upstream sends this one with the type of plain text.
                document(body.into(), "text/plain; charset=utf-8", Tag::NONE)
            }
            _ => {
                let name = path.strip_prefix("/openapi/v3/").unwrap_or_default();
                let Some((body, hash)) = made.documents.get(name) else { return Err(Refusal::no_path()) };
                if accept.contains("protobuf") && !accept.contains("json") && !accept.contains("*/*") {
                    return Err(Refusal::not_acceptable("application/json"));
                }
                let query = crate::decode::Query::parse(request.uri().query().unwrap_or_default());
                let exact = query.get("hash") == Some(hash);
                if query.get("hash").is_some() && !exact {
                    let place = format!("/openapi/v3/{name}?hash={hash}");
                    return Response::builder()
                        .status(301)
                        .header(header::LOCATION, place)
                        .body(Body::empty())
                        .map_err(Refusal::internal);
                }
                document(body.clone(), "application/json", Tag { hash: Some(hash), known, immutable: exact })
            }
        }
    }
}

/// How a client may keep a document.
struct Tag<'a> {
    hash: Option<&'a str>,
    /// What the client says it has, `If-None-Match`.
    known: Option<&'a str>,
    immutable: bool,
}

impl Tag<'_> {
    const NONE: Tag<'static> = Tag { hash: None, known: None, immutable: false };

    fn is_known(&self) -> bool {
        let (Some(hash), Some(known)) = (self.hash, self.known) else { return false };
        known.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"')).any(|tag| tag == hash || tag == "*")
    }
}

fn document(body: bytes::Bytes, kind: &'static str, tag: Tag<'_>) -> Outcome<Response<Body>> {
    let mut builder = Response::builder().header(header::VARY, "Accept");
    if let Some(hash) = tag.hash {
        builder = builder.header(header::ETAG, format!("\"{hash}\""));
    }
    if tag.immutable {
        builder = builder.header(header::CACHE_CONTROL, "public, immutable");
    }
    if tag.is_known() {
        return builder.status(304).body(Body::empty()).map_err(Refusal::internal);
    }
    builder.status(200).header(header::CONTENT_TYPE, kind).body(Body::from(body)).map_err(Refusal::internal)
}

/// kubectl up to 1.28 wants protobuf; an empty document satisfies it, since version 3 decides (api-surface.md 1.3).
fn v2(made: &mut Made, accept: &str, known: Option<&str>) -> Outcome<Response<Body>> {
    if accept.contains("protobuf") {
        return document(bytes::Bytes::new(), "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", Tag::NONE);
    }
    let (body, hash) = made.v2.get_or_insert_with(|| {
        let docs = resource_docs(&made.kinds);
        let prose = Prose::new();
        let describe = |name: &str, field: Option<&str>| prose.of(name, field);
        hashed(&openapi::v2_document(RELEASE, &docs, Some(&describe)))
    });
    document(body.clone(), "application/json", Tag { hash: Some(hash), known, immutable: false })
}

fn hashed(document: &serde_json::Value) -> Hashed {
    let body = serde_json::to_vec(document).unwrap_or_default();
    let hash = openapi::document_hash(&body);
    (body.into(), hash)
}

fn resource_docs(kinds: &Kinds) -> Vec<ResourceDoc<'_>> {
    kinds
        .all()
        .filter_map(|kind| {
            let (schema, root) = kind.schema()?;
            let r = &kind.resource;
            let sub = |s: &'_ skiff_kinds::table::Subresource| s.group_version.as_ref().map(|(g, v)| Gvk::new(g, v, &s.kind));
            let subresources =
                r.subresources.iter().map(|s| SubresourceDoc { name: &s.name, gvk: sub(s), verbs: s.verbs.names().collect() });
            Some(ResourceDoc {
                gvk: Gvk::new(&r.group, &r.version, &r.kind),
                plural: &r.plural,
                namespaced: r.namespaced,
                verbs: r.verbs.names().collect(),
                subresources: subresources.collect(),
                schema,
                root,
                custom: r.custom,
                published: kind.custom.as_ref().map(|version| &version.published),
                selectable: kind.custom.as_ref().map(|version| version.selectable.as_slice()).unwrap_or_default(),
            })
        })
        .collect()
}

fn make(kinds: Arc<Kinds>) -> Made {
    let mut documents = BTreeMap::new();
    let docs = resource_docs(&kinds);
    let mut by_version: BTreeMap<String, Vec<ResourceDoc<'_>>> = BTreeMap::new();
    for doc in docs {
        by_version.entry(openapi::group_path(&doc.gvk.group, &doc.gvk.version)).or_default().push(doc);
    }
    let prose = Prose::new();
    let describe = |name: &str, field: Option<&str>| prose.of(name, field);
    for (path, docs) in by_version {
        documents.insert(path, hashed(&openapi::v3_document(RELEASE, &docs, Some(&describe))));
    }
    Made { kinds, documents, v2: None }
}
