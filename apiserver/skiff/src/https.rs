//! A client for a handful of requests: to the API with the administrator's certificate, to the gateway in the clear.
//!
//! Fed by the supervisor. One connection per request, everything with a bound on its time and size. Must not know what is
//! asked.

use crate::layout::{self, Layout};
use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Largest answer that is read.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Longest wait for an answer of the API.
const API_TIME_MAX: Duration = Duration::from_secs(10);

/// An answer, whole.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("the answer is no JSON")
    }
}

/// The API, as the administrator sees it.
pub struct Api {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Api {
    /// With the certificates of a data folder.
    pub fn of(layout: &Layout, address: SocketAddr) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&layout::read(&layout.at("ca.crt"))?) {
            roots.add(certificate.context("ca.crt")?)?;
        }
        let chain = layout::read(&layout.pki("admin", "crt"))?;
        let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>().context("pki/admin.crt")?;
        let key = PrivateKeyDer::from_pem_slice(&layout::read(&layout.pki("admin", "key"))?).context("pki/admin.key")?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        Ok(Self { address, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Reads `path`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Creates what `body` describes.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<Answer> {
        self.ask(Method::POST, path, Bytes::from(serde_json::to_vec(body)?)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Answer> {
        let asking = async {
            let tcp = TcpStream::connect(self.address).await?;
            tcp.set_nodelay(true)?;
            let stream = self.tls.connect(ServerName::IpAddress(self.address.ip().into()), tcp).await?;
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(header::HOST, self.address.to_string())
                .header(header::ACCEPT, "application/json")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::USER_AGENT, concat!("skiff/", env!("CARGO_PKG_VERSION")))
                .body(Full::new(body))?;
            exchange(stream, request).await
        };
        tokio::time::timeout(API_TIME_MAX, asking).await.with_context(|| format!("no answer within {API_TIME_MAX:?}"))?
    }
}

/// `GET path` over plain HTTP, for `host`.
pub async fn plain(address: SocketAddr, host: &str, path: &str, time_max: Duration) -> anyhow::Result<Answer> {
    let asking = async {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        exchange(tcp, Request::get(path).header(header::HOST, host).body(Full::default())?).await
    };
    tokio::time::timeout(time_max, asking).await.with_context(|| format!("no answer within {time_max:?}"))?
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = client.send_request(request).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    connection.abort();
    match body {
        Ok(body) => Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() }),
        Err(error) => bail!("the answer broke off: {error}"),
    }
}
