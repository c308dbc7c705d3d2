//! Counters of the gateway, under the activator's names where it has one (load generators read those).
//!
//! Fed by requests through the handles of a [`Tally`], which are looked up once per revision; read by [`crate::admin`]. Must not
//! know requests. Labels exist only for revisions with traffic and go with the revision.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
const LABELS: [&str; 2] = ["namespace_name", "revision_name"];
const LATENCY_MS: [f64; 14] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 60_000.0];

/// All counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    latencies: HistogramVec,
    concurrency: IntGaugeVec,
    waiting: IntGaugeVec,
    /// Answers without a revision: unknown hosts, probes, redirects.
    pub(crate) unrouted: IntCounter,
    /// Requests that had to wait for a sandbox.
    pub(crate) cold: IntCounter,
    /// Requests that were refused a place, by reason.
    pub(crate) refused: IntCounterVec,
    /// Connections to sandboxes that could not be opened.
    pub(crate) connect_failures: IntCounter,
    /// Sessions with the control plane that ended.
    pub(crate) sessions_lost: IntCounter,
}

/// One revision's handles.
pub(crate) struct Tally {
    by_class: [IntCounter; CLASSES.len()],
    latencies: Histogram,
}

impl Tally {
    /// An answer with this status whose first byte came after `elapsed_ms`.
    pub(crate) fn count(&self, status: u16, elapsed_ms: f64) {
        let class = usize::from(status / 100).wrapping_sub(1).min(CLASSES.len() - 1);
        self.by_class[class].inc();
        self.latencies.observe(elapsed_ms);
    }
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, text: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, text)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauges = |name: &str, text: &str| -> prometheus::Result<IntGaugeVec> {
            let gauges = IntGaugeVec::new(Opts::new(name, text), &LABELS)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok(gauges)
        };
        let labels = [LABELS[0], LABELS[1], "response_code_class"];
        let requests = IntCounterVec::new(Opts::new("activator_request_count", "Answers by class."), &labels)?;
        registry.register(Box::new(requests.clone()))?;
        let opts = HistogramOpts::new("activator_request_latencies", "Milliseconds to the first byte of the answer.");
        let latencies = HistogramVec::new(opts.buckets(LATENCY_MS.to_vec()), &LABELS)?;
        registry.register(Box::new(latencies.clone()))?;
        let refused = IntCounterVec::new(Opts::new("skiff_gateway_refused_total", "Refused requests."), &["reason"])?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self {
            concurrency: gauges("activator_request_concurrency", "Requests in the gateway.")?,
            waiting: gauges("queue_depth", "Requests that wait for a sandbox.")?,
            unrouted: counter("skiff_gateway_unrouted_total", "Answers without a revision.")?,
            cold: counter("skiff_gateway_cold_requests_total", "Requests that waited for a sandbox.")?,
            connect_failures: counter("skiff_gateway_connect_failures_total", "Sandboxes that refused a connection.")?,
            sessions_lost: counter("skiff_gateway_sessions_lost_total", "Sessions with the control plane that ended.")?,
            registry,
            requests,
            latencies,
            refused,
        })
    }

    /// The handles of a revision.
    pub(crate) fn tally(&self, namespace: &str, name: &str) -> Tally {
        Tally {
            by_class: CLASSES.map(|class| self.requests.with_label_values(&[namespace, name, class])),
            latencies: self.latencies.with_label_values(&[namespace, name]),
        }
    }

    /// The state of a revision with traffic.
    pub(crate) fn observe(&self, namespace: &str, name: &str, in_flight: u32, waiting: u32) {
        self.concurrency.with_label_values(&[namespace, name]).set(i64::from(in_flight));
        self.waiting.with_label_values(&[namespace, name]).set(i64::from(waiting));
    }

    /// The revision is gone. Labels that never were are no error.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        for class in CLASSES {
            let _ = self.requests.remove_label_values(&[namespace, name, class]);
        }
        let _ = self.latencies.remove_label_values(&[namespace, name]);
        let _ = self.concurrency.remove_label_values(&[namespace, name]);
        let _ = self.waiting.remove_label_values(&[namespace, name]);
    }

    /// Everything in the text format.
    pub(crate) fn text(&self) -> Vec<u8> {
        // Only revisions with traffic are set anew; the others' gauges must not stand at their last value.
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::warn!(%error, "cannot encode metrics");
        }
        self.concurrency.reset();
        self.waiting.reset();
        text
    }
}
