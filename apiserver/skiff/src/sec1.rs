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
    use super::as_pkcs8;
    use skiff_access::Ca;

    // Made by Helm's `genCAWithKey` for this test, and used nowhere.
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIA4URSWEBnhfGa4M+zkpBAQLvaYM/twmCiKlYC54pxfqoAoGCCqGSM49\n\
        AwEHoUQDQgAE+SQ362+Y3ng5Tg3khLfCmum4uLmfQ26+XqDx92nKSmV7cRsFAwcw\n\
        zcR+/eiiCrjGTmhcVgf26XgmcuPoLDp+gw==\n\
        -----END EC PRIVATE KEY-----\n";

    #[test]
    fn a_key_of_helm_signs() {
        let pkcs8 = as_pkcs8(KEY).expect("a SEC 1 key");
        let cert = Ca::create().expect("authority").pair().cert_pem.clone();
        let ca = Ca::load(&cert, &pkcs8).expect("key is read");
        assert!(ca.client("me", &[]).is_ok());
        assert!(as_pkcs8(&pkcs8).is_none());
    }
}
