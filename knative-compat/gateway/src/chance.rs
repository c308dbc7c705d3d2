//! Chance, from one seed: the same seed and the same order of requests give the same choices.

use skiff_engine::policy::scatter;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of seeds for the policies, shared by all requests.
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(AtomicU64::new(seed.unwrap_or_else(rand)))
    }

    /// A new number, unrelated to the one before.
    pub(crate) fn roll(&self) -> u64 {
        scatter(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The standard library's per-process randomness is enough for what is not secret.
fn rand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
