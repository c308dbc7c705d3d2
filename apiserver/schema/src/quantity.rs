//! Quantities (`500m`, `1Gi`, `1e3`): exact fixed-point numbers with nine decimal places.
//!
//! Fed by decoding, resource arithmetic (quota, limits, usage) and printing. Follows upstream's parser and its canonical
//! form, to the letter where clients see it. Knows no field and no kind.
//!
//! Values are kept as whole billionths in an `i128`, that is up to ±1.7·10²⁹; more saturates. Upstream has no bound for
//! decimal ones; nothing real comes near.

mod read;

use read::{read, split};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

const NANOS: i128 = 1_000_000_000;
/// Binary quantities are capped at `i64::MAX`, as upstream does.
const BINARY_CAP: i128 = i64::MAX as i128 * NANOS;
const DECIMAL_SUFFIXES: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY_SUFFIXES: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `500m`, `1k`.
    #[default]
    Decimal,
    /// `1Gi`.
    Binary,
    /// `1e3`.
    Exponent,
}

/// An amount and how it is written. Equality and order look at the amount only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Why a text is no quantity, in upstream's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not of the form sign, digits, suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Form,
    /// The number itself.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// An unknown suffix.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    /// Zero.
    pub const ZERO: Quantity = Quantity { nanos: 0, format: Format::Decimal };

    /// Whole units.
    #[must_use]
    pub fn from_units(units: i64, format: Format) -> Quantity {
        Quantity { nanos: i128::from(units) * NANOS, format }
    }

    /// Thousandths, as CPU is counted.
    #[must_use]
    pub fn from_milli(milli: i64) -> Quantity {
        Quantity { nanos: i128::from(milli) * 1_000_000, format: Format::Decimal }
    }

    /// Billionths.
    #[must_use]
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Thousandths, rounded away from zero as upstream's `MilliValue` does.
    #[must_use]
    pub fn milli(&self) -> i64 {
        saturate(divide_up(self.nanos, 1_000_000))
    }

    /// Whole units, rounded away from zero as upstream's `Value` does.
    #[must_use]
    pub fn units(&self) -> i64 {
        saturate(divide_up(self.nanos, NANOS))
    }

    /// Whether the amount is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Below zero?
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Without a fraction?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.nanos % NANOS == 0
    }

    /// A whole multiple of `step`? Nothing is one of zero.
    #[must_use]
    pub fn is_multiple_of(&self, step: Quantity) -> bool {
        step.nanos != 0 && self.nanos % step.nanos == 0
    }

    /// How many times `other` goes into this, for ratios that people read.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn over(&self, other: Quantity) -> f64 {
        self.nanos as f64 / other.nanos as f64
    }

    /// Reads a quantity as JSON has it: a text or a number.
    #[must_use]
    pub fn of_json(value: &serde_json::Value) -> Option<Quantity> {
        match value {
            serde_json::Value::String(text) => text.parse().ok(),
            serde_json::Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        }
    }

    /// Orders two texts; one that is no quantity counts as zero.
    #[must_use]
    pub fn compare(a: &str, b: &str) -> Ordering {
        let read = |text: &str| text.parse::<Quantity>().unwrap_or_default();
        read(a).cmp(&read(b))
    }

    /// The canonical spelling of a text; a text that is no quantity stays as it is.
    #[must_use]
    pub fn canonical(text: &str) -> String {
        text.parse::<Quantity>().map_or_else(|_| text.to_owned(), |quantity| quantity.to_string())
    }

    /// The format it is written in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The sum; the format is that of the left side, unless that is zero.
    #[must_use]
    pub fn plus(self, other: Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nanos: self.nanos.saturating_add(other.nanos), format }
    }

    /// The difference; the format is that of the left side, unless that is zero.
    #[must_use]
    pub fn minus(self, other: Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nanos: self.nanos.saturating_sub(other.nanos), format }
    }

    /// Reads a quantity and says how the server writes it: `None` if as it was given.
    ///
    /// Upstream keeps the given spelling when it looks canonical by a quick test, which `1.500` passes and `0.5` does not.
    ///
    /// # Errors
    /// The text is no quantity.
    pub fn respell(text: &str) -> Result<Option<String>, QuantityError> {
        if text == "0" {
            return Ok(None);
        }
        let pieces = split(text)?;
        let (quantity, kept) = read(&pieces)?;
        if kept {
            return Ok(None);
        }
        let canonical = quantity.to_string();
        Ok(if canonical == text { None } else { Some(canonical) })
    }

    fn write_decimal(&self, out: &mut fmt::Formatter<'_>, format: Format) -> fmt::Result {
        let mut amount = self.nanos;
        let mut exponent = -9;
        while amount % 10 == 0 && (exponent < 18 || exponent % 3 != 0 || format == Format::Exponent) {
            amount /= 10;
            exponent += 1;
        }
        while exponent % 3 != 0 {
            amount = amount.saturating_mul(10);
            exponent -= 1;
        }
        if format == Format::Exponent {
            return if exponent == 0 { write!(out, "{amount}") } else { write!(out, "{amount}e{exponent}") };
        }
        let suffix = DECIMAL_SUFFIXES.iter().find(|(_, e)| *e == exponent).map_or("", |(s, _)| s);
        write!(out, "{amount}{suffix}")
    }

    fn write_binary(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.nanos / NANOS;
        let mut suffix = "";
        for (name, _) in BINARY_SUFFIXES {
            if amount % 1024 != 0 {
                break;
            }
            amount /= 1024;
            suffix = name;
        }
        write!(out, "{amount}{suffix}")
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return out.write_str("0");
        }
        match self.format {
            // Small or broken amounts would lose precision with a binary suffix.
            Format::Binary if self.nanos.abs() < 1024 * NANOS || self.nanos % NANOS != 0 => {
                self.write_decimal(out, Format::Decimal)
            }
            Format::Binary => self.write_binary(out),
            format => self.write_decimal(out, format),
        }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        read(&split(text)?).map(|(quantity, _)| quantity)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Divides away from zero.
fn divide_up(number: i128, by: i128) -> i128 {
    let quotient = number / by;
    if number % by == 0 { quotient } else { quotient + number.signum() }
}

fn saturate(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Quantity::respell(text).unwrap().unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn writes_as_upstream() {
        for (given, written) in [
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1500m", "1500m"),
            ("1000m", "1"),
            ("1", "1"),
            ("100m", "100m"),
            ("0", "0"),
            ("2048", "2048"),
            ("1000", "1k"),
            ("1e3", "1e3"),
            ("1000e0", "1e3"),
            ("1E", "1E"),
            ("1E3", "1E3"),
            ("128Mi", "128Mi"),
            ("0.5Gi", "512Mi"),
            ("1.5Gi", "1536Mi"),
            ("1025Mi", "1025Mi"),
            ("512Ki", "512Ki"),
            ("0.001", "1m"),
            (".5", "500m"),
            ("1.", "1."),
            ("0.1n", "1n"),
            ("-0.5", "-500m"),
            ("1.500", "1.500"),
            ("00", "0"),
            ("0.0", "0"),
            ("100000000", "100M"),
            ("0.5Ki", "512"),
        ] {
            assert_eq!(canonical(given), written, "{given}");
        }
    }

    #[test]
    fn refuses_in_upstreams_words() {
        assert_eq!(Quantity::respell("much"), Err(QuantityError::Form));
        assert_eq!(Quantity::respell(""), Err(QuantityError::Form));
        assert_eq!(Quantity::respell("1mm"), Err(QuantityError::Suffix));
        assert_eq!(Quantity::respell("1 Gi"), Err(QuantityError::Form));
        assert!("much".parse::<Quantity>().unwrap_err().to_string().starts_with("quantities must match"));
    }

    #[test]
    fn counts() {
        let half: Quantity = "500m".parse().unwrap();
        let gi: Quantity = "1Gi".parse().unwrap();
        assert_eq!((half.milli(), half.units(), gi.units()), (500, 1, 1 << 30));
        assert_eq!(half.plus(half).to_string(), "1");
        assert_eq!(gi.minus("512Mi".parse().unwrap()).to_string(), "512Mi");
        assert_eq!(Quantity::ZERO.plus(gi).to_string(), "1Gi");
        assert!(half < gi && half == "0.5".parse().unwrap());
    }

    #[test]
    fn bounds_hostile_numbers() {
        let nines = "9".repeat(5_000);
        assert!(nines.parse::<Quantity>().unwrap().nanos() > 0);
        assert_eq!(format!("{nines}Ei").parse::<Quantity>().unwrap().units(), i64::MAX);
        assert!("1e999999999".parse::<Quantity>().is_ok());
        assert_eq!("1e-999999999".parse::<Quantity>().unwrap().nanos(), 1);
        assert_eq!(format!("0.{nines}").parse::<Quantity>().unwrap().units(), 1);
    }
}
