//! Long, slow and two-way traffic: time limits, streaming, upgrades, HTTP/2.

#![allow(clippy::unwrap_used)]

mod support;

use futures::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::time::Duration;
use support::{app, client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers `first` at once and `second` after `pause`.
async fn halting(pause: Duration) -> std::net::SocketAddr {
    app::serve(move |_| async move {
        let frames = stream::unfold(0, move |step| async move {
            let text = match step {
                0 => "first",
                1 => {
                    tokio::time::sleep(pause).await;
                    "second"
                }
                _ => return None,
            };
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(text.as_bytes()))), step + 1))
        });
        Response::new(BodyExt::boxed(StreamBody::new(Box::pin(frames).into_stream())))
    })
    .await
}

/// A stream that may be shared between threads, as the test applications' bodies have to be.
trait IntoSync: Sized {
    fn into_stream(self) -> SyncStream<Self> {
        SyncStream(std::sync::Mutex::new(self))
    }
}

impl<S> IntoSync for S {}

struct SyncStream<S>(std::sync::Mutex<S>);

impl<S: futures::Stream + Unpin> futures::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<S::Item>> {
        std::pin::Pin::new(self.get_mut().0.get_mut().unwrap()).poll_next(context)
    }
}

#[tokio::test]
async fn an_application_that_does_not_answer_is_timed_out() {
    for response_start in [false, true] {
        let mut stage = support::stage().await;
        let app = app::serve(|_| async { std::future::pending().await }).await;
        let change = |route: &mut skiff_engine::wire::RevisionRoute| {
            if response_start {
                route.response_start_timeout_s = 1;
            } else {
                route.timeout_s = 1;
            }
        };
        stage.route(change, &[app]).await;
        let answer = client::get(stage.address, "hello.example").await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (504, "request timeout"));
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_or_is_silent_too_long_is_cut() {
    for idle in [false, true] {
        let mut stage = support::stage().await;
        let change = |route: &mut skiff_engine::wire::RevisionRoute| {
            if idle {
                route.idle_timeout_s = 1;
            } else {
                route.timeout_s = 1;
            }
        };
        stage.route(change, &[halting(Duration::from_secs(600)).await]).await;
        let mut response = client::send(stage.address, client::request("hello.example", "/")).await;
        assert_eq!(response.status().as_u16(), 200);
        let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "first");
        assert!(response.body_mut().frame().await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_slow_answer_within_its_limits_is_streamed_whole() {
    let mut stage = support::stage().await;
    stage.route(|route| route.idle_timeout_s = 5, &[halting(Duration::from_millis(50)).await]).await;
    assert_eq!(client::get(stage.address, "hello.example").await.text, "firstsecond");
}

/// Speaks the upgrade by hand on both sides, then echoes.
#[tokio::test]
async fn websockets_pass_through_even_when_they_had_to_wait() {
    let mut stage = support::stage().await;
    stage.route(|route| route.concurrency_max = 1, &[]).await;
    let mut user = TcpStream::connect(stage.address).await.unwrap();
    let ask = "GET /ws HTTP/1.1\r\nHost: hello.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
               Sec-WebSocket-Key: k\r\n\r\n";
    user.write_all(ask.as_bytes()).await.unwrap();
    stage.session.cold().await;
    let app = app::serve(|mut request| async move {
        assert_eq!(request.headers()["upgrade"], "websocket");
        assert_eq!(request.headers()["sec-websocket-key"], "k");
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        });
        let response = Response::builder().status(101).header("connection", "Upgrade").header("upgrade", "websocket");
        response.header("sec-websocket-accept", "a").body(app::text("")).unwrap()
    })
    .await;
    stage.session.send(support::endpoints(1, &[app])).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(user.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: a") && head.contains("upgrade: websocket"), "{head}");
    user.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    user.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");
    // The tunnel keeps its place: the next request waits until it ends.
    let next = tokio::spawn(client::get(stage.address, "hello.example"));
    stage.session.cold().await;
    drop(user);
    next.abort();
}

#[tokio::test]
async fn grpc_like_calls_keep_their_trailers_over_h2c() {
    let mut stage = support::stage().await;
    let app = app::serve(|request| async move {
        assert_eq!(request.version(), http::Version::HTTP_2);
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.uri().authority().unwrap().as_str(), "hello.example");
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        let frames = [Ok::<_, Infallible>(Frame::data(sent)), Ok(Frame::trailers(trailers))];
        Response::new(BodyExt::boxed(StreamBody::new(stream::iter(frames))))
    })
    .await;
    stage.route(|route| route.h2c = true, &[app]).await;
    let request = Request::post("http://hello.example/svc/Method").header("te", "trailers");
    let response = client::send_h2(stage.address, request.body(Full::from("message")).unwrap()).await;
    let whole = response.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(whole.to_bytes(), "message");
}

#[tokio::test]
async fn either_protocol_of_the_user_reaches_either_protocol_of_the_application() {
    for h2c in [false, true] {
        let mut stage = support::stage().await;
        let app = app::serve(move |request| async move {
            let host = match request.uri().authority() {
                Some(authority) => authority.to_string(),
                None => request.headers()["host"].to_str().unwrap().to_owned(),
            };
            Response::new(app::text(format!("{:?} {host} {}", request.version(), request.uri().path())))
        })
        .await;
        stage.route(|route| route.h2c = h2c, &[app]).await;
        let version = if h2c { "HTTP/2.0" } else { "HTTP/1.1" };
        let old = client::send(stage.address, client::request("hello.example", "/a")).await;
        assert_eq!(client::whole(old).await.text, format!("{version} hello.example /a"));
        let request = Request::get("http://hello.example/b").body(Full::default()).unwrap();
        let new = client::send_h2(stage.address, request).await;
        assert_eq!(client::whole(new).await.text, format!("{version} hello.example /b"));
    }
}

#[tokio::test]
async fn expect_continue_is_answered_once_the_application_can_take_the_body() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[]).await;
    let mut user = TcpStream::connect(stage.address).await.unwrap();
    let ask = "POST / HTTP/1.1\r\nHost: hello.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    user.write_all(ask.as_bytes()).await.unwrap();
    stage.session.cold().await;
    let app = app::serve(|request| async move {
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(app::text(sent))
    })
    .await;
    stage.session.send(support::endpoints(1, &[app])).await;
    let mut go_on = [0; 25];
    user.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    user.write_all(b"body").await.unwrap();
    let mut rest = String::new();
    user.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK") && rest.ends_with("body"), "{rest}");
}

#[tokio::test]
async fn connections_to_a_sandbox_are_used_again_and_a_closed_one_is_no_error() {
    let mut stage = support::stage().await;
    let listener = tokio::net::TcpListener::bind(support::any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    stage.route(|_| {}, &[address]).await;
    // Answers two requests on a connection, then closes it without a word.
    let server = tokio::spawn(async move {
        let mut connections = 0;
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections += 1;
            for _ in 0..2 {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        }
        connections
    });
    for text in client::keep_alive(stage.address, "hello.example", 6).await {
        assert_eq!(text, "ok");
    }
    assert_eq!(server.await.unwrap(), 3);
}
