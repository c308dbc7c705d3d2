//! The wire format of protobuf: tags, numbers, lengths. Reading never trusts a length; writing patches lengths in place.
//!
//! Used by decode, encode and leaf. Knows no message.

use crate::error::ProtoError;

/// Wire type of numbers.
pub(crate) const VARINT: u8 = 0;
/// Wire type of doubles.
pub(crate) const FIXED64: u8 = 1;
/// Wire type of strings, bytes, messages and packed numbers.
pub(crate) const LENGTH_DELIMITED: u8 = 2;

const GROUP_START: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// What is left of a message.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Named in errors.
    message: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], message: &'static str) -> Reader<'a> {
        Reader { rest: bytes, message }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Field number and wire type; `None` at the end of the message.
    pub(crate) fn tag(&mut self) -> Result<Option<(u32, u8)>, ProtoError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire = (tag & 7) as u8;
        if wire == GROUP_END {
            return Err(ProtoError::EndOfNoGroup { message: self.message });
        }
        // Upstream keeps the low 32 bits as well.
        let number = (tag >> 3) as i32;
        match u32::try_from(number) {
            Ok(known) if known > 0 => Ok(Some((known, wire))),
            _ => Err(ProtoError::IllegalTag { message: self.message, number, wire }),
        }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, ProtoError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(ProtoError::UnexpectedEnd)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ProtoError::IntegerOverflow)
    }

    pub(crate) fn fixed64(&mut self) -> Result<u64, ProtoError> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or(ProtoError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// A string, bytes or a message: a slice of the input, so that no length can ask for memory.
    pub(crate) fn delimited(&mut self) -> Result<&'a [u8], ProtoError> {
        let length = i64::try_from(self.varint()?).map_err(|_| ProtoError::NegativeLength)?;
        let length = usize::try_from(length).map_err(|_| ProtoError::UnexpectedEnd)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(ProtoError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Passes over the value of an unknown field. Groups are counted, not recursed into.
    pub(crate) fn skip(&mut self, wire: u8) -> Result<(), ProtoError> {
        let mut open = 0_u64;
        let mut wire = wire;
        loop {
            match wire {
                VARINT => drop(self.varint()?),
                FIXED64 => drop(self.fixed64()?),
                LENGTH_DELIMITED => drop(self.delimited()?),
                GROUP_START => open += 1,
                GROUP_END => open = open.saturating_sub(1),
                FIXED32 => self.rest = self.rest.get(4..).ok_or(ProtoError::UnexpectedEnd)?,
                other => return Err(ProtoError::IllegalWireType(other)),
            }
            if open == 0 {
                return Ok(());
            }
            wire = (self.varint()? & 7) as u8;
        }
    }
}

/// Appends a tag.
pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire));
}

/// Appends a number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field of bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, LENGTH_DELIMITED);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field of type int32 or int64; negative numbers take ten bytes for both.
pub(crate) fn put_int(out: &mut Vec<u8>, number: u32, value: i64) {
    put_tag(out, number, VARINT);
    put_varint(out, value.cast_unsigned());
}

/// How many bytes a number takes.
pub(crate) fn varint_size(number: u64) -> usize {
    ((64 - (number | 1).leading_zeros()) as usize).div_ceil(7)
}

/// Appends a message of yet unknown length: one byte is kept for the length, and what was written moves if it takes more.
pub(crate) fn put_nested(
    out: &mut Vec<u8>,
    number: u32,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), ProtoError>,
) -> Result<(), ProtoError> {
    put_tag(out, number, LENGTH_DELIMITED);
    let at = out.len();
    out.push(0);
    body(out)?;
    let end = out.len();
    let mut length = (end - at - 1) as u64;
    let extra = varint_size(length) - 1;
    if extra > 0 {
        out.resize(end + extra, 0);
        out.copy_within(at + 1..end, at + 1 + extra);
    }
    for place in &mut out[at..=at + extra] {
        *place = if length < 0x80 { length as u8 } else { length as u8 | 0x80 };
        length >>= 7;
    }
    Ok(())
}
