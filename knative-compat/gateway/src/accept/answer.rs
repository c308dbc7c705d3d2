//! The gateway's own answers, in upstream's words: a plain text and the headers that Go's `http.Error` sets.

use crate::forward::reply::Body;
use crate::wait::Refusal;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Bytes;

/// An answer without an application.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The host leads nowhere.
pub(super) fn unknown_host() -> Response<Body> {
    let mut response = Response::new(Body::full(""));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// The route leads to a revision that does not exist.
pub(super) fn unknown_revision(name: &str) -> Response<Body> {
    let text = format!("Error getting active endpoint: revision.serving.knative.dev \"{name}\" not found\n");
    plain(StatusCode::NOT_FOUND, text)
}

/// To the same place with TLS.
pub(super) fn redirect(host: &str, path_and_query: &str) -> Response<Body> {
    let mut response = Response::new(Body::full(""));
    match HeaderValue::try_from(format!("https://{host}{path_and_query}")) {
        Ok(location) => {
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// A request that got no place; also the reason's name in the metrics.
pub(crate) fn refused(refusal: &Refusal, revision: &str) -> (Response<Body>, &'static str) {
    match refusal {
        Refusal::Full => (plain(StatusCode::SERVICE_UNAVAILABLE, "pending request queue full\n"), "full"),
        Refusal::TimedOut => (plain(StatusCode::GATEWAY_TIMEOUT, "activator request timeout"), "timeout"),
        Refusal::Failing(message) => (plain(StatusCode::SERVICE_UNAVAILABLE, format!("{message}\n")), "failing"),
        Refusal::Gone => (unknown_revision(revision), "gone"),
    }
}
