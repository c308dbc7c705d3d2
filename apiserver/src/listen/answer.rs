//! The last step of every request: a refusal becomes its Status, and the headers that all answers carry are added.

use crate::status::{Outcome, Refusal};
use axum::body::Body;
use http::{HeaderValue, Response, header};

/// Puts an answer into its final form.
pub(super) fn finish(
    result: Outcome<Response<Body>>,
    warnings: &[String],
    audit: Option<HeaderValue>,
    head: bool,
) -> Response<Body> {
    let mut response = result.unwrap_or_else(|refusal| refused(&refusal));
    let headers = response.headers_mut();
    for warning in warnings {
        let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{escaped}\"")) {
            headers.append(header::WARNING, value);
        }
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    let audit = audit.or_else(|| HeaderValue::from_str(&crate::project::name::uid_text(crate::project::name::new_uid())).ok());
    if let Some(audit) = audit {
        headers.insert("audit-id", audit);
    }
    if head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// A refusal as HTTP.
fn refused(refusal: &Refusal) -> Response<Body> {
    let (kind, body) = if refusal.plain {
        ("text/plain; charset=utf-8", refusal.message.clone().into_bytes())
    } else {
        let mut body = serde_json::to_vec(&refusal.status()).unwrap_or_default();
        body.push(b'\n');
        ("application/json", body)
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = http::StatusCode::from_u16(refusal.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(seconds) = refusal.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
