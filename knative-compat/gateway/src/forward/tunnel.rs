//! After `101 Switching Protocols`: bytes both ways until one side ends (WebSocket and whatever else is asked for).
//!
//! Fed by [`super`]; keeps the place for as long as the tunnel lives. No time limits, as upstream has none on hijacked
//! connections.

use super::headers::Switch;
use super::reply::Body;
use crate::balance::Lease;
use crate::load::Visit;
use http::{HeaderValue, Response, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

/// Joins the two connections once both are free, and gives the answer that frees the user's.
pub(super) fn open(client: Switch, mut response: Response<Incoming>, kept: (Lease, Visit)) -> Response<Body> {
    let sandbox = hyper::upgrade::on(&mut response);
    let mut answer = Response::new(Body::full(""));
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    let protocol = answer.headers_mut().remove(header::UPGRADE).unwrap_or(client.protocol);
    super::headers::strip(answer.headers_mut());
    answer.headers_mut().insert(header::UPGRADE, protocol);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    tokio::spawn(async move {
        let _kept = kept;
        let joined = async {
            let (client, sandbox) = (client.upgrade.await?, sandbox.await?);
            let (mut client, mut sandbox) = (TokioIo::new(client), TokioIo::new(sandbox));
            // An end of one side without a goodbye is how tunnels end.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut sandbox).await;
            Ok::<_, hyper::Error>(())
        };
        if let Err(error) = joined.await {
            tracing::debug!(%error, "a tunnel was not opened");
        }
    });
    answer
}
