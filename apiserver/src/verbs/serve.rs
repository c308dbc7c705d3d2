//! One request to the resource tree, from its parts to its answer: looks the kind up, agrees on the form, calls the verb.

use super::ask::Ask;
use super::house::House;
use super::reply::{Content, Reply};
use super::{create, delete, list, pods, review, scale, stream, token, update};
use crate::admit::authorize;
use crate::admit::limits::Seat;
use crate::decode::{Address, Encoding, Form, Query, bytes};
use crate::status::{Outcome, Refusal};
use crate::watch;
use axum::body::Body;
use http::{Method, Request, Response, header};
use parking_lot::Mutex;
use skiff_access::User;
use skiff_kinds::table::{Storage, Verbs};
use std::sync::Arc;

/// Answers a request to the resource tree.
///
/// # Errors
/// Any refusal; the caller turns it into a Status.
pub async fn serve(
    house: Arc<House>,
    user: User,
    mut address: Address,
    request: Request<Body>,
    warnings: &mut Vec<String>,
) -> Outcome<Response<Body>> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let watching = address.watch_prefix || query.flag("watch")?;
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let verb = authorize::verb(request.method(), &address, watching && get);
    let field_name = named_by_selector(&query);
    authorize::resource(&house, &user, verb, &address, field_name.as_deref())?;
    let kinds = house.registry.kinds();
    let Some(kind) = kinds.find(&address.group, &address.version, &address.resource).cloned() else {
        return Err(if kinds.has_version(&address.group, &address.version) {
            Refusal::no_resource()
        } else {
            Refusal::no_path()
        });
    };
    drop(kinds);
    if !kind.resource.namespaced && !address.namespace.is_empty() {
        return Err(Refusal::no_resource());
    }
    if address.watch_prefix && !address.name.is_empty() {
        address.subresource.clear();
    }
    let virtual_kind = kind.resource.storage == Storage::Virtual;
    let tabular = kind.resource.tabular();
    let protobuf = skiff_proto::has_kind(&kind.resource.api_version(), kind.kind()) && !kind.resource.custom;
    let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let streams = matches!(address.subresource.as_str(), "exec" | "attach" | "portforward" | "log" | "proxy");
    let form = if streams { Form::JSON } else { Form::negotiate(accept, watching && get, tabular, protobuf)? };
    let form = Form { pretty: form.pretty || query.flag("pretty")?, ..form };
    let headers = request.headers();
    let (user_agent, content_type) = (header_text(headers, &header::USER_AGENT), header_text(headers, &header::CONTENT_TYPE));
    let ask = Arc::new(Ask {
        kind,
        address,
        query,
        user,
        user_agent: user_agent.unwrap_or_default(),
        form,
        content_type,
        warnings: Mutex::new(Vec::new()),
    });
    if let Some(warning) = ask.kind.custom.as_ref().and_then(|version| version.warning.as_deref()) {
        ask.warn(warning);
    }
    if ask.kind.id == crate::registry::ids::ENDPOINTS {
        ask.warn("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
    }
    let result =
        if virtual_kind { reviews(&house, &ask, request).await } else { dispatch(&house, &ask, request, watching).await };
    warnings.append(&mut ask.warnings.lock());
    result
}

fn header_text(headers: &http::HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
}

/// `fieldSelector=metadata.name=x` is authorised as a request for `x`.
fn named_by_selector(query: &Query) -> Option<String> {
    let selector = query.get("fieldSelector")?;
    let name = selector.strip_prefix("metadata.name=")?;
    (!name.contains(',')).then(|| name.trim_start_matches('=').to_owned())
}

async fn reviews(house: &House, ask: &Ask, request: Request<Body>) -> Outcome<Response<Body>> {
    if *request.method() != Method::POST {
        return Err(Refusal::method());
    }
    let body = bytes::read(request).await?;
    if ask.kind.kind() == "Binding" {
        return respond(pods::bind(house, ask, &body).await?);
    }
    respond(review::create(house, ask, &body)?)
}

async fn dispatch(house: &Arc<House>, ask: &Arc<Ask>, request: Request<Body>, watching: bool) -> Outcome<Response<Body>> {
    if !ask.address.subresource.is_empty() {
        return subresource(house, ask, request).await;
    }
    let collection = ask.address.name.is_empty();
    let verbs = ask.kind.resource.verbs;
    let all_namespaces = ask.kind.resource.namespaced && ask.address.namespace.is_empty();
    let method = request.method().clone();
    let needed = match (method.as_str(), collection) {
        ("GET" | "HEAD", _) if watching => Verbs::WATCH,
        ("GET" | "HEAD", true) => Verbs::LIST,
        ("GET" | "HEAD", false) => Verbs::GET,
        ("POST", true) if !all_namespaces => Verbs::CREATE,
        ("DELETE", true) if !all_namespaces => Verbs::DELETE_COLLECTION,
        ("PUT", false) => Verbs::UPDATE,
        ("PATCH", false) => Verbs::PATCH,
        ("DELETE", false) => Verbs::DELETE,
        _ => return Err(Refusal::method()),
    };
    if !verbs.contains(needed) {
        return Err(Refusal::method());
    }
    let seat = request.extensions().get::<Arc<Seat>>().cloned();
    if watching && matches!(method, Method::GET | Method::HEAD) {
        return watch_response(house, ask, seat).await;
    }
    let reply = match (method.as_str(), collection) {
        ("GET" | "HEAD", true) => list::list(house, ask, seat).await?,
        ("GET" | "HEAD", false) => list::get(house, ask).await?,
        (method, collection) => {
            let body = bytes::read(request).await?;
            match (method, collection) {
                ("POST", _) => create::create(house, ask, &body).await?,
                ("PUT", _) => update::put(house, ask, &body).await?,
                ("PATCH", _) => update::patch(house, ask, &body).await?,
                (_, true) => delete::delete_collection(house, ask, &body).await?,
                (_, false) => delete::delete(house, ask, &body).await?,
            }
        }
    };
    respond(reply)
}

async fn subresource(house: &Arc<House>, ask: &Arc<Ask>, request: Request<Body>) -> Outcome<Response<Body>> {
    let name = ask.address.subresource.clone();
    if ask.kind.resource.subresource(&name).is_none() {
        return Err(Refusal::no_resource());
    }
    let method = request.method().as_str().to_owned();
    match (name.as_str(), method.as_str()) {
        ("exec" | "attach" | "portforward", "GET" | "POST") => return stream::upgrade(house.clone(), ask.clone(), request).await,
        ("log", "GET") => return pods::log(house, ask).await,
        ("proxy", _) => return Err(Refusal::unsupported(format!("{}/proxy", ask.kind.resource.plural))),
        _ => {}
    }
    let reads = matches!(method.as_str(), "GET" | "HEAD");
    let body = if reads { ::bytes::Bytes::new() } else { bytes::read(request).await? };
    let reply = match (name.as_str(), method.as_str()) {
        ("scale", "GET" | "HEAD") => scale::get(house, ask)?,
        ("scale", "PUT") => scale::change(house, ask, &body, false).await?,
        ("scale", "PATCH") => scale::change(house, ask, &body, true).await?,
        ("token", "POST") => token::request(house, ask, &body)?,
        ("eviction", "POST") => pods::evict(house, ask, &body).await?,
        ("binding", "POST") => pods::bind(house, ask, &body).await?,
        (_, "GET" | "HEAD") => list::get(house, ask).await?,
        (_, "PUT") => update::put(house, ask, &body).await?,
        (_, "PATCH") => update::patch(house, ask, &body).await?,
        _ => return Err(Refusal::method()),
    };
    respond(reply)
}

/// A reply as HTTP.
///
/// # Errors
/// 500 if a header can't be written, which our own cannot.
pub fn respond(reply: Reply) -> Outcome<Response<Body>> {
    let mut builder = Response::builder().status(reply.code);
    if !reply.content_type.is_empty() {
        builder = builder.header(header::CONTENT_TYPE, reply.content_type);
    }
    let body = match reply.body {
        Content::Whole(bytes) => Body::from(bytes),
        Content::Chunks(chunks) => Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(chunks)),
    };
    builder.body(body).map_err(Refusal::internal)
}

async fn watch_response(house: &Arc<House>, ask: &Arc<Ask>, seat: Option<Arc<Seat>>) -> Outcome<Response<Body>> {
    let lines = watch::watch(house.clone(), ask.clone(), seat).await?;
    house.metrics.watches.inc();
    let stream = tokio_stream::wrappers::ReceiverStream::new(lines);
    let body = Body::from_stream(futures::StreamExt::map(stream, Ok::<_, std::convert::Infallible>));
    let kind = ask.form.content_type(true);
    debug_assert!(ask.form.encoding != Encoding::Yaml);
    Response::builder().status(200).header(header::CONTENT_TYPE, kind).body(body).map_err(Refusal::internal)
}
