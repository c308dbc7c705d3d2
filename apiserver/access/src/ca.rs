//! The cluster's certificate authority, and the serving and client certificates it signs.
//!
//! Fed at start-up with what the data directory holds, or with nothing. Must not know where certificates are kept.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use std::net::IpAddr;
use std::time::Duration;

mod subject;

const DAY_S: u64 = 24 * 60 * 60;
const VALIDITY_S: u64 = 3650 * DAY_S;
/// Certificates begin a little before now, for clients whose clocks run behind.
const BACKDATED_S: u64 = 60 * 60;
/// The names pods know the server by.
const SERVICE_NAMES: [&str; 5] =
    ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"];

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("certificate: {0}")]
pub struct CaError(#[from] rcgen::Error);

/// A certificate and its private key, both as PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub cert_pem: String,
    /// The key, PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A key must not reach a log by way of some other type's derived Debug.
        f.debug_struct("Pair").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

/// A certificate authority.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pair: Pair,
}

impl Ca {
    /// Makes a new authority, valid ten years from now.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn create() -> Result<Ca, CaError> {
        let mut params = lasting_ten_years(now_s());
        params.distinguished_name = distinguished_name("kubernetes", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pair = Pair { cert_pem: params.self_signed(&key)?.pem(), key_pem: key.serialize_pem() };
        Ok(Ca { issuer: Issuer::new(params, key), pair })
    }

    /// Takes up an authority made earlier.
    ///
    /// # Errors
    /// The texts hold no certificate or no key.
    pub fn load(cert_pem: &str, key_pem: &str) -> Result<Ca, CaError> {
        let issuer = Issuer::from_ca_cert_pem(cert_pem, KeyPair::from_pem(key_pem)?)?;
        Ok(Ca { issuer, pair: Pair { cert_pem: cert_pem.into(), key_pem: key_pem.into() } })
    }

    /// The authority's certificate, as clients trust it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pair.cert_pem
    }

    /// The authority itself, to keep for `load`.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// A serving certificate for the names pods know the server by, and those given.
    ///
    /// # Errors
    /// A name that is no ASCII text.
    pub fn serving(&self, names: &[String], addresses: &[IpAddr]) -> Result<Pair, CaError> {
        let mut params = lasting_ten_years(now_s());
        params.distinguished_name = distinguished_name("kube-apiserver", &[]);
        for name in SERVICE_NAMES.iter().copied().chain(names.iter().map(String::as_str)) {
            let san = SanType::DnsName(name.try_into()?);
            if !params.subject_alt_names.contains(&san) {
                params.subject_alt_names.push(san);
            }
        }
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client certificate that makes its holder `user`, in `groups`.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn client(&self, user: &str, groups: &[&str]) -> Result<Pair, CaError> {
        let mut params = lasting_ten_years(now_s());
        params.distinguished_name = distinguished_name(user, groups);
        let pair = self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)?;
        if groups.len() < 2 {
            return Ok(pair);
        }
        let cert_pem = subject::with_groups(&pair.cert_pem, user, groups, self.issuer.key())?;
        Ok(Pair { cert_pem, ..pair })
    }

    fn sign(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Result<Pair, CaError> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pair { cert_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn now_s() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}

fn lasting_ten_years(now_s: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(now_s.saturating_sub(BACKDATED_S));
    params.not_after = epoch + Duration::from_secs(now_s + VALIDITY_S);
    params
}

fn distinguished_name(common: &str, groups: &[&str]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    // rcgen's names hold one entry of a kind; `subject::with_groups` sees to more than one group.
    if let [group] = groups {
        name.push(DnType::OrganizationName, *group);
    }
    name.push(DnType::CommonName, common);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::user_of_certificate;
    use x509_parser::pem::parse_x509_pem;

    fn der(pair: &Pair) -> Vec<u8> {
        parse_x509_pem(pair.cert_pem.as_bytes()).expect("our own PEM").1.contents
    }

    #[test]
    fn client_certificates_carry_every_group_and_verify() {
        let ca = Ca::create().expect("an authority");
        let ca_der = der(ca.pair());
        let (_, root) = x509_parser::parse_x509_certificate(&ca_der).expect("our own certificate");
        for groups in [&["system:masters"][..], &[], &["a", "b", "c"]] {
            let certificate = der(&ca.client("alice", groups).expect("a certificate"));
            let user = user_of_certificate(&certificate).expect("a user");
            assert_eq!(user.name, "alice");
            assert_eq!(user.groups[..user.groups.len() - 1], *groups);
            let (_, leaf) = x509_parser::parse_x509_certificate(&certificate).expect("our own certificate");
            assert_eq!(leaf.issuer(), root.subject());
            let spki = root.public_key().subject_public_key.data.as_ref();
            ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, spki)
                .verify(leaf.tbs_certificate.as_ref(), leaf.signature_value.data.as_ref())
                .expect("the authority's signature");
        }
    }

    #[test]
    fn a_loaded_authority_signs_for_the_same_root() {
        let ca = Ca::create().expect("an authority");
        let loaded = Ca::load(&ca.pair().cert_pem, &ca.pair().key_pem).expect("the same authority");
        assert_eq!(loaded.pem(), ca.pem());
        let names = ["node-1".to_owned(), "localhost".to_owned()];
        let serving = der(&loaded.serving(&names, &[IpAddr::from([127, 0, 0, 1])]).expect("a certificate"));
        let (_, leaf) = x509_parser::parse_x509_certificate(&serving).expect("our own certificate");
        let san = leaf.subject_alternative_name().expect("readable").expect("present");
        assert_eq!(san.value.general_names.len(), SERVICE_NAMES.len() + 2);
        assert!(Ca::load("no", "no").is_err());
    }
}
