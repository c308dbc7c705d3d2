//! The autoscaler (upstream's KPA): from the traffic of a revision to the number of sandboxes that it should have.
//!
//! Fed by the gateways' samples through the engine; knows no sandbox, no clock and no Kubernetes object. All fractions are
//! integers: `_milli` is thousandths, `_micro` is millionths.
//!
//! - [`window`]: one-second buckets of what the gateways measured, allocated only while there is traffic;
//! - [`stable`]: from an average to a number of sandboxes, within the rates;
//! - [`panic`]: the latch that keeps a surge's peak;
//! - [`delay`]: the maximum over the scale-down delay;
//! - [`zero`]: when the last sandbox may go;
//! - [`decide`]: all of them in upstream's order.

pub mod decide;
pub mod delay;
pub mod panic;
pub mod stable;
pub mod window;
pub mod zero;

pub use decide::{Decision, INTERVAL_MS, Reason, ScaleState, begin, decide, demand, initial, is_due, record, restart, resume};
pub use zero::Activity;

/// What is measured (`autoscaling.knative.dev/metric`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Requests in flight.
    #[default]
    Concurrency,
    /// Requests per second.
    Rps,
}

/// How a window is averaged (`autoscaling.knative.dev/metric-aggregation-algorithm`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// The mean.
    #[default]
    Linear,
    /// Later seconds weigh more.
    WeightedExponential,
}

/// A revision's settings: its annotations over the cluster's defaults, resolved. [`Default`] is upstream's `config-autoscaler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScaleSettings {
    /// What is measured.
    pub metric: Metric,
    /// How it is averaged.
    pub aggregation: Aggregation,
    /// What one sandbox can take, thousandths: 100 concurrent requests or 200 requests a second by default; the target
    /// annotation or `containerConcurrency` otherwise (see [`total_milli`]).
    pub total_milli: u32,
    /// The part of `total_milli` that is aimed for, thousandths.
    pub utilization_milli: u32,
    /// Stable window, seconds, 6 to 3600.
    pub stable_window_s: u32,
    /// Panic window, seconds, 1 to the stable window (see [`panic_window_s`]).
    pub panic_window_s: u32,
    /// Panic begins when this many thousandths of the ready sandboxes are wanted.
    pub panic_threshold_milli: u32,
    /// At most this many thousandths of the ready sandboxes after one decision.
    pub up_rate_milli: u32,
    /// At least the ready sandboxes divided by this many thousandths after one decision.
    pub down_rate_milli: u32,
    /// Sandboxes to have whenever there are any because of traffic; below 2 has no effect.
    pub activation_scale: u32,
    /// Sandboxes to reach before a new revision counts as started.
    pub initial_scale: u32,
    /// Never fewer, while reachable.
    pub min_scale: u32,
    /// Never more; 0 is no limit.
    pub max_scale: u32,
    /// A route leads to the revision.
    pub reachable: bool,
    /// Requests that should find room at once, thousandths; 0 means that the gateway need not buffer, negative that it always does.
    pub burst_milli: i64,
    /// A smaller number is obeyed only after so many seconds, at most 3600.
    pub down_delay_s: u32,
    /// `enable-scale-to-zero`.
    pub to_zero: bool,
    /// Seconds that the last sandbox stays in any case, at most 3600.
    pub retention_s: u32,
    /// Seconds after which a start without success and without traffic is given up.
    pub activation_s_max: u32,
}

impl Default for ScaleSettings {
    fn default() -> Self {
        Self {
            metric: Metric::Concurrency,
            aggregation: Aggregation::Linear,
            total_milli: 100_000,
            utilization_milli: 700,
            stable_window_s: 60,
            panic_window_s: 6,
            panic_threshold_milli: 2_000,
            up_rate_milli: 1_000_000,
            down_rate_milli: 2_000,
            activation_scale: 1,
            initial_scale: 1,
            min_scale: 0,
            max_scale: 0,
            reachable: true,
            burst_milli: 211_000,
            down_delay_s: 0,
            to_zero: true,
            retention_s: 0,
            activation_s_max: 630,
        }
    }
}

/// The panic window in whole seconds: a share of the stable one (thousandths of a percent: 10 % is 10_000), at least one second.
#[must_use]
pub fn panic_window_s(stable_window_s: u32, percent_milli: u32) -> u32 {
    let rounded = (u64::from(stable_window_s) * u64::from(percent_milli) + 50_000) / 100_000;
    u32::try_from(rounded).unwrap_or(u32::MAX).clamp(1, stable_window_s.max(1))
}

/// What one sandbox can take, thousandths: the target annotation, else `containerConcurrency`, else the cluster's default.
/// For concurrency the hard limit (`concurrency_max`, 0 for none) is never exceeded.
#[must_use]
pub fn total_milli(metric: Metric, target_milli: Option<u32>, concurrency_max: u32, default_milli: u32) -> u32 {
    let hard_milli = concurrency_max.saturating_mul(1000);
    match (metric, target_milli) {
        (Metric::Rps, target) => target.unwrap_or(default_milli),
        (Metric::Concurrency, None) if concurrency_max > 0 => hard_milli,
        (Metric::Concurrency, Some(target)) if concurrency_max > 0 => target.min(hard_milli),
        (Metric::Concurrency, target) => target.unwrap_or(default_milli),
    }
}
