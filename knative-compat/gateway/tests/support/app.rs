//! Applications: what runs in a sandbox, here on a loopback port.

use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

pub type Body = BoxBody<Bytes, Infallible>;

pub fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// Serves `answer` on a new port.
pub async fn serve<F, A>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send,
{
    let listener = TcpListener::bind(super::any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer.clone();
                    async move { Ok::<_, Infallible>(answer(request).await) }
                });
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// Answers its name.
pub async fn named(name: &'static str) -> SocketAddr {
    serve(move |_| async move { Response::new(text(name)) }).await
}

/// Answers the request's headers, one a line, sorted.
pub async fn mirror() -> SocketAddr {
    serve(|request| async move {
        let mut lines: Vec<String> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect();
        lines.sort();
        Response::new(text(lines.join("\n")))
    })
    .await
}

/// Counts how many requests it has at a time, each for a while.
#[derive(Default)]
pub struct Crowd {
    now: AtomicUsize,
    pub most: AtomicUsize,
    pub served: AtomicUsize,
}

impl Crowd {
    pub async fn serve(self: &Arc<Self>, stay: Duration) -> SocketAddr {
        let crowd = self.clone();
        serve(move |_| {
            let crowd = crowd.clone();
            async move {
                let now = crowd.now.fetch_add(1, Ordering::SeqCst) + 1;
                crowd.most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(stay).await;
                crowd.now.fetch_sub(1, Ordering::SeqCst);
                crowd.served.fetch_add(1, Ordering::SeqCst);
                Response::new(text("done"))
            }
        })
        .await
    }
}
