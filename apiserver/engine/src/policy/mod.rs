//! The policies: pure answers to "how many", "which" and "when".
//!
//! Fed by the engine's reactions (and, for [`pick`], by the gateway). They know plain numbers only: no table, no clock, no
//! chance. Time is an argument in milliseconds, chance is an argument called `seed`.

pub mod backoff;
pub mod pick;
pub mod place;
pub mod rollout;
pub mod scale;

/// Spreads a counter or an identity over all 64 bits (the finaliser of SplitMix64), so that consecutive seeds are unrelated.
#[must_use]
pub const fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound` (which must not be 0) from a scattered seed, without the modulo's bias towards small numbers.
#[must_use]
pub const fn below(scattered: u64, bound: usize) -> usize {
    ((scattered as u128 * bound as u128) >> 64) as usize
}
