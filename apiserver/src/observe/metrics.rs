//! Prometheus metrics. Children of labels are looked up once.

use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use std::time::Duration;

/// All metrics of the control plane.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    /// Watches begun.
    pub watches: IntCounter,
    /// Reports of sandboxes received.
    pub reports: IntCounter,
    /// Live sandboxes, set when scraped.
    pub sandboxes: IntGauge,
    /// Stages of cold requests, seconds.
    pub cold_stages: HistogramVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// Two metrics of one name, which is a fault of this file.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(Opts::new("apiserver_request_total", "Requests by verb and code."), &["verb", "code"])?;
        let buckets = prometheus::exponential_buckets(0.0005, 2.0, 16)?;
        let durations = HistogramVec::new(
            HistogramOpts::new("apiserver_request_duration_seconds", "Time of requests, watches excluded.")
                .buckets(buckets.clone()),
            &["verb"],
        )?;
        let watches = IntCounter::new("skiff_watches_total", "Watches begun.")?;
        let reports = IntCounter::new("skiff_sandbox_reports_total", "Reports of sandboxes from nodes.")?;
        let sandboxes = IntGauge::new("skiff_sandboxes", "Sandboxes known.")?;
        let cold_stages = HistogramVec::new(
            HistogramOpts::new("skiff_cold_start_stage_seconds", "Stages of cold requests.").buckets(buckets),
            &["stage"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(watches.clone()))?;
        registry.register(Box::new(reports.clone()))?;
        registry.register(Box::new(sandboxes.clone()))?;
        registry.register(Box::new(cold_stages.clone()))?;
        Ok(Metrics { registry, requests, durations, watches, reports, sandboxes, cold_stages })
    }

    /// Counts a request.
    pub fn request(&self, verb: &str, code: u16, took: Duration) {
        let mut digits = [0u8; 3];
        for (i, digit) in digits.iter_mut().enumerate() {
            *digit = b'0' + ((code / 10u16.pow(2 - i as u32)) % 10) as u8;
        }
        let code = std::str::from_utf8(&digits).unwrap_or("000");
        self.requests.with_label_values(&[verb, code]).inc();
        self.durations.with_label_values(&[verb]).observe(took.as_secs_f64());
    }

    /// The text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        // Writing to memory cannot fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}
