//! Probes of the data path, which never reach an application.
//!
//! Upstream's three parts of the path are one process here, so it answers for each of them: the ingress (`probe`), the
//! activator (`activator`) and the queue proxy (`queue`, which stands for "a sandbox is ready").

use super::answer;
use crate::forward::reply::Body;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};

const PROBE: HeaderName = HeaderName::from_static("k-network-probe");
const HASH: HeaderName = HeaderName::from_static("k-network-hash");

/// The answer, if the request is a probe. `ready` says whether the host's revision has a sandbox; `None` for an unknown host.
pub(super) fn answer(headers: &HeaderMap, ready: impl FnOnce() -> Option<bool>) -> Option<Response<Body>> {
    let Some(value) = headers.get(PROBE) else {
        let kubelet = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe/"));
        return kubelet.then(|| answer::plain(StatusCode::OK, "ok"));
    };
    Some(match value.as_bytes() {
        b"activator" => answer::plain(StatusCode::OK, "activator"),
        b"probe" => {
            let mut response = answer::plain(StatusCode::OK, "");
            if let Some(hash) = headers.get(HASH) {
                response.headers_mut().insert(HASH, hash.clone());
            }
            response
        }
        b"queue" => match ready() {
            Some(true) => answer::plain(StatusCode::OK, "queue"),
            Some(false) => answer::plain(StatusCode::SERVICE_UNAVAILABLE, "queue not ready\n"),
            None => answer::unknown_host(),
        },
        other => {
            let text = format!("unexpected probe header value: {:?}\n", String::from_utf8_lossy(other));
            answer::plain(StatusCode::BAD_REQUEST, text)
        }
    })
}
