//! Panic: while a surge is on, the number only grows.
//!
//! Fed by [`super::decide`] with what the panic window asks for; knows nothing of averages.

/// The latch of one revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latch {
    /// Milliseconds of the last time over the threshold, plus one; 0 when calm.
    since_ms_plus_1: u64,
    peak: u32,
}

impl Latch {
    /// For a revision whose history is unknown. More than one ready sandbox starts in panic, so that a restart of the
    /// control plane does not scale down before it has seen a window.
    #[must_use]
    pub fn new(now_ms: u64, ready: u32) -> Self {
        Self { since_ms_plus_1: if ready > 1 { now_ms + 1 } else { 0 }, peak: ready }
    }

    /// Whether the latch is closed.
    #[must_use]
    pub fn in_panic(&self) -> bool {
        self.since_ms_plus_1 != 0
    }

    /// Begins, extends or ends the panic. `asked` is the panic window's unbounded number.
    pub fn turn(&mut self, now_ms: u64, asked: u32, ready: u32, threshold_milli: u32, stable_window_s: u32) {
        let over = u64::from(asked) * 1000 >= u64::from(ready.max(1)) * u64::from(threshold_milli);
        let ends_ms = self.since_ms_plus_1.saturating_sub(1).saturating_add(u64::from(stable_window_s) * 1000);
        if over {
            self.since_ms_plus_1 = now_ms + 1;
        } else if self.in_panic() && ends_ms < now_ms {
            *self = Self::default();
        }
    }

    /// The number to have: in panic the peak so far, which `wanted` may raise.
    pub fn hold(&mut self, wanted: u32) -> u32 {
        if !self.in_panic() {
            return wanted;
        }
        self.peak = self.peak.max(wanted);
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latches_extends_and_lets_go_after_a_stable_window() {
        let mut latch = Latch::new(0, 1);
        latch.turn(1_000, 1, 1, 2_000, 60);
        assert!(!latch.in_panic());
        latch.turn(2_000, 4, 2, 2_000, 60);
        assert!(latch.in_panic());
        assert_eq!((latch.hold(4), latch.hold(3), latch.hold(7), latch.hold(1)), (4, 4, 7, 7));
        latch.turn(30_000, 9, 4, 2_000, 60);
        latch.turn(90_000, 1, 7, 2_000, 60);
        assert!(latch.in_panic(), "exactly a window later is not after it");
        latch.turn(90_001, 1, 7, 2_000, 60);
        assert_eq!((latch.in_panic(), latch.hold(1)), (false, 1));
    }

    #[test]
    fn an_unknown_past_with_several_sandboxes_is_panic() {
        let mut latch = Latch::new(5_000, 3);
        assert_eq!((latch.in_panic(), latch.hold(0)), (true, 3));
    }
}
