//! The scale-down delay: the largest number of the last so many seconds.
//!
//! Fed by [`super::decide`]; knows numbers and ticks. Kept as the falling sequence of maxima, so a steady revision holds one
//! entry whatever the delay.

use alloc::collections::VecDeque;

/// Seconds of one tick; numbers within a tick count as one (upstream's decision interval).
pub const TICK_S: u32 = 2;

/// The maxima of the last ticks, oldest and largest first.
#[derive(Clone, Debug, Default)]
pub struct Delay {
    maxima: VecDeque<(u32, u32)>,
}

impl Delay {
    /// Takes the number of now and gives the largest of the last `delay_s` seconds.
    pub fn hold(&mut self, now_ms: u64, delay_s: u32, wanted: u32) -> u32 {
        let tick = u32::try_from(now_ms / (u64::from(TICK_S) * 1000)).unwrap_or(u32::MAX);
        let ticks = delay_s.div_ceil(TICK_S).max(1);
        let mut wanted = wanted;
        while let Some(&(_, last)) = self.maxima.back() {
            if last > wanted {
                break;
            }
            self.maxima.pop_back();
        }
        while self.maxima.front().is_some_and(|&(at, _)| tick.saturating_sub(at) >= ticks) {
            self.maxima.pop_front();
        }
        if let Some(&(at, last)) = self.maxima.back()
            && at == tick
        {
            wanted = last;
            self.maxima.pop_back();
        }
        self.maxima.push_back((tick, wanted));
        self.maxima.front().map_or(wanted, |&(_, largest)| largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_only_after_the_delay_and_step_by_step() {
        let mut delay = Delay::default();
        let mut at = |second: u64, wanted| delay.hold(second * 1000, 10, wanted);
        assert_eq!((at(0, 5), at(2, 3), at(4, 4), at(6, 1)), (5, 5, 5, 5));
        assert_eq!((at(8, 1), at(10, 1), at(12, 1), at(14, 1), at(16, 1)), (5, 4, 4, 1, 1));
        assert_eq!(at(18, 9), 9);
    }

    #[test]
    fn the_larger_of_one_tick_counts() {
        let mut delay = Delay::default();
        assert_eq!((delay.hold(0, 2, 5), delay.hold(1_999, 2, 2), delay.hold(2_000, 2, 2)), (5, 5, 2));
    }
}
