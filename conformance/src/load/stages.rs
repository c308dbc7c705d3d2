//! The stages of a cold request, from its `Server-Timing` header. Fed by `cold` and `coldstart`.

use super::table::{Latencies, milliseconds};
use std::time::Duration;

/// In the order of the path. What the node's work takes is not the control plane's or the gateway's.
pub const STAGES: [(&str, bool); 9] = [
    ("queued", true),
    ("decided", true),
    ("placed", true),
    ("ordered", true),
    ("network", false),
    ("created", false),
    ("started", false),
    ("ready", false),
    ("forwarded", true),
];

/// One latency per stage of each cold request, and the part of control plane and gateway together.
pub struct Breakdown {
    stages: Vec<Latencies>,
    own: Latencies,
}

/// `name;dur=1.234, …` as pairs of name and milliseconds.
pub fn parse(header: &str) -> Vec<(&str, f64)> {
    header
        .split(',')
        .filter_map(|entry| {
            let mut parts = entry.trim().split(';');
            let name = parts.next()?;
            let duration = parts.find_map(|part| part.trim().strip_prefix("dur="))?;
            Some((name, duration.parse().ok()?))
        })
        .collect()
}

impl Breakdown {
    /// None yet.
    pub fn new() -> Self {
        Breakdown { stages: STAGES.iter().map(|_| Latencies::new()).collect(), own: Latencies::new() }
    }

    /// Adds one cold request's header.
    pub fn add(&mut self, header: &str) {
        let mut own = 0.0;
        for (name, ms) in parse(header) {
            let Some(at) = STAGES.iter().position(|(stage, _)| *stage == name) else { continue };
            self.stages[at].add(Duration::from_secs_f64(ms.max(0.0) / 1000.0));
            if STAGES[at].1 {
                own += ms.max(0.0);
            }
        }
        self.own.add(Duration::from_secs_f64(own / 1000.0));
    }

    /// How many were added.
    pub fn count(&self) -> u64 {
        self.own.count()
    }

    /// Rows of stage, p50, p99; the last row is the control plane's and the gateway's part.
    pub fn rows(&self) -> Vec<[String; 3]> {
        let stages = STAGES.iter().zip(&self.stages).filter(|(_, latencies)| latencies.count() > 0);
        let mut rows: Vec<_> =
            stages.map(|((name, _), latencies)| [(*name).to_owned(), latencies.ms(0.5), latencies.ms(0.99)]).collect();
        rows.push(["control plane and gateway".to_owned(), self.own.ms(0.5), self.own.ms(0.99)]);
        rows
    }

    /// The median of the control plane's and the gateway's part.
    pub fn own_p50(&self) -> String {
        if self.own.count() == 0 { milliseconds(f64::NAN) } else { self.own.ms(0.5) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breakdown, parse};

    #[test]
    fn reads_a_header_and_adds_up_what_is_ours() {
        let header = "queued;dur=0.5, created;dur=20, forwarded;desc=x;dur=1.5";
        assert_eq!(parse(header), [("queued", 0.5), ("created", 20.0), ("forwarded", 1.5)]);
        let mut breakdown = Breakdown::new();
        breakdown.add(header);
        let rows = breakdown.rows();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[3], ["control plane and gateway", "2.00", "2.00"].map(str::to_owned));
    }
}
