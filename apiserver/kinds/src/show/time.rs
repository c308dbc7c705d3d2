//! Ages and durations in the words of upstream's `HumanDuration`. The clock is an argument.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR_DAYS: i64 = 365;

/// A duration in seconds as people read it: two units at most, fewer the longer it is.
#[must_use]
pub fn human_duration(seconds: i64) -> String {
    let two = |high: i64, unit: &str, low: i64, small: &str| {
        if low == 0 { format!("{high}{unit}") } else { format!("{high}{unit}{low}{small}") }
    };
    let (minutes, hours, days) = (seconds / MINUTE, seconds / HOUR, seconds / DAY);
    match seconds {
        // Clocks of machines differ by a little; more than that is worth a word.
        s if s < -1 => "<invalid>".to_owned(),
        s if s < 0 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(minutes, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{minutes}m"),
        s if s < 8 * HOUR => two(hours, "h", minutes % 60, "m"),
        s if s < 2 * DAY => format!("{hours}h"),
        s if s < 8 * DAY => two(days, "d", hours % 24, "h"),
        s if s < 2 * YEAR_DAYS * DAY => format!("{days}d"),
        s if s < 8 * YEAR_DAYS * DAY => two(days / YEAR_DAYS, "y", days % YEAR_DAYS, "d"),
        _ => format!("{}y", days / YEAR_DAYS),
    }
}

/// Unix seconds of an RFC 3339 text, fractions dropped; `None` for anything else.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Time since an RFC 3339 text; `<unknown>` where there is none.
pub(super) fn since_text(text: &str, now_s: i64) -> String {
    match unix_seconds(text) {
        Some(then) => human_duration(now_s - then),
        None => "<unknown>".to_owned(),
    }
}
