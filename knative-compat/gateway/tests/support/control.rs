//! A control plane with one kind of agent: TLS with client certificates, the upgrade, frames.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use skiff_engine::wire::{self, Load, Route};
use skiff_gateway::AgentTls;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub struct Control {
    pub address: SocketAddr,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    gateway: AgentTls,
}

pub struct Session {
    stream: TlsStream<TcpStream>,
    /// The request head that opened it.
    pub head: String,
}

impl Control {
    pub async fn start() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let issue = |names: Vec<String>, common_name: &str| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, common_name);
            (params.signed_by(&key, &authority).unwrap(), key)
        };
        let (server, server_key) = issue(vec!["127.0.0.1".into()], "skiff");
        let (client, client_key) = issue(Vec::new(), "skiff:gateway:g1");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![server.der().clone()], PrivateKeyDer::try_from(server_key.serialize_der()).unwrap())
            .unwrap();
        let listener = TcpListener::bind(super::any_port()).await.unwrap();
        let gateway = AgentTls {
            ca_pem: authority.pem().into_bytes(),
            cert_pem: client.pem().into_bytes(),
            key_pem: client_key.serialize_pem().into_bytes(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { address: listener.local_addr().unwrap(), listener, acceptor, gateway }
    }

    pub fn gateway_tls(&self) -> AgentTls {
        self.gateway.clone()
    }

    /// The next session, after its `Hello`.
    pub async fn accept(&self) -> Session {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut stream = self.acceptor.accept(stream).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: skiff-agent\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut session = Session { stream, head: String::from_utf8(head).unwrap() };
        let hello = session.next().await;
        assert!(matches!(&hello, Load::Hello { name } if name == "g1"), "{hello:?}");
        session
    }
}

impl Session {
    pub async fn send(&mut self, route: Route) {
        let frame = postcard::to_allocvec(&route).unwrap();
        self.stream.write_u32_le(frame.len() as u32).await.unwrap();
        self.stream.write_all(&frame).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub async fn next(&mut self) -> Load {
        let length = self.stream.read_u32_le().await.unwrap();
        assert!(length <= wire::FRAME_BYTES_MAX);
        let mut frame = vec![0; length as usize];
        self.stream.read_exact(&mut frame).await.unwrap();
        postcard::from_bytes(&frame).unwrap()
    }

    /// The next message that `take` wants; others are passed over.
    pub async fn until<T>(&mut self, mut take: impl FnMut(&Load) -> Option<T>) -> T {
        loop {
            let load = self.next().await;
            if let Some(taken) = take(&load) {
                return taken;
            }
        }
    }

    /// The next report of waiting requests: revision and how many.
    pub async fn cold(&mut self) -> (u32, u32) {
        self.until(|load| match load {
            Load::Cold { revision, waiting } => Some((*revision, *waiting)),
            _ => None,
        })
        .await
    }

    /// Everything sent so far has been taken in.
    pub async fn settle(&mut self) {
        self.send(Route::Ping).await;
        self.until(|load| matches!(load, Load::Beat).then_some(())).await;
    }
}
