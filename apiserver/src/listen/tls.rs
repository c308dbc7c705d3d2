//! The serving side of TLS: our certificate, and client certificates of our authority where a client has one.

use anyhow::{Context as _, Result};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// PEM files of the listener.
pub struct Certificates {
    /// The authority's certificate.
    pub ca_pem: Vec<u8>,
    /// Our certificate.
    pub cert_pem: Vec<u8>,
    /// Its key.
    pub key_pem: Vec<u8>,
}

impl Certificates {
    /// The acceptor. Clients without a certificate are let in; what they may do is decided later.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let mut roots = RootCertStore::empty();
        for cert in CertificateDer::pem_slice_iter(&self.ca_pem) {
            roots.add(cert.context("ca.crt")?).context("ca.crt")?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .context("client certificates")?;
        let chain =
            CertificateDer::pem_slice_iter(&self.cert_pem).collect::<Result<Vec<_>, _>>().context("serving certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem).context("serving key")?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS versions")?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .context("serving certificate")?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
