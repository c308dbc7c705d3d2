//! One check: a request, a connection, a gRPC health call or a command. `Err` holds upstream's text for the event.

use crate::pod::{Container, Grpc, Handler, HttpGet, TcpSocket};
use crate::runtime::events::ExecWaits;
use crate::runtime::{Containerd, exec};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer that are looked at: the status line is all that matters.
const ANSWER_BYTES_MAX: usize = 1024;

/// What is probed.
#[derive(Clone)]
pub struct Target {
    pub address: Ipv4Addr,
    pub container: Arc<Container>,
    pub container_id: String,
    /// `process` of its spec.
    pub process: Arc<Value>,
}

/// A target and the means to check it.
#[derive(Clone)]
pub struct Checker {
    pub target: Target,
    pub runtime: Containerd,
    pub execs: ExecWaits,
    pub fifo_dir: PathBuf,
}

impl Checker {
    /// One check. `time_max` bounds a command's run; the caller bounds the whole.
    pub async fn check(&self, action: &Handler, time_max: Duration) -> Result<(), String> {
        if let Some(http) = &action.http_get {
            self.http(http).await
        } else if let Some(tcp) = &action.tcp_socket {
            self.tcp(tcp).await
        } else if let Some(grpc) = &action.grpc {
            self.grpc(grpc).await
        } else if let Some(command) = &action.exec {
            self.exec(&command.command, time_max).await
        } else {
            Ok(())
        }
    }

    fn host(&self, host: &str) -> String {
        if host.is_empty() { self.target.address.to_string() } else { host.to_owned() }
    }

    fn port(&self, port: &Value) -> Result<u16, String> {
        self.target.container.port(port).ok_or_else(|| format!("unknown port {port}"))
    }

    async fn tcp(&self, tcp: &TcpSocket) -> Result<(), String> {
        let (host, port) = (self.host(&tcp.host), self.port(&tcp.port)?);
        TcpStream::connect((host.as_str(), port)).await.map(|_| ()).map_err(|e| format!("dial tcp {host}:{port}: {e}"))
    }

    async fn http(&self, get: &HttpGet) -> Result<(), String> {
        let (host, port) = (self.host(&get.host), self.port(&get.port)?);
        let path = if get.path.starts_with('/') { get.path.clone() } else { format!("/{}", get.path) };
        let secure = get.scheme.eq_ignore_ascii_case("https");
        let scheme = if secure { "https" } else { "http" };
        let told = |e: std::io::Error| format!("Get \"{scheme}://{host}:{port}{path}\": {e}");
        let mut head = format!("GET {path} HTTP/1.1\r\nConnection: close\r\nAccept: */*\r\nUser-Agent: kube-probe/1.36\r\n");
        if !get.http_headers.iter().any(|h| h.name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("Host: {host}:{port}\r\n"));
        }
        for header in &get.http_headers {
            head.push_str(&format!("{}: {}\r\n", header.name, header.value.as_deref().unwrap_or_default()));
        }
        head.push_str("\r\n");
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(told)?;
        stream.set_nodelay(true).ok();
        let status = if secure {
            let name = rustls_pki_types::ServerName::try_from(host.clone()).map_err(|e| e.to_string())?;
            let connector = tokio_rustls::TlsConnector::from(crate::link::tls::unverified());
            status_of(connector.connect(name, stream).await.map_err(told)?, &head).await
        } else {
            status_of(stream, &head).await
        };
        match status.map_err(told)? {
            200..=399 => Ok(()),
            status => Err(format!("HTTP probe failed with statuscode: {status}")),
        }
    }

    async fn exec(&self, argv: &[String], time_max: Duration) -> Result<(), String> {
        let command =
            exec::Command { container: &self.target.container_id, process: &self.target.process, argv, stdin: false, tty: false };
        match exec::run(&self.runtime, &self.execs, &self.fifo_dir, command, time_max).await {
            Ok(Some((0, _))) => Ok(()),
            Ok(Some((_, output))) => Err(output),
            Ok(None) => Err(format!("command timed out after {}s", time_max.as_secs())),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn grpc(&self, grpc: &Grpc) -> Result<(), String> {
        let stream = TcpStream::connect((self.target.address, grpc.port)).await.map_err(|e| e.to_string())?;
        let io = TokioIo::new(stream);
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.map_err(|e| e.to_string())?;
        let driving = tokio::spawn(connection);
        let request = http::Request::post(format!("http://{}:{}/grpc.health.v1.Health/Check", self.target.address, grpc.port))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", "kube-probe/1.36")
            .body(Full::new(health_request(&grpc.service)))
            .map_err(|e| e.to_string())?;
        let answer = async {
            let answer = client.send_request(request).await.map_err(|e| e.to_string())?;
            let body = answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
            // Five bytes of framing, then field 1 = SERVING.
            if body.get(5..) == Some(&[8, 1]) {
                Ok(())
            } else {
                Err("service unhealthy (responded with \"NOT_SERVING\")".to_owned())
            }
        };
        let result = answer.await;
        driving.abort();
        result
    }
}

/// `HealthCheckRequest{service}` in a gRPC frame; a service name of up to 127 bytes is sent.
fn health_request(service: &str) -> Bytes {
    let mut message = Vec::new();
    if let Ok(length @ 1..=127) = u8::try_from(service.len()) {
        message.extend([0x0a, length]);
        message.extend(service.as_bytes());
    }
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    frame.extend(message);
    frame.into()
}

async fn status_of(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> std::io::Result<u16> {
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::with_capacity(ANSWER_BYTES_MAX);
    while answer.len() < ANSWER_BYTES_MAX && !answer.contains(&b'\n') {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    let status = std::str::from_utf8(&answer)
        .ok()
        .and_then(|text| text.split(' ').nth(1))
        .and_then(|code| code[..code.len().min(3)].parse().ok());
    status.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "malformed HTTP response"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn status_line_is_read() {
        let (client, mut server) = tokio::io::duplex(256);
        let answering = tokio::spawn(async move {
            let mut request = [0; 64];
            let count = server.read(&mut request).await.expect("request");
            server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("answer");
            request[..count].to_vec()
        });
        assert_eq!(status_of(client, "GET / HTTP/1.1\r\n\r\n").await.ok(), Some(204));
        assert!(answering.await.expect("server").starts_with(b"GET /"));
    }

    #[test]
    fn health_frame() {
        assert_eq!(&health_request("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&health_request("a")[..], [0, 0, 0, 0, 3, 0x0a, 1, b'a']);
    }
}
