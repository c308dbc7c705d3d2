//! Quantities (`100m`, `1Gi`) as numbers that compare and add, and the rules about them.
//!
//! Used by the kinds that hold resource lists. Knows no kind and no resource.

use super::at::{At, Faults};
use serde_json::Value;

/// A quantity in billionths. Anything larger than the range is cut, as upstream cuts at its own maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amount(i128);

const NANO: i128 = 1_000_000_000;

impl Amount {
    /// Reads a quantity; numbers are allowed where JSON has them.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => None,
        }
    }

    /// Reads the text of a quantity.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && part.is_empty()) || part.contains('.') {
            return None;
        }
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        let (base, power) = scale(suffix)?;
        let mut nano = digits.saturating_mul(base);
        let shift = power + 9 - i32::try_from(part.len()).ok()?;
        for _ in 0..shift.clamp(0, 40) {
            nano = nano.saturating_mul(10);
        }
        for _ in 0..(-shift).clamp(0, 80) {
            // Upstream rounds what is finer than a nano up.
            nano = nano / 10 + i128::from(nano % 10 != 0);
        }
        Some(Self(if negative { -nano } else { nano }))
    }

    /// Below zero?
    pub(super) fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Exactly zero?
    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// A whole number?
    pub(super) fn is_whole(self) -> bool {
        self.0 % NANO == 0
    }

    /// The sum.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// How many times `other` goes into this, for ratios shown to people.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn over(self, other: Self) -> f64 {
        self.0 as f64 / other.0 as f64
    }

    /// The canonical decimal text, for sums that no client has written.
    pub(super) fn decimal(self) -> String {
        if self.is_whole() {
            return (self.0 / NANO).to_string();
        }
        let (unit, suffix) =
            [(1_000_000, "m"), (1_000, "u"), (1, "n")].into_iter().find(|(unit, _)| self.0 % unit == 0).unwrap_or((1, "n"));
        format!("{}{suffix}", self.0 / unit)
    }
}

/// A suffix as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => (1, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// A quantity of zero or more.
pub(super) fn not_negative(out: &mut Faults, at: &At) {
    if at.raw().and_then(Amount::read).is_some_and(Amount::is_negative) {
        out.push(at.invalid("must be greater than or equal to 0"));
    }
}

/// Upstream's rule for quantities that must be there and more than nothing.
pub(super) fn is_positive(at: &At) -> bool {
    at.raw().and_then(Amount::read).is_some_and(|a| !a.is_negative() && !a.is_zero())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn order_and_sum() {
        for (a, b) in [("1", "1000m"), ("1Gi", "1024Mi"), ("1e3", "1k"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("1E", "1e18")] {
            assert_eq!(Amount::parse(a), Amount::parse(b), "{a} {b}");
        }
        assert!(Amount::parse("100m").unwrap() < Amount::parse("1").unwrap());
        assert!(Amount::parse("1G").unwrap() < Amount::parse("1Gi").unwrap());
        assert!(Amount::parse("-1").unwrap().is_negative());
        for bad in ["", "m", "1x", "1.2.3", "Gi"] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
        assert_eq!(Amount::parse("100m").unwrap().plus(Amount::parse("200m").unwrap()).decimal(), "300m");
    }
}
