//! Users.

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// One request on a connection of its own.
pub async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.unwrap()
}

/// The same with prior knowledge of HTTP/2.
pub async fn send_h2(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

pub fn request(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", host).body(Full::default()).unwrap()
}

pub async fn get(address: SocketAddr, host: &str) -> Answer {
    whole(send(address, request(host, "/")).await).await
}

pub async fn get_with(address: SocketAddr, host: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(host, "/");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    whole(send(address, request).await).await
}

pub async fn whole(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// Many requests, one after another, on one connection.
pub async fn keep_alive(address: SocketAddr, host: &str, count: usize) -> Vec<String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        sender.ready().await.unwrap();
        let request = Request::get("/").header("host", host).body(Empty::new()).unwrap();
        texts.push(whole(sender.send_request(request).await.unwrap()).await.text);
    }
    texts
}
