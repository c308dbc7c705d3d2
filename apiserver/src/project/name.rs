//! Derived names and identities: the same inputs give the same name after every failover.

use sha2::{Digest, Sha256};

/// Kubernetes' alphabet of generated names: no vowels, no digits that look like letters.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Multiplier that scatters consecutive numbers, prime to 27^5.
const SCATTER: u64 = 7_654_321;
/// Its inverse modulo 27^5.
const GATHER: u64 = inverse(SCATTER, SPACE);
const SPACE: u64 = 27 * 27 * 27 * 27 * 27;

const fn inverse(a: u64, modulus: u64) -> u64 {
    // Extended Euclid in i128: both numbers are below 2^24.
    let (mut r0, mut r1, mut t0, mut t1) = (modulus as i128, a as i128, 0i128, 1i128);
    while r1 != 0 {
        let q = r0 / r1;
        (r0, r1) = (r1, r0 - q * r1);
        (t0, t1) = (t1, t0 - q * t1);
    }
    if t0 < 0 { (t0 + modulus as i128) as u64 } else { t0 as u64 }
}

/// The five letters of a sandbox's number: a bijection, so that a Pod's name leads back to its row.
#[must_use]
pub fn suffix_of(seq: u32) -> [u8; 5] {
    let mut number = u64::from(seq) * SCATTER % SPACE;
    let mut out = [0; 5];
    for letter in out.iter_mut().rev() {
        *letter = ALPHABET[(number % 27) as usize];
        number /= 27;
    }
    out
}

/// The number behind five letters.
#[must_use]
pub fn seq_of(suffix: &str) -> Option<u32> {
    if suffix.len() != 5 {
        return None;
    }
    let mut number = 0u64;
    for letter in suffix.bytes() {
        number = number * 27 + ALPHABET.iter().position(|a| *a == letter)? as u64;
    }
    u32::try_from(number * GATHER % SPACE).ok()
}

/// Letters from any number, as `rand.SafeEncodeString` of a hash looks.
#[must_use]
pub fn letters(mut number: u64, count: usize) -> String {
    let mut out = String::with_capacity(count);
    for _ in 0..count {
        out.push(ALPHABET[(number % 27) as usize] as char);
        number /= 27;
    }
    out
}

/// 64 bits that depend on all of the parts.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> u64 {
    u64::from_le_bytes(wide(parts)[..8].try_into().unwrap_or_default())
}

fn wide(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The identity of something derived from an identity, in the form of a random UUID.
#[must_use]
pub fn derived_uid(parent: u128, what: &[u8]) -> u128 {
    let bytes = wide(&[&parent.to_be_bytes(), what]);
    let mut uid = [0; 16];
    uid.copy_from_slice(&bytes[..16]);
    uuid::Builder::from_random_bytes(uid).into_uuid().as_u128()
}

/// `metadata.uid` as text.
#[must_use]
pub fn uid_text(uid: u128) -> String {
    uuid::Uuid::from_u128(uid).to_string()
}

/// `metadata.uid` from text; 0 if it is none.
#[must_use]
pub fn uid_of(text: &str) -> u128 {
    uuid::Uuid::parse_str(text).map_or(0, |u| u.as_u128())
}

/// A new identity.
#[must_use]
pub fn new_uid() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_leads_back_to_its_number() {
        for seq in [0, 1, 2, 26, 27, 12_345, 14_348_906] {
            let suffix = suffix_of(seq);
            assert_eq!(seq_of(std::str::from_utf8(&suffix).unwrap()), Some(seq));
        }
        assert_eq!(seq_of("aeiou"), None);
        assert_ne!(&suffix_of(1)[..4], &suffix_of(2)[..4]);
    }
}
