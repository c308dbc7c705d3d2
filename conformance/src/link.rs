//! Connections to one HTTP server, with or without TLS, and the lines of a streamed answer.
//!
//! Fed by the exchanges and the load programs. Knows nothing of Kubernetes; does not check certificates, because `kubectl`,
//! `kn` and the `kube` crate do that in the tests and a raw client has to reach stock servers with unknown authorities too.

use anyhow::{Context, Result, bail};
use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A whole request body.
pub type Body = Full<Bytes>;

/// Where a server is.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port`, as in the `Host` header.
    pub authority: String,
    host: String,
    secure: bool,
}

/// A byte stream to a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    /// Reads `http://host[:port]` or `https://host[:port]`.
    ///
    /// # Errors
    /// Any other form.
    pub fn parse(url: &str) -> Result<Self> {
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => bail!("{url}: neither http:// nor https://"),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().with_context(|| format!("{url}: port"))?),
            None => (authority, if secure { 443 } else { 80 }),
        };
        Ok(Target { authority: format!("{host}:{port}"), host: host.to_owned(), secure })
    }

    /// The scheme and authority, for absolute URIs of HTTP/2.
    #[must_use]
    pub fn base(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }

    async fn connect(&self, protocol: &[u8]) -> Result<TokioIo<Box<dyn Stream>>> {
        Ok(TokioIo::new(self.stream(protocol).await?))
    }

    /// A connection for whoever writes requests by hand; `protocol` is that of ALPN.
    ///
    /// # Errors
    /// No connection, or no TLS.
    pub async fn stream(&self, protocol: &[u8]) -> Result<Box<dyn Stream>> {
        let plain = TcpStream::connect(&self.authority).await.with_context(|| format!("connect to {}", self.authority))?;
        plain.set_nodelay(true)?;
        if !self.secure {
            return Ok(Box::new(plain));
        }
        let name = ServerName::try_from(self.host.clone())?;
        let stream = TlsConnector::from(Arc::new(trusting(protocol))).connect(name, plain).await?;
        Ok(Box::new(stream))
    }

    /// One HTTP/1.1 connection, driven in the background until its sender is dropped.
    ///
    /// # Errors
    /// No connection, or no TLS.
    pub async fn http1(&self) -> Result<http1::SendRequest<Body>> {
        let (sender, connection) = http1::handshake(self.connect(b"http/1.1").await?).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// One HTTP/2 connection; clones of its sender share it.
    ///
    /// # Errors
    /// No connection, no TLS, or a server without HTTP/2.
    pub async fn http2(&self) -> Result<http2::SendRequest<Body>> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(1 << 24)
            .handshake(self.connect(b"h2").await?)
            .await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// A request to this server with a bearer token (none if empty) and a JSON `Accept`.
    ///
    /// # Errors
    /// A path that is no path.
    pub fn request(&self, method: &str, path: &str, token: &str, kind: &str, body: Bytes) -> Result<Request<Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base()))
            .header("accept", "application/json")
            .header("user-agent", "skiff-conformance");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", kind);
        }
        Ok(request.body(Full::new(body))?)
    }
}

fn trusting(protocol: &[u8]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(AnyCertificate(provider.clone()));
    #[allow(clippy::expect_used)]
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The lines of an answer that is still being sent, such as a watch.
pub struct Lines {
    body: Incoming,
    buffer: BytesMut,
    /// What of `buffer` is known to hold no line end: a line that arrives in many pieces is searched once.
    searched: usize,
}

impl Lines {
    /// Takes over the body of an answer.
    #[must_use]
    pub fn new(answer: Response<Incoming>) -> Self {
        Lines { body: answer.into_body(), buffer: BytesMut::new(), searched: 0 }
    }

    /// The next line, without its end; `None` at the end of the answer.
    ///
    /// # Errors
    /// A broken connection, or no byte for `patience`.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Bytes>> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + at).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            match tokio::time::timeout(patience, self.body.frame()).await.context("no byte in time")? {
                Some(frame) => {
                    if let Some(data) = frame?.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    self.searched = 0;
                    return Ok(Some(self.buffer.split().freeze()));
                }
            }
        }
    }
}

/// The whole body of an answer, no frame of which may take longer than `patience`.
///
/// # Errors
/// A broken connection, or no byte for `patience`.
pub async fn whole(answer: Response<Incoming>, patience: Duration) -> Result<Bytes> {
    let mut body = answer.into_body();
    let mut all = BytesMut::new();
    while let Some(frame) = tokio::time::timeout(patience, body.frame()).await.context("no byte in time")? {
        if let Some(data) = frame?.data_ref() {
            all.extend_from_slice(data);
        }
    }
    Ok(all.freeze())
}
