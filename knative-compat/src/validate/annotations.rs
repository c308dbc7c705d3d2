//! Rules on the annotations of a template or a Revision: autoscaling, the sidecar's resources, the progress deadline.

use super::{Faults, metadata};
use crate::config::Autoscaler;
use crate::duration::{SECOND, parse, show};
use crate::keys::{self, Key};
use serde_json::Value;
use skiff_schema::Quantity;

const WINDOW_MIN: i64 = 6 * SECOND;
const WINDOW_MAX: i64 = 3600 * SECOND;
const PRECISION: &str = "must be specified with at most second precision";

/// All rules on autoscaling annotations; paths are the keys.
pub(super) fn autoscaling(config: &Autoscaler, annotations: Option<&Value>) -> Faults {
    let class = keys::CLASS.get(annotations).map(|(_, value)| value);
    let mut out = Faults::none();
    if let Some(class) = class
        && class.ends_with(keys::AUTOSCALING_PREFIX)
        && class != keys::KPA
        && class != keys::HPA
    {
        out.also(Faults::invalid(class, keys::CLASS.0[0]));
    }
    out.also(scale_bounds(config, annotations));
    out.also(floats(annotations));
    out.also(times(annotations));
    out.also(metric(class, annotations));
    out.also(algorithm(class, annotations));
    out.also(initial_scale(config, annotations));
    out
}

fn count(key: Key, annotations: Option<&Value>) -> (i32, Faults) {
    let Some((name, text)) = key.get(annotations) else { return (0, Faults::none()) };
    match text.parse::<i64>() {
        Ok(value) => match i32::try_from(value) {
            Ok(value) if value >= 0 => (value, Faults::none()),
            _ => (0, Faults::out_of_bounds(text, 0, i32::MAX, name)),
        },
        Err(_) => (0, Faults::invalid(text, name)),
    }
}

fn scale_bounds(config: &Autoscaler, annotations: Option<&Value>) -> Faults {
    let (min, mut out) = count(keys::MIN_SCALE, annotations);
    let (max, more) = count(keys::MAX_SCALE, annotations);
    out.also(more);
    if max != 0 && max < min {
        let text = format!("max-scale={max} is less than min-scale={min}");
        out.also(Faults::generic(text, &[keys::MAX_SCALE.0[0], keys::MIN_SCALE.0[0]]));
    }
    let limit = config.max_scale_limit;
    if let Some((key, _)) = keys::MAX_SCALE.get(annotations)
        && limit != 0
    {
        if max > limit {
            out.also(Faults::out_of_bounds(max, 1, limit, key));
        }
        if max == 0 {
            out.also(Faults::generic(format!("max-scale=0 (unlimited), must be less than {limit}"), &[key]));
        }
    }
    if let Some((key, text)) = keys::ACTIVATION_SCALE.get(annotations) {
        out.also(match text.parse::<i32>() {
            Err(_) => Faults::invalid(text, key),
            Ok(least) if least < 2 => Faults::generic(format!("activation-scale={least} must be greater than 1"), &[key]),
            Ok(least) if min > least => {
                Faults::generic(format!("min-scale={min} is greater than activation-scale={least}"), &[key])
            }
            Ok(least) if max != 0 && max < least => {
                Faults::generic(format!("max-scale={max} is less than activation-scale={least}"), &[key])
            }
            Ok(_) => Faults::none(),
        });
    }
    out
}

fn floats(annotations: Option<&Value>) -> Faults {
    let mut out = Faults::none();
    for (key, low, high) in
        [(keys::PANIC_WINDOW, 1.0, 100.0), (keys::PANIC_THRESHOLD, 110.0, 1000.0), (keys::TARGET_UTILIZATION, 1.0, 100.0)]
    {
        if let Some((name, text)) = key.get(annotations) {
            match text.parse::<f64>() {
                Err(_) => out.also(Faults::invalid(text, name)),
                Ok(value) if value < low || value > high => out.also(Faults::out_of_bounds(text, low, high, name)),
                Ok(_) => {}
            }
        }
    }
    if let Some((name, text)) = keys::TARGET.get(annotations) {
        match text.parse::<f64>() {
            Err(_) => out.also(Faults::invalid(text, name)),
            Ok(value) if value < 0.01 => out.also(Faults::generic(format!("target {text} should be at least 0.01"), &[name])),
            Ok(_) => {}
        }
    }
    if let Some((name, text)) = keys::TARGET_BURST_CAPACITY.get(annotations) {
        let fine = text.parse::<f64>().is_ok_and(|value| value >= 0.0 || (value - -1.0).abs() < f64::EPSILON);
        if !fine {
            out.also(Faults::invalid(text, name));
        }
    }
    out
}

fn times(annotations: Option<&Value>) -> Faults {
    let mut out = Faults::none();
    for (key, low, whole) in [(keys::WINDOW, WINDOW_MIN, true), (keys::SCALE_DOWN_DELAY, 0, true), (keys::RETENTION, 0, false)] {
        let Some((name, text)) = key.get(annotations) else { continue };
        match parse(text) {
            None => out.also(Faults::invalid(text, name)),
            Some(time) if !(low..=WINDOW_MAX).contains(&time) => {
                out.also(Faults::out_of_bounds(text, show(low), show(WINDOW_MAX), name));
            }
            Some(time) if whole && time % SECOND != 0 => out.also(Faults::generic(PRECISION, &[name])),
            Some(_) => {}
        }
    }
    out
}

fn metric(class: Option<&str>, annotations: Option<&Value>) -> Faults {
    let Some((key, metric)) = keys::METRIC.get(annotations) else { return Faults::none() };
    let fine = match class.unwrap_or(keys::KPA) {
        keys::KPA => ["concurrency", "rps"].contains(&metric),
        keys::HPA => !metric.is_empty(),
        // Other autoscalers have metrics of their own.
        _ => true,
    };
    if fine { Faults::none() } else { Faults::invalid(metric, key) }
}

/// Checked only where the class is named: other autoscalers may know other algorithms.
fn algorithm(class: Option<&str>, annotations: Option<&Value>) -> Faults {
    const KNOWN: [&str; 4] = ["", "linear", "weighted-exponential", "weightedExponential"];
    match keys::ALGORITHM.get(annotations) {
        Some((key, value)) if class == Some(keys::KPA) && !KNOWN.contains(&value) => Faults::invalid(value, key),
        _ => Faults::none(),
    }
}

fn initial_scale(config: &Autoscaler, annotations: Option<&Value>) -> Faults {
    let Some((key, text)) = keys::INITIAL_SCALE.get(annotations) else { return Faults::none() };
    match text.parse::<i64>() {
        Err(_) => Faults::invalid(text, key),
        Ok(value) if value < 0 => Faults::invalid(text, &format!("{key} must be greater than 0")),
        Ok(0) if !config.allow_zero_initial_scale => Faults::invalid(text, &format!("{key}=0 not allowed by cluster")),
        Ok(_) => Faults::none(),
    }
}

/// The rules on the sidecar's resources. There is no sidecar here, but the texts are part of the contract.
pub(super) fn sidecar(annotations: Option<&Value>) -> Faults {
    let mut out = Faults::none();
    if let Some((key, text)) = keys::QUEUE_PERCENTAGE.get(annotations) {
        let old = "Queue proxy resource percentage annotation is deprecated. Please use the available annotations to \
                   explicitly set resource values per service";
        out.also(Faults::generic(old, &[]).as_warning());
        let place = format!("[{key}]");
        match text.parse::<f64>() {
            Err(_) => out.also(Faults::invalid(text, &place)),
            Ok(value) if !(0.1..=100.0).contains(&value) => out.also(Faults::out_of_bounds(value, 0.1, 100, &place)),
            Ok(_) => {}
        }
    }
    for key in keys::QUEUE_RESOURCES {
        if let Some((name, text)) = key.get(annotations)
            && text.parse::<Quantity>().is_err()
        {
            out.also(Faults::invalid(text, &format!("[{name}]")));
        }
    }
    out
}

/// The rule on the progress deadline.
pub(super) fn progress_deadline(annotations: Option<&Value>) -> Faults {
    metadata::seconds(keys::PROGRESS_DEADLINE.get(annotations), "progress-deadline")
}
