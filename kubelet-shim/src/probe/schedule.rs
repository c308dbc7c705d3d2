//! When a probe is due and what its results mean. Pure: time is microseconds since the container's start.

use crate::pod::Probe;

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Startup,
    Readiness,
    Liveness,
}

/// How long a starting container is probed tightly, in microseconds; one that needs longer is probed by its period.
const TIGHT_US: u64 = 10_000_000;

/// State of one probe.
#[derive(Debug)]
pub struct Schedule {
    kind: Kind,
    period_us: u64,
    successes_needed: u32,
    failures_needed: u32,
    /// Smallest and largest distance of tight checks.
    tight_us: (u64, u64),
    first_us: u64,
    due_us: u64,
    gap_us: u64,
    good: bool,
    passed: bool,
    successes: u32,
    failures: u32,
    counted_us: Option<u64>,
}

impl Schedule {
    pub fn new(probe: &Probe, kind: Kind, now_us: u64) -> Schedule {
        let first_us = now_us + u64::from(probe.initial_delay_seconds) * 1_000_000;
        // A command costs a fork of the runtime, a request next to nothing.
        let tight_us = if probe.action.exec.is_some() { (50_000, 500_000) } else { (1_000, 25_000) };
        Schedule {
            kind,
            period_us: u64::from(if probe.period_seconds == 0 { 10 } else { probe.period_seconds }) * 1_000_000,
            successes_needed: probe.success_threshold.max(1),
            failures_needed: probe.failure_threshold.max(1),
            tight_us,
            first_us,
            due_us: if kind == Kind::Liveness { first_us.max(now_us + 1_000_000) } else { first_us },
            gap_us: tight_us.0,
            // Alive until shown otherwise, but neither started nor ready.
            good: kind == Kind::Liveness,
            passed: false,
            successes: 0,
            failures: 0,
            counted_us: None,
        }
    }

    pub fn due_us(&self) -> u64 {
        self.due_us
    }

    fn is_tight(&self, now_us: u64) -> bool {
        // Only until the first success: a container that turns unready is not worth the haste.
        self.kind != Kind::Liveness && !self.passed && now_us < self.first_us + TIGHT_US
    }

    /// Takes a result in. `Some` if the verdict changed, or a failure is final.
    pub fn record(&mut self, ok: bool, now_us: u64) -> Option<bool> {
        let tight = self.is_tight(now_us);
        self.due_us = now_us + if tight { self.gap_us } else { self.period_us };
        if tight {
            self.gap_us = (self.gap_us * 5 / 4).min(self.tight_us.1);
        }
        if ok {
            self.successes += 1;
            self.failures = 0;
            if self.good || self.successes < self.successes_needed {
                return None;
            }
            self.good = true;
            self.passed = true;
            self.due_us = now_us + self.period_us;
            return Some(true);
        }
        self.successes = 0;
        // Tight checks fail often; only one in each period counts against the threshold.
        if tight && now_us < self.counted_us.unwrap_or(self.first_us) + self.period_us {
            return None;
        }
        self.counted_us = Some(now_us);
        self.failures += 1;
        if self.failures < self.failures_needed || (self.kind == Kind::Readiness && !self.good) {
            return None;
        }
        self.good = false;
        self.failures = 0;
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn probe(json: &str) -> Probe {
        serde_json::from_str(json).expect("probe")
    }

    #[test]
    fn tight_until_the_first_success_then_by_period() {
        let mut schedule = Schedule::new(&probe(r#"{"tcpSocket":{"port":1},"periodSeconds":10}"#), Kind::Readiness, 0);
        assert_eq!(schedule.due_us(), 0);
        let mut gaps = Vec::new();
        for _ in 0..30 {
            let now = schedule.due_us();
            assert_eq!(schedule.record(false, now), None);
            gaps.push(schedule.due_us() - now);
        }
        assert_eq!((gaps[0], gaps[29]), (1000, 25_000));
        let now = schedule.due_us();
        assert_eq!(schedule.record(true, now), Some(true));
        assert_eq!(schedule.due_us(), now + 10 * SECOND);
        for failure in 1..=3 {
            let now = schedule.due_us();
            assert_eq!(schedule.record(false, now), (failure == 3).then_some(false));
            assert_eq!(schedule.due_us(), now + 10 * SECOND, "not tight again");
        }
    }

    #[test]
    fn startup_fails_after_its_periods_not_after_tight_checks() {
        let json = r#"{"httpGet":{"port":1},"periodSeconds":1,"failureThreshold":3}"#;
        let mut schedule = Schedule::new(&probe(json), Kind::Startup, 0);
        let mut checks = 0;
        let failed_at = loop {
            let now = schedule.due_us();
            checks += 1;
            if schedule.record(false, now) == Some(false) {
                break now;
            }
        };
        assert!((3 * SECOND..4 * SECOND).contains(&failed_at) && checks > 100, "{failed_at} {checks}");
    }

    #[test]
    fn initial_delay_and_liveness() {
        let json = r#"{"exec":{"command":["x"]},"initialDelaySeconds":5,"periodSeconds":2,"failureThreshold":2}"#;
        let mut schedule = Schedule::new(&probe(json), Kind::Liveness, 0);
        assert_eq!(schedule.due_us(), 5 * SECOND);
        assert_eq!(schedule.record(true, 5 * SECOND), None);
        assert_eq!(schedule.record(false, 7 * SECOND), None);
        assert_eq!(schedule.record(false, 9 * SECOND), Some(false));
    }
}
