//! The autoscaling annotations of a revision, merged with `config-autoscaler`: what the scale policy of the engine needs to know
//! of a revision. Fed by the API server when a revision is made or the map changes; must not know what is running.

use crate::config::{Autoscaler, Config};
use crate::doc;
use crate::duration::{self, SECOND};
use crate::keys::{self, Key};
use serde_json::Value;
use thiserror::Error;

/// Which autoscaler scales a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Knative's own.
    Kpa,
    /// The horizontal pod autoscaler's rules: never to zero.
    Hpa,
    /// One that is not built in; nothing scales it.
    Other(String),
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Requests in flight.
    Concurrency,
    /// Requests per second.
    Rps,
    /// Share of the requested CPU.
    Cpu,
    /// Memory in use.
    Memory,
    /// Another one of the horizontal pod autoscaler.
    Other(String),
}

/// How the buckets of a window are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// All alike.
    Linear,
    /// Newer ones weigh more.
    WeightedExponential,
}

/// Everything the scaler needs to know of a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleSettings {
    /// Which autoscaler.
    pub class: Class,
    /// What is measured.
    pub metric: Metric,
    /// How it is averaged.
    pub algorithm: Algorithm,
    /// Least number of replicas while reachable.
    pub min: u32,
    /// Greatest number, 0 for no bound.
    pub max: u32,
    /// Replicas at birth.
    pub initial: u32,
    /// Whether `initial` may be zero.
    pub allow_zero_initial: bool,
    /// Least number when not at zero.
    pub activation: u32,
    /// Load per replica that is the whole (before utilisation).
    pub total: f64,
    /// Load per replica that is aimed at.
    pub target: f64,
    /// Share of `total` aimed at, 0 to 1.
    pub target_utilization: f64,
    /// Spare capacity below which requests go through the gateway's waiting room; -1 for always.
    pub target_burst_capacity: f64,
    /// Stable window in seconds.
    pub window_s: u32,
    /// Panic window in percent of it.
    pub panic_window_percentage: f64,
    /// Panic threshold in percent.
    pub panic_threshold_percentage: f64,
    /// Seconds that less load must last.
    pub scale_down_delay_s: u32,
    /// Seconds that the last replica stays at least.
    pub scale_to_zero_retention_s: u32,
    /// Whether zero is allowed at all.
    pub scale_to_zero: bool,
    /// Greatest growth per decision.
    pub max_scale_up_rate: f64,
    /// Greatest shrinkage per decision.
    pub max_scale_down_rate: f64,
    /// Load one activator takes.
    pub activator_capacity: f64,
    /// Requests a replica takes at once, 0 for no bound.
    pub container_concurrency: u32,
}

/// An annotation that passed no validation, for example on a revision from before this server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("annotation {key} has the unusable value {value:?}")]
pub struct ScaleError {
    /// The annotation.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

impl ScaleSettings {
    /// The settings of a revision (its annotations and its spec).
    ///
    /// # Errors
    /// When an annotation cannot be read; the validating webhook keeps such revisions out.
    pub fn of(revision: &Value, config: &Config) -> Result<Self, ScaleError> {
        let auto = &config.autoscaler;
        let class = match keys::CLASS.of(revision).unwrap_or(&auto.class) {
            keys::KPA => Class::Kpa,
            keys::HPA => Class::Hpa,
            other => Class::Other(other.to_owned()),
        };
        let metric = metric(keys::METRIC.of(revision), &class);
        let concurrency = doc::int(revision, "/spec/containerConcurrency").and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
        let utilization = float(revision, keys::TARGET_UTILIZATION)?.map_or(auto.target_fraction, |p| p / 100.0);
        let wanted = float(revision, keys::TARGET)?;
        let (total, target) = targets(&metric, concurrency, wanted, utilization, auto);
        let algorithm = match keys::ALGORITHM.of(revision) {
            Some("weighted-exponential" | "weightedExponential") => Algorithm::WeightedExponential,
            _ => Algorithm::Linear,
        };
        let bounded = |n: i32| u32::try_from(n).unwrap_or(0);
        Ok(Self {
            min: count(revision, keys::MIN_SCALE)?.unwrap_or_else(|| bounded(auto.min_scale)),
            max: count(revision, keys::MAX_SCALE)?.unwrap_or_else(|| bounded(auto.max_scale)),
            initial: count(revision, keys::INITIAL_SCALE)?.unwrap_or_else(|| bounded(auto.initial_scale)),
            allow_zero_initial: auto.allow_zero_initial_scale,
            activation: count(revision, keys::ACTIVATION_SCALE)?.unwrap_or(1),
            target_burst_capacity: float(revision, keys::TARGET_BURST_CAPACITY)?.unwrap_or(auto.target_burst_capacity),
            window_s: seconds(revision, keys::WINDOW, auto.stable_window)?,
            panic_window_percentage: float(revision, keys::PANIC_WINDOW)?.unwrap_or(auto.panic_window_percentage),
            panic_threshold_percentage: float(revision, keys::PANIC_THRESHOLD)?.unwrap_or(auto.panic_threshold_percentage),
            scale_down_delay_s: seconds(revision, keys::SCALE_DOWN_DELAY, auto.scale_down_delay)?,
            scale_to_zero_retention_s: seconds(revision, keys::RETENTION, auto.scale_to_zero_pod_retention)?,
            scale_to_zero: auto.enable_scale_to_zero && class == Class::Kpa,
            max_scale_up_rate: auto.max_scale_up_rate,
            max_scale_down_rate: auto.max_scale_down_rate,
            activator_capacity: auto.activator_capacity,
            container_concurrency: concurrency,
            target_utilization: utilization,
            class,
            metric,
            algorithm,
            total,
            target,
        })
    }

    /// The panic window in seconds, at least one.
    #[must_use]
    pub fn panic_window_s(&self) -> u32 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let window = (f64::from(self.window_s) * self.panic_window_percentage / 100.0).round() as u32;
        window.max(1)
    }

    /// Replicas that must have been ready once before the revision counts as initialised.
    #[must_use]
    pub fn initial_threshold(&self) -> u32 {
        self.initial.max(self.min)
    }

    /// How many gateways a revision with so many ready replicas is spread over.
    #[must_use]
    pub fn activators(&self, ready: u32) -> u32 {
        if self.target_burst_capacity == 0.0 {
            return 2;
        }
        let load = f64::from(ready).mul_add(self.total, self.target_burst_capacity.max(0.0));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = (load / self.activator_capacity).ceil() as u32;
        count.max(2)
    }

    /// Whether requests may go straight to the replicas: some are wanted and the burst capacity is spare.
    #[must_use]
    pub fn serves_directly(&self, desired: u32, ready: u32, panic_average: f64) -> bool {
        if desired == 0 || self.target_burst_capacity < 0.0 {
            return false;
        }
        let spare = f64::from(ready).mul_add(self.total, -self.target_burst_capacity) - panic_average;
        self.target_burst_capacity == 0.0 || spare.floor() >= 0.0
    }
}

fn metric(given: Option<&str>, class: &Class) -> Metric {
    match (given, class) {
        (Some("concurrency"), _) | (None, Class::Kpa | Class::Other(_)) => Metric::Concurrency,
        (Some("rps"), _) => Metric::Rps,
        (Some("cpu"), _) | (None, Class::Hpa) => Metric::Cpu,
        (Some("memory"), _) => Metric::Memory,
        (Some(other), _) => Metric::Other(other.to_owned()),
    }
}

/// The whole load of a replica and the share aimed at. A target of concurrency is never more than what the container takes.
fn targets(metric: &Metric, concurrency: u32, wanted: Option<f64>, utilization: f64, auto: &Autoscaler) -> (f64, f64) {
    let total = match metric {
        Metric::Rps => wanted.unwrap_or(auto.rps_target),
        Metric::Concurrency => {
            let base = if concurrency == 0 { auto.concurrency_target } else { f64::from(concurrency) };
            match wanted {
                Some(target) if concurrency != 0 => target.min(base),
                Some(target) => target,
                None => base,
            }
        }
        _ => return (wanted.unwrap_or(80.0), wanted.unwrap_or(80.0)),
    };
    (total, (total * utilization).max(0.01))
}

fn read<T>(revision: &Value, key: Key, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ScaleError> {
    match key.get(doc::annotations(revision)) {
        None => Ok(None),
        Some((key, text)) => parse(text).map(Some).ok_or_else(|| ScaleError { key, value: text.to_owned() }),
    }
}

fn count(revision: &Value, key: Key) -> Result<Option<u32>, ScaleError> {
    read(revision, key, |text| text.parse::<u32>().ok().filter(|n| i32::try_from(*n).is_ok()))
}

fn float(revision: &Value, key: Key) -> Result<Option<f64>, ScaleError> {
    read(revision, key, |text| text.parse::<f64>().ok().filter(|f| f.is_finite()))
}

fn seconds(revision: &Value, key: Key, default: i64) -> Result<u32, ScaleError> {
    Ok(whole_seconds(read(revision, key, |text| duration::parse(text).filter(|t| *t >= 0))?.unwrap_or(default)))
}

fn whole_seconds(nanos: i64) -> u32 {
    u32::try_from(nanos / SECOND).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(annotations: Value, concurrency: u32) -> ScaleSettings {
        let revision = json!({"metadata": {"annotations": annotations}, "spec": {"containerConcurrency": concurrency}});
        ScaleSettings::of(&revision, &Config::default()).expect("readable")
    }

    #[test]
    fn defaults_of_config_autoscaler() {
        let s = settings(json!({}), 0);
        assert_eq!((s.min, s.max, s.initial, s.activation), (0, 0, 1, 1));
        assert_eq!((s.total, s.target), (100.0, 70.0));
        assert_eq!((s.window_s, s.panic_window_s()), (60, 6));
        assert!(!s.serves_directly(1, 1, 0.0));
    }

    #[test]
    fn kn_scale_serverlessservice_numbers() {
        let plain = settings(json!({}), 0);
        assert_eq!((plain.activators(1), plain.activators(0)), (4, 3));
        let direct = settings(json!({"autoscaling.knative.dev/target-burst-capacity": "0"}), 0);
        assert_eq!(direct.activators(3), 2);
        assert!(direct.serves_directly(3, 3, 0.0));
        let never = settings(json!({"autoscaling.knative.dev/target-burst-capacity": "-1"}), 0);
        assert_eq!(never.activators(1), 2);
        assert!(!never.serves_directly(1, 1, 0.0));
    }

    #[test]
    fn annotations_win_in_either_spelling() {
        let s = settings(json!({"autoscaling.knative.dev/minScale": "2", "autoscaling.knative.dev/target": "50"}), 10);
        assert_eq!((s.min, s.total), (2, 10.0));
        let rps = settings(json!({"autoscaling.knative.dev/metric": "rps"}), 10);
        assert_eq!((rps.total, rps.metric), (200.0, Metric::Rps));
        let revision = json!({"metadata": {"annotations": {"autoscaling.knative.dev/window": "soon"}}});
        assert!(ScaleSettings::of(&revision, &Config::default()).is_err());
    }
}
