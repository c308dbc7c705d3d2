//! Points in time and lengths of time as Go reads and writes them: RFC 3339, microseconds, `1h0m0s`.
//!
//! Fed by decoding and by whoever prints or compares timestamps of objects. Knows no clock: a time comes in as a number.

use std::fmt::Write as _;

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
const MICRO_LAYOUT: &str = "2006-01-02T15:04:05.000000Z07:00";

/// A point in time: seconds since 1970 UTC and nanoseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub nanos: u32,
}

impl Instant {
    /// Reads RFC 3339 as `metav1.Time` does.
    ///
    /// # Errors
    /// Upstream's text, `parsing time "x" as …`.
    pub fn parse(text: &str) -> Result<Instant, String> {
        Reader { text, rest: text, layout: LAYOUT }.read(false)
    }

    /// Reads RFC 3339 with exactly six decimal places as `metav1.MicroTime` does.
    ///
    /// # Errors
    /// Upstream's text.
    pub fn parse_micro(text: &str) -> Result<Instant, String> {
        Reader { text, rest: text, layout: MICRO_LAYOUT }.read(true)
    }

    /// `2026-01-02T03:04:05Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.format(None)
    }

    /// `2026-01-02T03:04:05.000006Z`.
    #[must_use]
    pub fn to_rfc3339_micro(self) -> String {
        self.format(Some(self.nanos / 1_000))
    }

    fn format(self, micros: Option<u32>) -> String {
        let (year, month, day) = civil(self.seconds.div_euclid(86_400));
        let of_day = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let mut out = String::with_capacity(27);
        // Writing to a String cannot fail.
        let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if let Some(micros) = micros {
            let _ = write!(out, ".{micros:06}");
        }
        out.push('Z');
        out
    }
}

/// Whether a text already is what the server would write, `2026-01-02T03:04:05Z`: the quick test before parsing.
#[must_use]
pub fn looks_canonical(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 20 && bytes[19] == b'Z' && bytes[4] == b'-' && bytes[10] == b'T'
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    layout: &'static str,
}

impl Reader<'_> {
    fn read(mut self, micro: bool) -> Result<Instant, String> {
        let year = self.number(4, "2006")?;
        self.literal("-")?;
        let month = self.number(2, "01")?;
        self.range((1..=12).contains(&month), "month")?;
        self.literal("-")?;
        let day = self.number(2, "02")?;
        self.literal("T")?;
        let hour = self.number(2, "15")?;
        self.range(hour < 24, "hour")?;
        self.literal(":")?;
        let minute = self.number(2, "04")?;
        self.range(minute < 60, "minute")?;
        self.literal(":")?;
        let second = self.number(2, "05")?;
        self.range(second < 60, "second")?;
        let nanos = self.fraction(micro)?;
        let offset = self.zone()?;
        if !self.rest.is_empty() {
            return Err(format!("parsing time {:?}: extra text: {:?}", self.text, self.rest));
        }
        self.range(day >= 1 && day <= days_in(year, month), "day")?;
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
        Ok(Instant { seconds, nanos })
    }

    fn cannot<T>(&self, rest: &str, element: &str) -> Result<T, String> {
        Err(format!("parsing time {:?} as {:?}: cannot parse {rest:?} as {element:?}", self.text, self.layout))
    }

    fn range(&self, fits: bool, what: &str) -> Result<(), String> {
        if fits { Ok(()) } else { Err(format!("parsing time {:?}: {what} out of range", self.text)) }
    }

    fn number(&mut self, width: usize, element: &str) -> Result<i64, String> {
        let head = self.rest.get(..width).filter(|head| head.bytes().all(|b| b.is_ascii_digit()));
        match head.and_then(|head| head.parse().ok()) {
            Some(number) => {
                self.rest = &self.rest[width..];
                Ok(number)
            }
            None => self.cannot(self.rest, element),
        }
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => self.cannot(self.rest, literal),
        }
    }

    /// Decimal places: any number where the layout names none, exactly six where it names six.
    fn fraction(&mut self, micro: bool) -> Result<u32, String> {
        let Some(after) = self.rest.strip_prefix(['.', ',']) else {
            return if micro { self.cannot(self.rest, ".000000") } else { Ok(0) };
        };
        let width = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if width == 0 || (micro && width != 6) {
            return if micro { self.cannot(self.rest, ".000000") } else { self.cannot(self.rest, "Z07:00") };
        }
        self.rest = &after[width..];
        let mut nanos = 0;
        for place in 0..9 {
            nanos = nanos * 10 + after.as_bytes()[..width].get(place).map_or(0, |b| u32::from(b - b'0'));
        }
        Ok(nanos)
    }

    /// Seconds east of UTC.
    fn zone(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let whole = self.rest;
        let part = |from: usize| whole.get(from..from + 2).and_then(|t| t.parse::<u32>().ok()).map(i64::from);
        let sign = match whole.bytes().next() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return self.cannot(whole, "Z07:00"),
        };
        match (part(1), whole.get(3..4), part(4)) {
            (Some(hours), Some(":"), Some(minutes)) => {
                self.range(hours <= 24, "time zone offset hour")?;
                self.range(minutes < 60, "time zone offset minute")?;
                self.rest = &whole[6..];
                Ok(sign * (hours * 3_600 + minutes * 60))
            }
            _ => self.cannot(whole, "Z07:00"),
        }
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let index = (5 * of_year + 2) / 153;
    let month = if index < 10 { index + 3 } else { index - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * index + 2) / 5 + 1)
}

/// Reads a Go duration (`1h30m`, `-1.5s`, `0`) into nanoseconds.
///
/// # Errors
/// Go's text, `time: invalid duration "x"`.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if digits.bytes().all(|b| b == b'.') || fraction.contains('.') || digits.len() > 40 {
            return Err(invalid());
        }
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(letters);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let scale = unit_nanos(unit).ok_or_else(|| format!("time: unknown unit {unit:?} in duration {text:?}"))?;
        let kept = &fraction[..fraction.len().min(18)];
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: i128 = if kept.is_empty() { 0 } else { kept.parse().map_err(|_| invalid())? };
        let places = 10_i128.pow(u32::try_from(kept.len()).unwrap_or(0));
        let nanos = whole.checked_mul(scale).and_then(|n| n.checked_add(part * scale / places)).ok_or_else(invalid)?;
        total = total.checked_add(nanos).ok_or_else(invalid)?;
        rest = after;
    }
    let signed = if text.starts_with('-') { -total } else { total };
    i64::try_from(signed).map_err(|_| invalid())
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Writes nanoseconds as Go does: `1m0s`, `1.5s`, `100ms`, `0s`.
#[must_use]
pub fn format_duration(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let (unit, scale) = match magnitude {
        0 => return "0s".to_owned(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let seconds = magnitude / scale;
    let mut fraction = String::new();
    if !magnitude.is_multiple_of(scale) {
        let places = scale.ilog10() as usize;
        fraction = format!(".{:0places$}", magnitude % scale).trim_end_matches('0').to_owned();
    }
    if unit != "s" || seconds < 60 {
        return format!("{sign}{seconds}{fraction}{unit}");
    }
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    if minutes < 60 {
        return format!("{sign}{minutes}m{seconds}{fraction}s");
    }
    format!("{sign}{}h{}m{seconds}{fraction}s", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_times() {
        for (given, written) in [
            ("2026-11-24T13:40:48Z", "2026-11-24T13:40:48Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2024-02-29T23:59:59.999-00:30", "2024-03-01T00:29:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Instant::parse(given).unwrap().to_rfc3339(), written);
        }
        assert_eq!(Instant::parse("1970-01-01T00:00:01Z").unwrap().seconds, 1);
        let micro = Instant::parse_micro("2026-01-01T01:00:00.000007+01:00").unwrap();
        assert_eq!(micro.to_rfc3339_micro(), "2026-01-01T00:00:00.000007Z");
    }

    #[test]
    fn refuses_in_gos_words() {
        let text = |t| Instant::parse(t).unwrap_err();
        assert_eq!(text("abc"), r#"parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006""#);
        assert_eq!(text("2026-13-01T00:00:00Z"), r#"parsing time "2026-13-01T00:00:00Z": month out of range"#);
        assert_eq!(text("2026-02-29T00:00:00Z"), r#"parsing time "2026-02-29T00:00:00Z": day out of range"#);
        assert_eq!(text("2026-02-01T00:00:00Zx"), r#"parsing time "2026-02-01T00:00:00Zx": extra text: "x""#);
        assert!(Instant::parse_micro("2026-02-01T00:00:00Z").unwrap_err().ends_with(r#"cannot parse "Z" as ".000000""#));
        assert!(Instant::parse("é").is_err() && Instant::parse("2026-02-01T00:00:00+é").is_err());
    }

    #[test]
    fn durations() {
        for (given, written) in
            [("60s", "1m0s"), ("1.5h", "1h30m0s"), ("1500ms", "1.5s"), ("0", "0s"), ("-100ms", "-100ms"), ("2us", "2µs")]
        {
            assert_eq!(format_duration(parse_duration(given).unwrap()), written);
        }
        assert_eq!(parse_duration("abc").unwrap_err(), r#"time: invalid duration "abc""#);
        assert_eq!(parse_duration("10").unwrap_err(), r#"time: missing unit in duration "10""#);
        assert_eq!(parse_duration("1x").unwrap_err(), r#"time: unknown unit "x" in duration "1x""#);
    }
}
