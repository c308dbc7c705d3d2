//! Go durations: `1h30m`, `600ms`, and back. Pure arithmetic in nanoseconds.

/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;

/// `time.ParseDuration`; `None` where Go refuses.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total = amount.mul_add(unit, total);
        rest = &rest[end..];
    }
    if total > 9.2e18 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)]
    let nanos = total.round() as i64;
    Some(if negative { -nanos } else { nanos })
}

/// `Duration.String`: `1h0m0s`, `1.5s`, `0s`.
#[must_use]
pub fn show(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".into();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let all = nanos.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if all < second {
        let (unit, size) = if all < 1_000 {
            ("ns", 1)
        } else if all < 1_000_000 {
            ("µs", 1_000)
        } else {
            ("ms", 1_000_000)
        };
        return format!("{sign}{}{unit}", fraction(all, size));
    }
    let (hours, minutes) = (all / second / 3600, all / second / 60 % 60);
    let seconds = fraction(all % (60 * second), second);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn fraction(amount: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let rest = amount % unit;
    if rest == 0 {
        return (amount / unit).to_string();
    }
    let digits = format!("{rest:0width$}");
    format!("{}.{}", amount / unit, digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_go_both_ways() {
        for (text, nanos, shown) in [
            ("1h", 3600 * SECOND, "1h0m0s"),
            ("6s", 6 * SECOND, "6s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("600ms", 600_000_000, "600ms"),
            ("-1s", -SECOND, "-1s"),
            ("0", 0, "0s"),
            ("2m3s", 123 * SECOND, "2m3s"),
        ] {
            assert_eq!(parse(text), Some(nanos), "{text}");
            assert_eq!(show(nanos), shown);
        }
        for bad in ["", "soon", "5", "s", "1x", "-"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
