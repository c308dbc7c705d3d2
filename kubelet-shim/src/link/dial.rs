//! One upgraded connection: TCP, TLS, `Upgrade: skiff-agent`, then frames.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use skiff_engine::wire::{FRAME_BYTES_MAX, UPGRADE, WIRE_VERSION};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Longest wait for connection, handshake and upgrade together.
const DIAL_TIME_MAX: Duration = Duration::from_secs(10);

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("refused with status {0}")]
    Refused(StatusCode),
    #[error("no answer in time")]
    Silent,
    #[error("frame is not readable: {0}")]
    Frame(#[from] postcard::Error),
    #[error("the control plane spoke out of turn: {0}")]
    Protocol(&'static str),
}

/// A stream cut into frames.
pub type Frames = Framed<TokioIo<Upgraded>, LengthDelimitedCodec>;

/// Dials `path` and upgrades.
pub async fn dial(api: SocketAddr, tls: Arc<ClientConfig>, path: &str) -> Result<TokioIo<Upgraded>, LinkError> {
    dial_saying(api, tls, path, None).await
}

/// As [`dial`], with the reason why what was asked for cannot be served (header `Skiff-Stream-Error`).
pub async fn dial_saying(
    api: SocketAddr,
    tls: Arc<ClientConfig>,
    path: &str,
    error: Option<&str>,
) -> Result<TokioIo<Upgraded>, LinkError> {
    let dialling = async {
        let tcp = TcpStream::connect(api).await?;
        tcp.set_nodelay(true)?;
        let stream = TlsConnector::from(tls).connect(ServerName::IpAddress(api.ip().into()), tcp).await?;
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::get(path)
            .header(header::HOST, api.to_string())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, UPGRADE)
            .header("Skiff-Wire", WIRE_VERSION.to_string());
        if let Some(error) = error {
            request = request.header("Skiff-Stream-Error", error.replace(|c: char| !(' '..='~').contains(&c), "?"));
        }
        let answer = client.send_request(request.body(Empty::<Bytes>::new())?).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(LinkError::Refused(answer.status()));
        }
        Ok(TokioIo::new(hyper::upgrade::on(answer).await?))
    };
    tokio::time::timeout(DIAL_TIME_MAX, dialling).await.unwrap_or(Err(LinkError::Silent))
}

/// Cuts a stream into frames.
pub fn frames(stream: TokioIo<Upgraded>) -> Frames {
    LengthDelimitedCodec::builder()
        .little_endian()
        .length_field_length(4)
        .max_frame_length(FRAME_BYTES_MAX as usize)
        .new_framed(stream)
}
