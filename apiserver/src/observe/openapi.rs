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

struct Made {
    kinds: usize,
    documents: BTreeMap<String, (bytes::Bytes, String)>,
    v2: Option<bytes::Bytes>,
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
        let kinds = Arc::clone(&house.registry.kinds());
        let mut guard = self.0.lock();
        let stamp = Arc::as_ptr(&kinds) as usize;
        if guard.as_ref().is_none_or(|made| made.kinds != stamp) {
            *guard = Some(make(&kinds, stamp));
        }
        let Some(made) = guard.as_mut() else { return Err(Refusal::no_path()) };
        match path {
            "/openapi/v2" => v2(made, &kinds, accept),
            "/openapi/v3" => {
                let index = openapi::v3_index(made.documents.iter().map(|(path, (_, hash))| (path.as_str(), hash.as_str())));
                let body = serde_json::to_vec(&index).unwrap_or_default();
                // Upstream sends this one with the type of plain text.
                document(body.into(), "text/plain; charset=utf-8", None, false)
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
                document(body.clone(), "application/json", Some(hash), exact)
            }
        }
    }
}

fn document(body: bytes::Bytes, kind: &'static str, etag: Option<&str>, immutable: bool) -> Outcome<Response<Body>> {
    let mut builder = Response::builder().status(200).header(header::CONTENT_TYPE, kind).header(header::VARY, "Accept");
    if let Some(etag) = etag {
        builder = builder.header(header::ETAG, format!("\"{etag}\""));
    }
    if immutable {
        builder = builder.header(header::CACHE_CONTROL, "public, immutable");
    }
    builder.body(Body::from(body)).map_err(Refusal::internal)
}

/// kubectl up to 1.28 wants protobuf; an empty document satisfies it, since version 3 decides (api-surface.md 1.3).
fn v2(made: &mut Made, kinds: &Kinds, accept: &str) -> Outcome<Response<Body>> {
    if accept.contains("protobuf") {
        return document(bytes::Bytes::new(), "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", None, false);
    }
    let body = made.v2.get_or_insert_with(|| {
        let docs = resource_docs(kinds);
        let prose = Prose::new();
        let describe = |name: &str, field: Option<&str>| prose.of(name, field);
        serde_json::to_vec(&openapi::v2_document(RELEASE, &docs, Some(&describe))).unwrap_or_default().into()
    });
    document(body.clone(), "application/json", None, false)
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
            })
        })
        .collect()
}

fn make(kinds: &Kinds, stamp: usize) -> Made {
    let mut documents = BTreeMap::new();
    let docs = resource_docs(kinds);
    let mut by_version: BTreeMap<String, Vec<ResourceDoc<'_>>> = BTreeMap::new();
    for doc in docs {
        by_version.entry(openapi::group_path(&doc.gvk.group, &doc.gvk.version)).or_default().push(doc);
    }
    let prose = Prose::new();
    let describe = |name: &str, field: Option<&str>| prose.of(name, field);
    for (path, docs) in by_version {
        let body = serde_json::to_vec(&openapi::v3_document(RELEASE, &docs, Some(&describe))).unwrap_or_default();
        let hash = openapi::document_hash(&body);
        documents.insert(path, (body.into(), hash));
    }
    Made { kinds: stamp, documents, v2: None }
}
