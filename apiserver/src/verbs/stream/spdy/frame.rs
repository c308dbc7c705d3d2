//! Frames of SPDY/3.1 and their bytes.
//!
//! Fed by a connection's bytes in one direction, by the session's frames in the other. Knows nothing of streams' lives.

use super::header::{Headers, Packer, Unpacker, bad};
use crate::verbs::stream::flow::PIECE_BYTES_MAX;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::io;
use tokio_util::codec::{Decoder, Encoder};

const VERSION: u16 = 3;
const HEAD_BYTES: usize = 8;
const CONTROL: u32 = 1 << 31;
const FIN: u8 = 1;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

/// Why a stream is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// The stream's number is wrong.
    ProtocolError = 1,
    /// It is not served.
    RefusedStream = 3,
    /// It is no longer wanted.
    Cancel = 5,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A stream begins.
    Open {
        /// Its number.
        stream: u32,
        /// What it is for.
        headers: Headers,
        /// Its beginner sends nothing.
        fin: bool,
    },
    /// A stream is accepted.
    Reply {
        /// Its number.
        stream: u32,
        /// Usually none.
        headers: Headers,
        /// Its accepter sends nothing.
        fin: bool,
    },
    /// Bytes of a stream.
    Data {
        /// Its number.
        stream: u32,
        /// At most [`PIECE_BYTES_MAX`].
        bytes: Bytes,
        /// The last of this side.
        fin: bool,
    },
    /// A stream ends at once, in both directions.
    Reset {
        /// Its number.
        stream: u32,
        /// Why, one of [`Reason`] if it is ours.
        reason: u32,
    },
    /// Answered with the same.
    Ping(u32),
    /// No further streams.
    GoAway {
        /// The last stream that was taken.
        last: u32,
    },
    /// Settings, window updates (nobody among Kubernetes' clients honours windows), late headers.
    Other,
}

/// Bytes to frames.
pub struct Reading(Unpacker);

/// Frames to bytes.
pub struct Writing(Packer);

impl Reading {
    /// At the start of a connection.
    #[must_use]
    pub fn new() -> Reading {
        Reading(Unpacker::new())
    }

    fn control(&mut self, kind: u16, flags: u8, mut body: Bytes) -> io::Result<Frame> {
        let fin = flags & FIN != 0;
        let number = |body: &mut Bytes| body.try_get_u32().map_err(|_| bad("a frame that ends early"));
        Ok(match kind {
            SYN_STREAM => {
                let stream = number(&mut body)? & !CONTROL;
                // Associated stream, priority, slot: not for us.
                number(&mut body)?;
                body.try_get_u16().map_err(|_| bad("a frame that ends early"))?;
                Frame::Open { stream, headers: self.0.unpack(&body)?, fin }
            }
            SYN_REPLY => {
                let stream = number(&mut body)? & !CONTROL;
                Frame::Reply { stream, headers: self.0.unpack(&body)?, fin }
            }
            RST_STREAM => Frame::Reset { stream: number(&mut body)? & !CONTROL, reason: number(&mut body)? },
            PING => Frame::Ping(number(&mut body)?),
            GOAWAY => Frame::GoAway { last: number(&mut body)? & !CONTROL },
            HEADERS => {
                number(&mut body)?;
                // Unpacked although nobody reads them: the blocks after them depend on them.
                self.0.unpack(&body)?;
                Frame::Other
            }
            _ => Frame::Other,
        })
    }
}

impl Decoder for Reading {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, from: &mut BytesMut) -> io::Result<Option<Frame>> {
        let Some(mut head) = from.get(..HEAD_BYTES) else { return Ok(None) };
        let (word, flags_length) = (head.get_u32(), head.get_u32());
        let (flags, length) = (flags_length.to_be_bytes()[0], (flags_length & 0x00ff_ffff) as usize);
        if length > PIECE_BYTES_MAX {
            return Err(bad("a frame that is too large"));
        }
        if from.len() < HEAD_BYTES + length {
            from.reserve(HEAD_BYTES + length - from.len());
            return Ok(None);
        }
        from.advance(HEAD_BYTES);
        let body = from.split_to(length).freeze();
        if word & CONTROL == 0 {
            return Ok(Some(Frame::Data { stream: word, bytes: body, fin: flags & FIN != 0 }));
        }
        let (version, kind) = ((word >> 16) as u16 & 0x7fff, (word & 0xffff) as u16);
        if version != VERSION {
            return Err(bad("another version of SPDY"));
        }
        self.control(kind, flags, body).map(Some)
    }
}

impl Writing {
    /// At the start of a connection.
    #[must_use]
    pub fn new() -> Writing {
        Writing(Packer::new())
    }
}

fn put_head(into: &mut BytesMut, word: u32, flags: u8, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).ok().filter(|n| *n < 1 << 24).ok_or_else(|| bad("a frame that is too large"))?;
    into.put_u32(word);
    into.put_u32(u32::from(flags) << 24 | length);
    Ok(())
}

fn put_control(into: &mut BytesMut, kind: u16, flags: u8, numbers: &[u32], block: &[u8]) -> io::Result<()> {
    let word = CONTROL | u32::from(VERSION) << 16 | u32::from(kind);
    put_head(into, word, flags, numbers.len() * 4 + block.len())?;
    numbers.iter().for_each(|number| into.put_u32(*number));
    into.put_slice(block);
    Ok(())
}

impl Encoder<Frame> for Writing {
    type Error = io::Error;

    fn encode(&mut self, frame: Frame, into: &mut BytesMut) -> io::Result<()> {
        match frame {
            Frame::Open { stream, headers, fin } => {
                // Priority and slot, two bytes, come before the block.
                let mut block = vec![0, 0];
                block.append(&mut self.0.pack(&headers)?);
                put_control(into, SYN_STREAM, u8::from(fin), &[stream, 0], &block)
            }
            Frame::Reply { stream, headers, fin } => {
                put_control(into, SYN_REPLY, u8::from(fin), &[stream], &self.0.pack(&headers)?)
            }
            Frame::Data { stream, bytes, fin } => {
                put_head(into, stream & !CONTROL, u8::from(fin), bytes.len())?;
                into.put_slice(&bytes);
                Ok(())
            }
            Frame::Reset { stream, reason } => put_control(into, RST_STREAM, 0, &[stream, reason], &[]),
            Frame::Ping(number) => put_control(into, PING, 0, &[number], &[]),
            Frame::GoAway { last } => put_control(into, GOAWAY, 0, &[last, 0], &[]),
            Frame::Other => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
