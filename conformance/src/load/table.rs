//! Latencies to columns, columns to Markdown. Fed by every figure.

use hdrhistogram::Histogram;
use std::time::Duration;

/// What is longer counts as this: an hour, which no figure waits for.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// Latencies, to a thousandth of each.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    #[allow(clippy::expect_used)]
    pub fn new() -> Self {
        Latencies(Histogram::new_with_max(LONGEST_MICROS, 3).expect("an hour to three digits is a valid histogram"))
    }

    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// A quantile, in milliseconds.
    pub fn ms(&self, quantile: f64) -> String {
        milliseconds(self.0.value_at_quantile(quantile) as f64 / 1000.0)
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(all: I) -> Self {
        let mut latencies = Latencies::new();
        all.into_iter().for_each(|one| latencies.add(one));
        latencies
    }
}

/// Three digits that say something.
pub fn milliseconds(ms: f64) -> String {
    let digits = if ms < 10.0 { 2 } else { usize::from(ms < 100.0) };
    format!("{ms:.digits$}")
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One Markdown table.
pub struct Table {
    lines: Vec<String>,
}

impl Table {
    /// With its columns' names.
    pub fn new(columns: &[&str]) -> Self {
        Table { lines: vec![format!("| {} |", columns.join(" | ")), format!("|{}", "---|".repeat(columns.len()))] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[String]) {
        self.lines.push(format!("| {} |", cells.join(" | ")));
    }

    /// Prints what was measured and how, then the table.
    pub fn print(&self, how: &str) {
        println!("{how}\n\n{}\n", self.lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Latencies, median, milliseconds};
    use std::time::Duration;

    #[test]
    fn quantiles_in_milliseconds() {
        let latencies: Latencies = (1..=100).map(Duration::from_millis).collect();
        assert_eq!((latencies.ms(0.5), latencies.ms(1.0), latencies.count()), ("50.0".to_owned(), "100".to_owned(), 100));
        assert_eq!(milliseconds(1.234), "1.23");
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
