//! From a text to an amount, by upstream's scanner and its rounding. Fed by `quantity`; knows no arithmetic beyond what reading
//! needs.

use super::{BINARY_CAP, BINARY_SUFFIXES, DECIMAL_SUFFIXES, Format, NANOS, Quantity, QuantityError, divide_up};

/// The pieces of a quantity's text.
pub(super) struct Pieces<'a> {
    negative: bool,
    /// Integer digits without leading zeros.
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

/// Splits by upstream's hand-written scanner, which is laxer than the expression it names (`.5`, `1.`).
pub(super) fn split(text: &str) -> Result<Pieces<'_>, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Form);
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let significant = unsigned.trim_start_matches('0');
    let (whole, mut rest) = digits(significant);
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        (fraction, rest) = digits(after);
    }
    let letters = rest.find(|c: char| !"eEinumkKMGTP".contains(c)).unwrap_or(rest.len());
    let mut tail = &rest[letters..];
    if letters < rest.len() {
        tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
    }
    if !digits(tail).1.is_empty() {
        return Err(QuantityError::Form);
    }
    Ok(Pieces { negative, whole, fraction, suffix: rest })
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The amount, and whether upstream would keep the given spelling.
pub(super) fn read(pieces: &Pieces<'_>) -> Result<(Quantity, bool), QuantityError> {
    let (base_two, exponent, format) = suffix(pieces.suffix).ok_or(QuantityError::Suffix)?;
    let (mantissa, dropped, exact_digits) = mantissa(pieces);
    let places = i32::try_from(pieces.fraction.len()).unwrap_or(i32::MAX);
    let kept_places = places - dropped;
    let magnitude = if base_two {
        binary(mantissa, exponent, kept_places, exact_digits).min(BINARY_CAP)
    } else {
        shift(mantissa, exponent.saturating_add(9).saturating_sub(kept_places), exact_digits)
    };
    let format = if base_two && magnitude > 0 && magnitude < NANOS { Format::Decimal } else { format };
    let nanos = if pieces.negative { -magnitude } else { magnitude };
    Ok((Quantity { nanos, format }, spelling_kept(pieces, base_two, exponent, places)))
}

/// `mantissa` · 2^`exponent` in billionths, with `places` decimal places to take off.
fn binary(mut mantissa: i128, exponent: i32, mut places: i32, mut exact: bool) -> i128 {
    loop {
        let scaled = mantissa.checked_mul(1_i128 << exponent.clamp(0, 60)).and_then(|m| m.checked_mul(NANOS));
        match scaled {
            Some(scaled) => return shift(scaled, -places, exact),
            None if places <= 0 => return BINARY_CAP,
            // Too many decimal places to hold: the last one is below a billionth of what is meant.
            None => {
                exact &= mantissa % 10 == 0;
                (mantissa, places) = (mantissa / 10, places - 1);
            }
        }
    }
}

/// Base two or ten, exponent, format.
fn suffix(text: &str) -> Option<(bool, i32, Format)> {
    if let Some((_, exponent)) = DECIMAL_SUFFIXES.iter().find(|(name, _)| *name == text) {
        return Some((false, *exponent, Format::Decimal));
    }
    if let Some((_, exponent)) = BINARY_SUFFIXES.iter().find(|(name, _)| *name == text) {
        return Some((true, i32::try_from(*exponent).ok()?, Format::Binary));
    }
    let exponent = text.strip_prefix(['e', 'E'])?.parse::<i64>().ok()?;
    Some((false, i32::try_from(exponent.clamp(-1_000, 1_000)).ok()?, Format::Exponent))
}

/// The digits as one number, how many trailing ones did not fit, and whether those were all zero.
fn mantissa(pieces: &Pieces<'_>) -> (i128, i32, bool) {
    let mut number: i128 = 0;
    let mut dropped = 0;
    let mut exact = true;
    for digit in pieces.whole.bytes().chain(pieces.fraction.bytes()) {
        let digit = i128::from(digit - b'0');
        // 10^26 leaves room for the nine places and for rounding.
        if dropped == 0 && number < 100_000_000_000_000_000_000_000_000 {
            number = number * 10 + digit;
        } else {
            dropped += 1;
            exact &= digit == 0;
        }
    }
    (number, dropped, exact)
}

/// Times ten to the `by`, saturating. Division rounds up, as do digits that were lost before (not `exact`).
fn shift(number: i128, by: i32, exact: bool) -> i128 {
    let power = 10_i128.checked_pow(by.unsigned_abs());
    match (power, by < 0) {
        (Some(power), true) if exact => divide_up(number, power),
        (Some(power), true) => number / power + 1,
        (Some(power), false) => number.saturating_mul(power),
        (None, true) => i128::from(number > 0 || !exact),
        (None, false) if number == 0 => 0,
        (None, false) => i128::MAX,
    }
}

/// Upstream's quick test for a canonical spelling.
fn spelling_kept(pieces: &Pieces<'_>, base_two: bool, exponent: i32, places: i32) -> bool {
    // The scanner leaves "0" for an empty integer part, and for nothing but zeros.
    let whole = if pieces.whole.is_empty() { "0" } else { pieces.whole };
    let digits = i32::try_from(whole.len()).unwrap_or(i32::MAX).saturating_add(places);
    if base_two {
        let precision = 15 - digits - exponent * 3 / 10 - 1;
        let odd = whole.parse::<i64>().is_ok_and(|value| value & 7 != 0);
        return places == 0 && precision >= 0 && odd;
    }
    let scale = exponent.saturating_sub(places);
    let ends_in_zeros = {
        let mut last = whole.bytes().chain(pieces.fraction.bytes()).rev();
        (0..3).all(|_| last.next() == Some(b'0'))
    };
    digits <= 18 && scale >= -9 && scale % 3 == 0 && !ends_in_zeros && !whole.starts_with('0')
}
