//! ServiceAccount tokens: JWTs signed with ES256, and the key set others verify them with.
//!
//! Fed by the `token` subresource (to issue) and by the authenticator (to verify). Must not know whether the account, pod
//! or secret a token names still exists: the caller looks that up with the names and uids in the claims.

mod claims;

pub use claims::Claims;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How far clocks may be apart, as upstream's JWT library allows.
const LEEWAY_S: i64 = 60;
/// What precedes an uncompressed P-256 point in a SubjectPublicKeyInfo.
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];
const COORDINATE_LEN: usize = 32;

/// Why a token or a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The key's bytes are no P-256 key in PKCS#8.
    #[error("unusable signing key")]
    Key,
    /// No JWT, or none of ours: another issuer's authenticator may know it.
    #[error("not a service account token of this server")]
    Foreign,
    /// Ours by its header, but the signature does not fit.
    #[error("invalid signature")]
    Signature,
    /// Rightly signed, yet without the claims of a ServiceAccount.
    #[error("service account token claims are incomplete")]
    Claims,
    /// Its time is over.
    #[error("service account token has expired")]
    Expired,
    /// Its time has not come.
    #[error("service account token is not valid yet")]
    NotYet,
    /// Meant for others.
    #[error("token audiences {0:?} is invalid for the target audiences {1:?}")]
    Audience(Vec<String>, Vec<String>),
}

/// The key tokens are signed with.
pub struct TokenKeys {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    kid: String,
    random: SystemRandom,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKeys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl TokenKeys {
    /// Makes a new key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate() -> Result<TokenKeys, TokenError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(|_| TokenError::Key)?;
        TokenKeys::from_pkcs8(document.as_ref())
    }

    /// Takes up a key kept from `pkcs8`.
    ///
    /// # Errors
    /// The bytes are no P-256 key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<TokenKeys, TokenError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).map_err(|_| TokenError::Key)?;
        // As upstream: the digest of the public key's SubjectPublicKeyInfo.
        let spki = [&P256_SPKI_PREFIX[..], pair.public_key().as_ref()].concat();
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(spki));
        Ok(TokenKeys { pair, pkcs8: pkcs8.to_vec(), kid, random })
    }

    /// The private key, to keep.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Signs claims into a token.
    ///
    /// # Panics
    /// If the operating system stops giving randomness, without which nothing secret can be made.
    #[must_use]
    pub fn issue(&self, claims: &Claims) -> String {
        let header = json!({"alg": "ES256", "kid": self.kid});
        let signed = format!("{}.{}", encoded(&header), encoded(&claims.to_json()));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).expect("the operating system gives randomness");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Reads a token: signature, times, and that it is meant for one of `audiences`. The issuer is not compared, since a
    /// token of this key can be no other issuer's; nor is the existence of what it names.
    ///
    /// # Errors
    /// See [`TokenError`]; `Foreign` alone leaves the token to other authenticators.
    pub fn verify(&self, token: &str, now_s: i64, audiences: &[&str]) -> Result<Claims, TokenError> {
        let claims = self.verify_signature(token)?;
        if now_s - LEEWAY_S > claims.expires_s {
            return Err(TokenError::Expired);
        }
        if now_s + LEEWAY_S < claims.not_before_s || now_s + LEEWAY_S < claims.issued_s {
            return Err(TokenError::NotYet);
        }
        if !claims.audiences.iter().any(|held| audiences.contains(&held.as_str())) {
            let wanted = audiences.iter().map(|&audience| audience.to_owned()).collect();
            return Err(TokenError::Audience(claims.audiences, wanted));
        }
        Ok(claims)
    }

    fn verify_signature(&self, token: &str) -> Result<Claims, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Foreign)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Foreign)?;
        let header = decoded(header).ok_or(TokenError::Foreign)?;
        // The algorithm is ours to fix, never the token's to choose.
        if header["alg"] != "ES256" || header["kid"] != self.kid.as_str() {
            return Err(TokenError::Foreign);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Signature)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| TokenError::Signature)?;
        decoded(payload).as_ref().and_then(Claims::from_json).ok_or(TokenError::Claims)
    }

    /// The key set of `/openid/v1/jwks`.
    #[must_use]
    pub fn jwks(&self) -> Value {
        // Uncompressed point: a marker byte, then both coordinates.
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(COORDINATE_LEN);
        json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": self.kid, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }

    /// The document of `/.well-known/openid-configuration`; the key set is said to be under the issuer.
    #[must_use]
    pub fn openid_configuration(&self, issuer: &str) -> Value {
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{}/openid/v1/jwks", issuer.trim_end_matches('/')),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://kubernetes.default.svc";

    fn claims() -> Claims {
        Claims {
            issuer: ISSUER.into(),
            audiences: vec![ISSUER.into()],
            namespace: "ns".into(),
            name: "robot".into(),
            uid: "u1".into(),
            issued_s: 1_000,
            not_before_s: 1_000,
            expires_s: 4_600,
            jti: "j1".into(),
            pod: Some(("p".into(), "pu".into())),
            node: Some(("n".into(), "nu".into())),
            secret: None,
            warn_after_s: Some(4_000),
        }
    }

    #[test]
    fn what_is_issued_verifies_with_the_kept_key() {
        let keys = TokenKeys::generate().expect("a key");
        let kept = TokenKeys::from_pkcs8(keys.pkcs8()).expect("the same key");
        assert_eq!(kept.verify(&keys.issue(&claims()), 1_000, &[ISSUER]), Ok(claims()));
    }

    #[test]
    fn time_audience_and_signature_are_held_to() {
        let keys = TokenKeys::generate().expect("a key");
        let token = keys.issue(&claims());
        assert_eq!(keys.verify(&token, 4_661, &[ISSUER]), Err(TokenError::Expired));
        assert_eq!(keys.verify(&token, 939, &[ISSUER]), Err(TokenError::NotYet));
        assert!(matches!(keys.verify(&token, 1_000, &["vault"]), Err(TokenError::Audience(..))));
        assert!(matches!(keys.verify(&token, 1_000, &[]), Err(TokenError::Audience(..))));
        assert_eq!(keys.verify("wrong", 1_000, &[ISSUER]), Err(TokenError::Foreign));
        let other = TokenKeys::generate().expect("a key");
        assert_eq!(other.verify(&token, 1_000, &[ISSUER]), Err(TokenError::Foreign));
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts[1] = encoded(&Claims { name: "admin".into(), ..claims() }.to_json());
        assert_eq!(keys.verify(&parts.join("."), 1_000, &[ISSUER]), Err(TokenError::Signature));
    }

    #[test]
    fn the_user_is_the_service_account() {
        let user = claims().user();
        assert_eq!(user.name, "system:serviceaccount:ns:robot");
        assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
        assert_eq!(user.extra[0], ("authentication.kubernetes.io/credential-id".into(), vec!["JTI=j1".into()]));
    }
}
