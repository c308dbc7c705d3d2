//! Gives a certificate a subject of several groups, which rcgen's names cannot hold (one entry of a kind).
//!
//! Fed by the authority with a certificate it just signed; knows of DER only what a splice needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{Error, KeyPair, SigningKey};
use x509_parser::pem::parse_x509_pem;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8_STRING: u8 = 0x0c;
const BIT_STRING: u8 = 0x03;
/// 2.5.4.10 and 2.5.4.3, encoded.
const ORGANIZATION: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x0a];
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
/// ecdsa-with-SHA256, as an AlgorithmIdentifier.
const ECDSA_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const PEM_LINE: usize = 64;

/// The certificate with its subject replaced by one O for each group and the CN, signed anew.
pub(super) fn with_groups(cert_pem: &str, common: &str, groups: &[&str], key: &KeyPair) -> Result<String, Error> {
    let unreadable = |_| Error::CouldNotParseCertificate;
    let der = parse_x509_pem(cert_pem.as_bytes()).map_err(|_| Error::CouldNotParseCertificate)?.1.contents;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(unreadable)?;
    let tbs = certificate.tbs_certificate.as_ref();
    let old = certificate.tbs_certificate.subject.as_raw();
    // Both slices borrow from `der`, the subject from within the to-be-signed part.
    let at = old.as_ptr() as usize - tbs.as_ptr() as usize;
    let content = content_start(tbs).ok_or(Error::CouldNotParseCertificate)?;
    let spliced = [&tbs[content..at], &name(common, groups), &tbs[at + old.len()..]].concat();
    let tbs = tagged(SEQUENCE, &spliced);
    let signature = tagged(BIT_STRING, &[&[0], key.sign(&tbs)?.as_slice()].concat());
    Ok(pem(&tagged(SEQUENCE, &[tbs.as_slice(), &ECDSA_SHA256, &signature].concat())))
}

fn name(common: &str, groups: &[&str]) -> Vec<u8> {
    let mut parts: Vec<u8> = groups.iter().flat_map(|group| attribute(&ORGANIZATION, group)).collect();
    parts.extend(attribute(&COMMON_NAME, common));
    tagged(SEQUENCE, &parts)
}

fn attribute(oid: &[u8], text: &str) -> Vec<u8> {
    let value = tagged(UTF8_STRING, text.as_bytes());
    tagged(SET, &tagged(SEQUENCE, &[oid, &value].concat()))
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    if content.len() < 0x80 {
        out.push(length[length.len() - 1]);
    } else {
        let skip = length.iter().take_while(|byte| **byte == 0).count();
        // At most eight bytes of length follow, so the count fits.
        out.push(0x80 | (length.len() - skip).to_le_bytes()[0]);
        out.extend_from_slice(&length[skip..]);
    }
    out.extend_from_slice(content);
    out
}

/// Where the content of an element begins.
fn content_start(element: &[u8]) -> Option<usize> {
    let first = *element.get(1)?;
    Some(if first < 0x80 { 2 } else { 2 + usize::from(first & 0x7f) })
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}
