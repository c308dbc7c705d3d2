//! MD5 (RFC 1321), only because upstream's shortened child names contain one.

const SHIFT: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The digest in hexadecimal.
pub(super) fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(32);
    for byte in digest(text.as_bytes()) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn digest(message: &[u8]) -> [u8; 16] {
    let bits = (message.len() as u64).wrapping_mul(8);
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&bits.to_le_bytes());
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 16];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        mix(&mut state, &words);
    }
    let mut out = [0; 16];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    out
}

fn mix(state: &mut [u32; 4], words: &[u32; 16]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for step in 0..64_u32 {
        let i = step as usize;
        let (f, g) = match i / 16 {
            0 => ((b & c) | (!b & d), i),
            1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
            2 => (b ^ c ^ d, (3 * i + 5) % 16),
            _ => (c ^ (b | !d), (7 * i) % 16),
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let sine = ((f64::from(step) + 1.0).sin().abs() * 4_294_967_296.0) as u32;
        let turned = a.wrapping_add(f).wrapping_add(sine).wrapping_add(words[g]).rotate_left(SHIFT[i / 16][i % 4]);
        (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
    }
    for (slot, add) in state.iter_mut().zip([a, b, c, d]) {
        *slot = slot.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn vectors_of_rfc_1321() {
        assert_eq!(super::hex(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(super::hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(super::hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
