//! A P-256 key as other tools write it (`EC PRIVATE KEY`: openssl, Helm's `genPrivateKey`) into the form that is read here.
//!
//! Fed by `identity` with an authority's key that was not made by this program. Must not know what the key is for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN EC PRIVATE KEY-----";
const END: &str = "-----END EC PRIVATE KEY-----";
/// `INTEGER 0`, then the algorithm: id-ecPublicKey on prime256v1.
const HEAD: [u8; 24] = [
    0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07,
];

/// PKCS#8 around a SEC 1 key; `None` if the text holds none. A key on another curve is refused by its reader.
pub fn as_pkcs8(pem: &str) -> Option<String> {
    let inside = pem.split_once(BEGIN)?.1.split_once(END)?.0;
    let key = STANDARD.decode(inside.split_whitespace().collect::<String>()).ok()?;
    let mut body = HEAD.to_vec();
    body.extend(element(0x04, &key)?);
    let whole = STANDARD.encode(element(0x30, &body)?);
    Some(format!("-----BEGIN PRIVATE KEY-----\n{whole}\n-----END PRIVATE KEY-----\n"))
}

/// Tag, length, content; a key on P-256 is shorter than what needs a longer length.
fn element(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(content.len()).ok()?;
    let mut bytes = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    bytes.extend_from_slice(content);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skiff_access::Ca;

    #[test]
    fn a_wrapped_key_is_the_key() {
        let ca = Ca::create().expect("authority");
        let pem = &ca.pair().key_pem;
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let whole = STANDARD.decode(text).expect("base64");
        // Tag and length of the whole, the head, tag and length of the key.
        let inner = &whole[3 + HEAD.len() + 2..];
        let sec1 = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(inner));
        let back = as_pkcs8(&sec1).expect("a SEC 1 key");
        assert!(back.contains(&STANDARD.encode(&whole)));
        assert!(Ca::load(&ca.pair().cert_pem, &back).is_ok());
        assert!(as_pkcs8(pem).is_none());
    }
}
