//! Quantities (`100m`, `64Mi`, `1e3`): parsing and the canonical spelling Go writes back. Precise to a billionth.

use thiserror::Error;

/// Why a text is no quantity, in the words of apimachinery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// The text does not look like one.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The suffix is none of the known ones.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// More than this type can hold.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Binary,
    Decimal,
    Exponent,
}

/// A parsed quantity.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    style: Style,
}

const NANO: i128 = 1_000_000_000;

impl Quantity {
    /// In billionths.
    #[must_use]
    pub const fn nanos(&self) -> i128 {
        self.nanos
    }
}

/// Parses a quantity.
///
/// # Errors
/// Where Go refuses the text.
pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
    let digits_at = usize::from(text.starts_with(['+', '-']));
    let end = text[digits_at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |i| i + digits_at);
    let (number, suffix) = (&text[digits_at..end], &text[end..]);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + part.len() == 0 || part.contains('.') {
        return Err(QuantityError::Format);
    }
    let (style, numerator, denominator) = scale(suffix)?;
    let digits: i128 = format!("{whole}{part}").parse().map_err(|_| QuantityError::Numeric)?;
    let places = u32::try_from(part.len()).ok().and_then(|p| 10_i128.checked_pow(p)).ok_or(QuantityError::Numeric)?;
    let top = digits.checked_mul(numerator).and_then(|v| v.checked_mul(NANO / denominator)).ok_or(QuantityError::Numeric)?;
    // What is finer than a billionth is rounded up, away from zero.
    let nanos = top / places + i128::from(top % places != 0);
    Ok(Quantity { nanos: if text.starts_with('-') { -nanos } else { nanos }, style })
}

fn scale(suffix: &str) -> Result<(Style, i128, i128), QuantityError> {
    let kilo = |power: u32| 1000_i128.pow(power);
    let kibi = |power: u32| 1024_i128.pow(power);
    Ok(match suffix {
        "" => (Style::Decimal, 1, 1),
        "n" => (Style::Decimal, 1, kilo(3)),
        "u" => (Style::Decimal, 1, kilo(2)),
        "m" => (Style::Decimal, 1, kilo(1)),
        "k" => (Style::Decimal, kilo(1), 1),
        "M" => (Style::Decimal, kilo(2), 1),
        "G" => (Style::Decimal, kilo(3), 1),
        "T" => (Style::Decimal, kilo(4), 1),
        "P" => (Style::Decimal, kilo(5), 1),
        "E" => (Style::Decimal, kilo(6), 1),
        "Ki" => (Style::Binary, kibi(1), 1),
        "Mi" => (Style::Binary, kibi(2), 1),
        "Gi" => (Style::Binary, kibi(3), 1),
        "Ti" => (Style::Binary, kibi(4), 1),
        "Pi" => (Style::Binary, kibi(5), 1),
        "Ei" => (Style::Binary, kibi(6), 1),
        _ => return exponent(suffix),
    })
}

fn exponent(suffix: &str) -> Result<(Style, i128, i128), QuantityError> {
    let allowed = |c: char| "eEinumkKMGTP".contains(c);
    let rest = suffix.trim_start_matches(allowed).trim_start_matches(['+', '-']);
    if !rest.chars().all(|c| c.is_ascii_digit()) {
        return Err(QuantityError::Format);
    }
    let power: i32 = suffix.strip_prefix(['e', 'E']).and_then(|p| p.parse().ok()).ok_or(QuantityError::Suffix)?;
    match power {
        0..=18 => Ok((Style::Exponent, 10_i128.pow(power.unsigned_abs()), 1)),
        -9..=-1 => Ok((Style::Exponent, 1, 10_i128.pow(power.unsigned_abs()))),
        _ => Err(QuantityError::Numeric),
    }
}

/// The canonical spelling of a text; a text that is no quantity stays as it is.
#[must_use]
pub fn canonical(text: &str) -> String {
    parse(text).map_or_else(|_| text.to_owned(), |quantity| quantity.to_string())
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.nanos == 0 {
            return out.write_str("0");
        }
        if self.style == Style::Binary && self.nanos.abs() >= 1024 * NANO {
            let whole = self.nanos / NANO + i128::from(self.nanos % NANO != 0);
            return binary(whole, out);
        }
        let (mut mantissa, mut power) = (self.nanos, -9_i32);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            power += 1;
        }
        while power.rem_euclid(3) != 0 || power > 18 {
            mantissa *= 10;
            power -= 1;
        }
        let suffix = match (self.style, power) {
            (_, 0) => String::new(),
            (Style::Exponent, _) => format!("e{power}"),
            _ => usize::try_from(power / 3 + 3)
                .ok()
                .and_then(|i| ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].get(i))
                .map_or_else(String::new, |s| (*s).to_owned()),
        };
        write!(out, "{mantissa}{suffix}")
    }
}

fn binary(mut whole: i128, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut suffix = "";
    for next in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if whole % 1024 != 0 {
            break;
        }
        whole /= 1024;
        suffix = next;
    }
    write!(out, "{whole}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_come_back_canonical() {
        for (given, shown) in [
            ("0.1", "100m"),
            ("1000m", "1"),
            ("0.5Gi", "512Mi"),
            ("64Mi", "64Mi"),
            ("1e3", "1e3"),
            ("1500", "1500"),
            ("2000", "2k"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("-5m", "-5m"),
            ("0", "0"),
        ] {
            assert_eq!(canonical(given), shown, "{given}");
        }
        assert_eq!(parse("lots").err(), Some(QuantityError::Format));
        assert_eq!(parse("1Q").err(), Some(QuantityError::Format));
        assert_eq!(parse("1K").err(), Some(QuantityError::Suffix));
    }
}
