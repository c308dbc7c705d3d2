//! From an average to a number of sandboxes, within the rates of change.
//!
//! Fed by [`super::decide`]; knows one average at a time.

use super::ScaleSettings;

/// Smallest target, millionths (upstream: 0.01).
const TARGET_MICRO_MIN: u64 = 10_000;

/// The range in which one decision may move, from the sandboxes that are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Not fewer.
    pub least: u32,
    /// Not more.
    pub most: u32,
}

/// What one sandbox is meant to take, millionths.
#[must_use]
pub fn target_micro(settings: &ScaleSettings) -> u64 {
    (u64::from(settings.total_milli) * u64::from(settings.utilization_milli)).max(TARGET_MICRO_MIN)
}

/// The range for `ready` sandboxes; none counts as one. An unreachable revision may fall at once.
#[must_use]
pub fn rates(settings: &ScaleSettings, ready: u32) -> Rates {
    let ready = u64::from(ready.max(1));
    let most = (ready * u64::from(settings.up_rate_milli)).div_ceil(1000);
    let least = if settings.reachable { ready * 1000 / u64::from(settings.down_rate_milli.max(1)) } else { 0 };
    Rates { least: clamp(least), most: clamp(most) }
}

/// Sandboxes that the average asks for, unbounded.
#[must_use]
pub fn asked(average_micro: u64, target_micro: u64) -> u32 {
    clamp(average_micro.div_ceil(target_micro))
}

/// The number within the rates, lifted to the activation scale when anything is asked at all.
#[must_use]
pub fn bounded(asked: u32, rates: Rates, activation_scale: u32) -> u32 {
    let within = asked.max(rates.least).min(rates.most);
    if asked > 0 && activation_scale > 1 { within.max(activation_scale) } else { within }
}

/// Requests that would find room beyond those in flight and the wanted burst; negative when the gateway has to buffer.
#[must_use]
pub fn excess_burst(settings: &ScaleSettings, ready: u32, panic_micro: u64) -> i32 {
    if settings.burst_milli == 0 {
        return 0;
    }
    if settings.burst_milli < 0 {
        return -1;
    }
    let capacity_micro = i128::from(ready) * i128::from(settings.total_milli) * 1000;
    let excess_micro = capacity_micro - i128::from(settings.burst_milli) * 1000 - i128::from(panic_micro);
    let excess = excess_micro.div_euclid(1_000_000);
    i32::try_from(excess).unwrap_or(if excess < 0 { i32::MIN } else { i32::MAX })
}

fn clamp(number: u64) -> u32 {
    // Upstream's counts are i32.
    number.min(i32::MAX as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_let_a_count_always_move_by_one() {
        // Upstream's example: rate 1.1, two ready, three asked.
        let settings = ScaleSettings { up_rate_milli: 1_100, ..ScaleSettings::default() };
        assert_eq!(rates(&settings, 2), Rates { least: 1, most: 3 });
        assert_eq!(rates(&settings, 0), Rates { least: 0, most: 2 });
        assert_eq!(rates(&ScaleSettings { reachable: false, ..settings }, 9).least, 0);
    }

    #[test]
    fn target_has_a_floor() {
        let settings = ScaleSettings { total_milli: 10, ..ScaleSettings::default() };
        assert_eq!(target_micro(&settings), 10_000);
        assert_eq!(target_micro(&ScaleSettings::default()), 70_000_000);
    }

    #[test]
    fn asking_rounds_up_and_activation_lifts_only_what_is_asked() {
        assert_eq!((asked(0, 70), asked(1, 70), asked(70, 70), asked(71, 70)), (0, 1, 1, 2));
        let rates = Rates { least: 0, most: 1000 };
        assert_eq!((bounded(0, rates, 5), bounded(1, rates, 5), bounded(9, rates, 5)), (0, 5, 9));
    }

    #[test]
    fn burst_is_floored() {
        let settings = ScaleSettings::default();
        assert_eq!(excess_burst(&settings, 3, 500_000), 88);
        assert_eq!(excess_burst(&settings, 1, 500_000), -112);
        assert_eq!(excess_burst(&ScaleSettings { burst_milli: 0, ..settings }, 0, 9), 0);
        assert_eq!(excess_burst(&ScaleSettings { burst_milli: -1000, ..settings }, 9, 9), -1);
    }
}
