//! Crash back-off: how long a container that ended waits before it is started again.
//!
//! Fed by whoever restarts containers; it knows neither containers nor the clock. The numbers are the kubelet's.

/// Wait after the first crash, milliseconds.
pub const FIRST_MS: u64 = 10_000;
/// Longest wait, milliseconds.
pub const WAIT_MS_MAX: u64 = 300_000;
/// A container that stayed up this long starts over at [`FIRST_MS`].
pub const CALM_MS: u64 = 600_000;

/// The back-off of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    wait_ms: u32,
}

impl Backoff {
    /// The container ended after `ran_ms` of running. Answers how long to wait before the next start, milliseconds.
    pub fn crashed(&mut self, ran_ms: u64) -> u64 {
        let wait_ms =
            if self.wait_ms == 0 || ran_ms >= CALM_MS { FIRST_MS } else { (u64::from(self.wait_ms) * 2).min(WAIT_MS_MAX) };
        // WAIT_MS_MAX fits 32 bits, so nothing is lost.
        self.wait_ms = wait_ms as u32;
        wait_ms
    }

    /// The present wait in milliseconds, 0 before the first crash.
    #[must_use]
    pub fn wait_ms(&self) -> u64 {
        u64::from(self.wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap_and_starts_over_after_calm() {
        let mut backoff = Backoff::default();
        let waits: [u64; 7] = core::array::from_fn(|_| backoff.crashed(1_000));
        assert_eq!(waits, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
        assert_eq!(backoff.crashed(CALM_MS - 1), 300_000);
        assert_eq!(backoff.crashed(CALM_MS), FIRST_MS);
        assert_eq!(backoff.wait_ms(), FIRST_MS);
    }
}
