//! What the gateways measured of one revision, in buckets of one second, and its averages.
//!
//! Fed with samples by the engine. One ring serves the stable and the panic window (the panic window is its tail). The
//! arithmetic is upstream's: an average divides by the seconds since the first sample, at most the window; seconds for which
//! nothing arrived at the end are left out. One thing is ours: gateways report only revisions with traffic, and one zero
//! after the last, so after a zero the silence counts as zeros. The ring is allocated with the first traffic and freed when a
//! whole stable window was zero or silent, so that an idle revision costs the size of this struct.

use super::Aggregation;
use alloc::{boxed::Box, vec};

/// Buckets of one revision. Times are whole seconds of the caller's clock.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Thousandths, by second modulo the length; `None` means only zeros.
    ring: Option<Box<[u32]>>,
    /// First second of the unbroken stretch for the stable window, and for the panic window. 0 means no data at all.
    first_s: u32,
    panic_first_s: u32,
    /// Last second with a sample.
    last_s: u32,
    /// What samples of `last_s` sum up to; the bucket may hold more because of [`Window::edge`].
    sampled_milli: u32,
}

/// Averages in millionths, rounded (upstream keeps six digits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Averages {
    /// Over the stable window.
    pub stable_micro: u64,
    /// Over the panic window.
    pub panic_micro: u64,
}

impl Window {
    /// A gateway's sample for one second. Samples of several gateways in the same second add up.
    pub fn add(&mut self, now_s: u32, value_milli: u32, stable_s: u32, panic_s: u32) {
        if !self.advance(now_s, value_milli, stable_s, panic_s) {
            self.add_late(now_s, value_milli);
            return;
        }
        self.sampled_milli = self.sampled_milli.saturating_add(value_milli);
        self.raise(self.sampled_milli);
    }

    /// So many requests wait right now: the second counts at least this much, before its sample comes.
    pub fn edge(&mut self, now_s: u32, waiting: u32, stable_s: u32, panic_s: u32) {
        let value_milli = waiting.saturating_mul(1000);
        if self.advance(now_s, value_milli, stable_s, panic_s) {
            self.raise(value_milli);
        }
    }

    /// Both averages, or `None` when there were no data for a whole stable window.
    #[must_use]
    pub fn averages(&self, now_s: u32, stable_s: u32, panic_s: u32, aggregation: Aggregation) -> Option<Averages> {
        if self.first_s == 0 || (!self.quiet() && now_s.saturating_sub(self.last_s) > stable_s) {
            return None;
        }
        Some(match aggregation {
            Aggregation::Linear => Averages {
                stable_micro: self.linear(now_s, stable_s, self.first_s),
                panic_micro: self.linear(now_s, panic_s, self.panic_first_s),
            },
            Aggregation::WeightedExponential => {
                Averages { stable_micro: self.weighted(now_s, stable_s), panic_micro: self.weighted(now_s, panic_s) }
            }
        })
    }

    /// Frees the ring when the whole stable window is zero or silent. With `forget`, what is known of the past is dropped
    /// too (there is no sandbox, so the next traffic is a fresh start as upstream's emptied buckets are).
    pub fn shrink(&mut self, now_s: u32, stable_s: u32, forget: bool) {
        let silent = now_s.saturating_sub(self.last_s) > stable_s;
        let zero = self.quiet() && self.ring.as_ref().is_some_and(|ring| ring.iter().all(|&bucket| bucket == 0));
        if !(self.ring.is_none() || silent || zero) {
            return;
        }
        if forget || (silent && !self.quiet()) {
            *self = Self::default();
        } else {
            self.ring = None;
        }
    }

    /// Bytes held beyond the struct itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.ring.as_ref().map_or(0, |ring| size_of_val(&**ring))
    }

    /// Makes `now_s` the last second, with a bucket for `value_milli`. False when it lies before the last second.
    fn advance(&mut self, now_s: u32, value_milli: u32, stable_s: u32, panic_s: u32) -> bool {
        if self.first_s != 0 && now_s < self.last_s {
            return false;
        }
        if self.first_s != 0 && now_s == self.last_s {
            if value_milli > 0 && self.ring.is_none() {
                self.clear_between(now_s, stable_s.max(1) as usize);
            }
            return true;
        }
        let quiet = self.quiet();
        let silence = now_s - self.last_s;
        if self.first_s == 0 || (!quiet && silence > stable_s) {
            *self = Self { first_s: now_s, panic_first_s: now_s, last_s: now_s, ..Self::default() };
        } else if !quiet && silence > panic_s {
            self.panic_first_s = now_s;
        }
        if value_milli > 0 || self.ring.is_some() {
            let length = stable_s.max(1) as usize;
            self.clear_between(now_s, length);
        }
        self.last_s = now_s;
        self.sampled_milli = 0;
        true
    }

    /// Zeroes the buckets from the one after `last_s` to `now_s`, (re)allocating the ring if there is none of that length.
    fn clear_between(&mut self, now_s: u32, length: usize) {
        let fits = self.ring.as_ref().is_some_and(|ring| ring.len() == length);
        if !fits {
            let mut ring = vec![0; length].into_boxed_slice();
            // The window's length was changed by an annotation: keep what both have.
            if let Some(old) = &self.ring {
                for second in self.last_s.saturating_sub(length.min(old.len()) as u32 - 1)..=self.last_s {
                    ring[second as usize % length] = old[second as usize % old.len()];
                }
            }
            self.ring = Some(ring);
        }
        let Some(ring) = &mut self.ring else { return };
        if now_s.saturating_sub(self.last_s) as usize >= length {
            ring.fill(0);
            return;
        }
        for second in self.last_s + 1..=now_s {
            ring[second as usize % length] = 0;
        }
    }

    /// The last second's bucket holds at least this much.
    fn raise(&mut self, value_milli: u32) {
        if let Some(ring) = &mut self.ring {
            let bucket = &mut ring[self.last_s as usize % ring.len()];
            *bucket = (*bucket).max(value_milli);
        }
    }

    /// A late sample counts for its own second while the ring still has that one; an older one is of no use any more.
    fn add_late(&mut self, second: u32, value_milli: u32) {
        if let Some(ring) = &mut self.ring
            && ((self.last_s - second) as usize) < ring.len()
        {
            let bucket = &mut ring[second as usize % ring.len()];
            *bucket = bucket.saturating_add(value_milli);
        }
    }

    /// The last sample was zero: silence since then means zeros.
    fn quiet(&self) -> bool {
        self.first_s != 0 && self.bucket(self.last_s) == 0
    }

    fn bucket(&self, second: u32) -> u32 {
        self.ring.as_ref().map_or(0, |ring| ring[second as usize % ring.len()])
    }

    /// The last second that counts, and how many seconds at the end of the window have no data.
    fn tail(&self, now_s: u32) -> (u32, u32) {
        let missing = now_s.saturating_sub(self.last_s);
        if self.quiet() { (self.last_s + missing, 0) } else { (self.last_s, missing) }
    }

    fn linear(&self, now_s: u32, window_s: u32, first_s: u32) -> u64 {
        let (end_s, missing) = self.tail(now_s);
        let seconds = window_s.saturating_sub(missing).min(end_s - first_s.min(end_s) + 1);
        if seconds == 0 {
            return 0;
        }
        let from_s = (end_s + 1 - seconds).max(first_s);
        let length = self.ring.as_ref().map_or(0, |ring| ring.len() as u32);
        let total: u64 = (from_s..=end_s.min(self.last_s))
            .filter(|&second| self.last_s - second < length)
            .map(|second| u64::from(self.bucket(second)))
            .sum();
        (total * 1000 + u64::from(seconds) / 2) / u64::from(seconds)
    }

    fn weighted(&self, now_s: u32, window_s: u32) -> u64 {
        let (end_s, missing) = self.tail(now_s);
        let length = self.ring.as_ref().map_or(0, |ring| ring.len() as u32);
        let coefficient = smoothing_nano(window_s);
        let (mut multiplier, mut sum) = (coefficient, 0_u128);
        for back in 0..window_s.saturating_sub(missing) {
            let second = end_s.saturating_sub(back);
            if second <= self.last_s && self.last_s - second < length && second >= self.first_s {
                sum += u128::from(self.bucket(second)) * u128::from(multiplier);
            }
            multiplier = multiplier * (NANO - coefficient) / NANO;
            if multiplier == 0 {
                break;
            }
        }
        // Thousandths times billionths to millionths.
        u64::try_from((sum + 500_000) / 1_000_000).unwrap_or(u64::MAX)
    }
}

const NANO: u64 = 1_000_000_000;

/// `max(1 − 0.0001^(1/n), 0.2)` in billionths: after `n` seconds 99.99 % of the weight is used up.
fn smoothing_nano(window_s: u32) -> u64 {
    const REST: u64 = NANO / 10_000;
    // The largest x with x^n ≤ 0.0001, by halving; 30 steps settle all nine digits.
    let (mut low, mut high) = (0, NANO);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if power_nano(middle, window_s) <= REST { low = middle } else { high = middle }
    }
    (NANO - low).max(NANO / 5)
}

/// `base^exponent` with both in billionths; computed with six more digits, which the roundings eat.
fn power_nano(base: u64, exponent: u32) -> u64 {
    const FINE: u128 = 1_000_000;
    const ONE: u128 = NANO as u128 * FINE;
    let (mut result, mut square, mut left) = (ONE, u128::from(base) * FINE, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = result * square / ONE;
        }
        square = square * square / ONE;
        left >>= 1;
    }
    // At most ONE / FINE.
    (result / FINE) as u64
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
