//! `config-autoscaler`: the numbers that the autoscaler starts from.

use super::reader::{Reader, demand};
use super::{ConfigError, Data};
use crate::duration::{SECOND, show};
use crate::keys::KPA;

/// `config-autoscaler`. Durations are nanoseconds.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_field_names)]
pub struct Autoscaler {
    /// Share of the target aimed at, 0 to 1.
    pub target_fraction: f64,
    /// Concurrency per replica when nothing else says.
    pub concurrency_target: f64,
    /// Requests per second and replica when nothing else says.
    pub rps_target: f64,
    /// Spare capacity wanted before the activator leaves the path; -1 keeps it there.
    pub target_burst_capacity: f64,
    /// Load one activator can take.
    pub activator_capacity: f64,
    /// Greatest growth per decision.
    pub max_scale_up_rate: f64,
    /// Greatest shrinkage per decision.
    pub max_scale_down_rate: f64,
    /// Stable window.
    pub stable_window: i64,
    /// Panic window in percent of the stable window.
    pub panic_window_percentage: f64,
    /// Panic threshold in percent.
    pub panic_threshold_percentage: f64,
    /// Whether anything may go to zero.
    pub enable_scale_to_zero: bool,
    /// How long the last replica stays once the activator is in the path.
    pub scale_to_zero_grace_period: i64,
    /// Least time the last replica stays.
    pub scale_to_zero_pod_retention: i64,
    /// Class of those that name none.
    pub class: String,
    /// Replicas at birth.
    pub initial_scale: i32,
    /// Whether that may be zero.
    pub allow_zero_initial_scale: bool,
    /// Least number of replicas.
    pub min_scale: i32,
    /// Greatest number of replicas, 0 for no bound.
    pub max_scale: i32,
    /// Bound on what a user may ask for as greatest number, 0 for none.
    pub max_scale_limit: i32,
    /// How long less load must last before replicas go.
    pub scale_down_delay: i64,
}

/// Shortest stable window.
pub const WINDOW_MIN: i64 = 6 * SECOND;
/// Longest stable window.
pub const WINDOW_MAX: i64 = 3600 * SECOND;
/// Least target.
pub const TARGET_MIN: f64 = 0.01;

impl Default for Autoscaler {
    fn default() -> Self {
        Self {
            target_fraction: 0.7,
            concurrency_target: 100.0,
            rps_target: 200.0,
            target_burst_capacity: 211.0,
            activator_capacity: 100.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            stable_window: 60 * SECOND,
            panic_window_percentage: 10.0,
            panic_threshold_percentage: 200.0,
            enable_scale_to_zero: true,
            scale_to_zero_grace_period: 30 * SECOND,
            scale_to_zero_pod_retention: 0,
            class: KPA.into(),
            initial_scale: 1,
            allow_zero_initial_scale: false,
            min_scale: 0,
            max_scale: 0,
            max_scale_limit: 0,
            scale_down_delay: 0,
        }
    }
}

impl Autoscaler {
    /// Reads and checks the map.
    pub(super) fn read(data: &Data) -> Result<Self, ConfigError> {
        let r = Reader::new(data, "failed to parse data: ");
        let base = Self::default();
        let count = |key: &str, default: i32| -> Result<i32, ConfigError> {
            let value = r.int(key, default.into())?;
            Ok(i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX }))
        };
        let percent = r.float("container-concurrency-target-percentage", 70.0)?;
        let read = Self {
            // Values up to 1 are shares, larger ones percentages.
            target_fraction: if percent > 1.0 { percent / 100.0 } else { percent },
            concurrency_target: r.float("container-concurrency-target-default", base.concurrency_target)?,
            rps_target: r.float("requests-per-second-target-default", base.rps_target)?,
            target_burst_capacity: r.float("target-burst-capacity", base.target_burst_capacity)?,
            activator_capacity: r.float("activator-capacity", base.activator_capacity)?,
            max_scale_up_rate: r.float("max-scale-up-rate", base.max_scale_up_rate)?,
            max_scale_down_rate: r.float("max-scale-down-rate", base.max_scale_down_rate)?,
            stable_window: r.duration("stable-window", base.stable_window)?,
            panic_window_percentage: r.float("panic-window-percentage", base.panic_window_percentage)?,
            panic_threshold_percentage: r.float("panic-threshold-percentage", base.panic_threshold_percentage)?,
            enable_scale_to_zero: r.bool("enable-scale-to-zero", base.enable_scale_to_zero)?,
            scale_to_zero_grace_period: r.duration("scale-to-zero-grace-period", base.scale_to_zero_grace_period)?,
            scale_to_zero_pod_retention: r.duration("scale-to-zero-pod-retention-period", 0)?,
            class: r.text("pod-autoscaler-class").map_or(base.class, str::to_owned),
            initial_scale: count("initial-scale", base.initial_scale)?,
            allow_zero_initial_scale: r.bool("allow-zero-initial-scale", false)?,
            min_scale: count("min-scale", 0)?,
            max_scale: count("max-scale", 0)?,
            max_scale_limit: count("max-scale-limit", 0)?,
            scale_down_delay: r.duration("scale-down-delay", 0)?,
        };
        read.check_load()?;
        read.check_time()?;
        read.check_counts()?;
        Ok(read)
    }

    fn check_load(&self) -> Result<(), ConfigError> {
        let burst = self.target_burst_capacity;
        demand(burst >= 0.0 || (burst - -1.0).abs() < f64::EPSILON, || {
            format!("target-burst-capacity must be either non-negative or -1 (for unlimited), was: {burst:.6}")
        })?;
        let fraction = self.target_fraction;
        demand(fraction > 0.0 && fraction <= 1.0, || {
            format!("container-concurrency-target-percentage = {fraction:.6} is outside of valid range of (0, 100]")
        })?;
        let target = fraction * self.concurrency_target;
        demand(target >= TARGET_MIN, || {
            format!(
                "container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of {target}, can't be less than {TARGET_MIN}"
            )
        })?;
        let rps = self.rps_target;
        demand(rps >= TARGET_MIN, || format!("requests-per-second-target-default must be at least {TARGET_MIN}, was: {rps}"))?;
        let capacity = self.activator_capacity;
        demand(capacity >= 1.0, || format!("activator-capacity = {capacity}, must be at least 1"))?;
        let (up, down) = (self.max_scale_up_rate, self.max_scale_down_rate);
        demand(up > 1.0, || format!("max-scale-up-rate = {up}, must be greater than 1.0"))?;
        demand(down > 1.0, || format!("max-scale-down-rate = {down}, must be greater than 1.0"))
    }

    fn check_time(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("scale-down-delay", self.scale_down_delay),
            ("scale-to-zero-pod-retention-period", self.scale_to_zero_pod_retention),
        ] {
            demand(value >= 0, || format!("{key} cannot be negative, was: {}", show(value)))?;
        }
        let delay = self.scale_down_delay;
        demand(delay % SECOND == 0, || {
            format!("scale-down-delay = {}, must be specified with at most second precision", show(delay))
        })?;
        let window = self.stable_window;
        demand((WINDOW_MIN..=WINDOW_MAX).contains(&window), || {
            format!("stable-window = {}, must be in [{}; {}] range", show(window), show(WINDOW_MIN), show(WINDOW_MAX))
        })?;
        demand(window % SECOND == 0, || {
            format!("stable-window = {}, must be specified with at most second precision", show(window))
        })?;
        let panic = self.panic_window_percentage;
        demand((1.0..=100.0).contains(&panic), || format!("panic-window-percentage = {panic}, must be in [1, 100] interval"))
    }

    fn check_counts(&self) -> Result<(), ConfigError> {
        let (initial, min, max, limit) = (self.initial_scale, self.min_scale, self.max_scale, self.max_scale_limit);
        demand(initial > 0 || initial == 0 && self.allow_zero_initial_scale, || {
            format!("initial-scale = {initial}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)")
        })?;
        demand(limit >= 0, || format!("max-scale-limit = {limit}, must be at least 0"))?;
        demand(limit == 0 || (1..=limit).contains(&max), || {
            format!("max-scale = {max}, must be in [1, max-scale-limit({limit})] range")
        })?;
        demand(max >= 0, || format!("max-scale = {max}, must be at least 0"))?;
        demand(min >= 0, || format!("min-scale = {min}, must be at least 0"))?;
        demand(max == 0 || min <= max, || format!("min-scale = {min} is greater than max-scale = {max}"))
    }
}
