//! Resource quantities as numbers: just enough to compare, to add and to tell whole ones.
//!
//! Fed by the resource checks and by the quality of service. The spelling of quantities is settled before (decode); must not
//! know what a resource is.

use std::cmp::Ordering;

/// A quantity in billionths, upstream's finest step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Quantity(i128);

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// Reads `1`, `100m`, `1.5Gi`, `1e3`; nothing when malformed or out of range.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, rest) = match text.as_bytes().first()? {
            b'-' => (-1, &text[1..]),
            b'+' => (1, &text[1..]),
            _ => (1, text),
        };
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let (top, bottom) = scale(suffix)?;
        let mut value: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        value = value.checked_mul(NANO)?.checked_mul(top)? / bottom;
        let mut place = NANO.checked_mul(top)?;
        for digit in fraction.bytes() {
            place /= 10;
            value = value.checked_add(i128::from(digit - b'0') * place / bottom)?;
        }
        Some(Self(sign * value))
    }

    /// Below zero?
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Exactly zero?
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Without a fraction?
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.0 % NANO == 0
    }

    /// A positive whole multiple of `step`?
    #[must_use]
    pub fn is_multiple_of(self, step: Quantity) -> bool {
        step.0 != 0 && self.0 % step.0 == 0
    }

    /// Spells it in upstream's canonical form: the largest suffix that leaves a whole number.
    #[must_use]
    pub fn spell(self, binary: bool) -> String {
        if binary && self.is_whole() {
            let value = self.0 / NANO;
            let fits = ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"].into_iter().find_map(|suffix| {
                let (step, _) = scale(suffix)?;
                (value != 0 && value % step == 0).then(|| format!("{}{suffix}", value / step))
            });
            return fits.unwrap_or_else(|| value.to_string());
        }
        for (suffix, step) in [("", NANO), ("m", 1_000_000), ("u", 1000)] {
            if self.0 % step != 0 {
                continue;
            }
            let mut value = self.0 / step;
            if !suffix.is_empty() || value == 0 {
                return format!("{value}{suffix}");
            }
            let mut big = ["k", "M", "G", "T", "P", "E"].into_iter();
            let mut suffix = "";
            while value % 1000 == 0 {
                let Some(next) = big.next() else { break };
                suffix = next;
                value /= 1000;
            }
            return format!("{value}{suffix}");
        }
        format!("{}n", self.0)
    }

    /// The sum, kept in range.
    #[must_use]
    pub fn plus(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }
}

/// What a suffix multiplies and divides by.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, NANO),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (NANO, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10i128.checked_pow(power.unsigned_abs())?;
            if power < 0 { (1, factor) } else { (factor, 1) }
        }
    })
}

/// Compares two spelled quantities; malformed ones compare as zero.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    Quantity::parse(a).unwrap_or_default().cmp(&Quantity::parse(b).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_compares() {
        assert_eq!(compare("1000m", "1"), Ordering::Equal);
        assert_eq!(compare("1Gi", "1G"), Ordering::Greater);
        assert_eq!(compare("1.5", "1500m"), Ordering::Equal);
        assert_eq!(compare("1e3", "1k"), Ordering::Equal);
        assert_eq!(compare("-1", "0"), Ordering::Less);
        assert!(!Quantity::parse("1.5").unwrap().is_whole());
        for bad in ["", "much", "1.2.3", "1X", "."] {
            assert_eq!(Quantity::parse(bad), None, "{bad}");
        }
    }
}
