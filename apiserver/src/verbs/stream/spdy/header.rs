//! Header blocks of SPDY/3: pairs of names and values, compressed with one state per connection and direction.
//!
//! Fed by the frame codec. Knows no frame.

use super::dictionary::DICTIONARY;
use bytes::{Buf, BufMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::io;

/// Largest block after decompression.
pub const BLOCK_BYTES_MAX: usize = 64 << 10;
/// Headers in a block.
pub const HEADERS_MAX: usize = 128;
/// Bytes by which an output buffer grows.
const STEP: usize = 4 << 10;

/// Headers in their order; names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The value of a name in lower case, empty if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let value = self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        // Several values are joined with NUL; the first is meant.
        value.split('\0').next().unwrap_or_default()
    }

    fn parse(mut block: &[u8]) -> io::Result<Headers> {
        let count = block.try_get_u32().map_err(|_| bad("a header block without its count"))? as usize;
        if count > HEADERS_MAX {
            return Err(bad("too many headers"));
        }
        let mut headers = Vec::with_capacity(count);
        for _ in 0..count {
            let name = text(&mut block)?.to_ascii_lowercase();
            headers.push((name, text(&mut block)?));
        }
        Ok(Headers(headers))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut block = Vec::new();
        put_length(&mut block, self.0.len());
        for (name, value) in &self.0 {
            for part in [name.to_ascii_lowercase().as_bytes(), value.as_bytes()] {
                put_length(&mut block, part.len());
                block.put_slice(part);
            }
        }
        block
    }
}

fn put_length(block: &mut Vec<u8>, length: usize) {
    // Our own headers are short.
    block.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

fn text(block: &mut &[u8]) -> io::Result<String> {
    let length = block.try_get_u32().map_err(|_| bad("a header block that ends early"))? as usize;
    let bytes = block.get(..length).ok_or_else(|| bad("a header block that ends early"))?;
    let text = String::from_utf8_lossy(bytes).into_owned();
    block.advance(length);
    Ok(text)
}

pub(super) fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Unpacks the blocks of one direction, in their order.
pub(super) struct Unpacker(Decompress);

impl Unpacker {
    pub(super) fn new() -> Unpacker {
        Unpacker(Decompress::new(true))
    }

    pub(super) fn unpack(&mut self, mut packed: &[u8]) -> io::Result<Headers> {
        let mut block = Vec::with_capacity(STEP);
        loop {
            let (read, wrote) = (self.0.total_in(), block.len());
            let mut primed = false;
            if let Err(error) = self.0.decompress_vec(packed, &mut block, FlushDecompress::Sync) {
                error.needs_dictionary().ok_or_else(|| bad("a header block that is no zlib stream"))?;
                self.0.set_dictionary(DICTIONARY).map_err(|_| bad("a header block with another dictionary"))?;
                primed = true;
            }
            let taken = usize::try_from(self.0.total_in() - read).map_err(|_| bad("too long"))?;
            packed = packed.get(taken..).unwrap_or_default();
            // Room left and nothing to read: all of the block is out.
            if packed.is_empty() && block.len() < block.capacity() && !primed {
                return Headers::parse(&block);
            }
            if taken == 0 && block.len() == wrote && block.len() < block.capacity() && !primed {
                return Err(bad("a header block that does not end"));
            }
            if block.len() == block.capacity() {
                if block.len() >= BLOCK_BYTES_MAX {
                    return Err(bad("a header block that is too large"));
                }
                block.reserve(STEP);
            }
        }
    }
}

/// Packs the blocks of one direction, in their order.
pub(super) struct Packer(Compress);

impl Packer {
    pub(super) fn new() -> Packer {
        let mut compress = Compress::new(Compression::fast(), true);
        // Fails only on a stream that has begun.
        let primed = compress.set_dictionary(DICTIONARY);
        debug_assert!(primed.is_ok());
        Packer(compress)
    }

    pub(super) fn pack(&mut self, headers: &Headers) -> io::Result<Vec<u8>> {
        let block = headers.bytes();
        let mut left = block.as_slice();
        let mut packed = Vec::with_capacity(left.len() + 64);
        loop {
            let read = self.0.total_in();
            self.0.compress_vec(left, &mut packed, FlushCompress::Sync).map_err(io::Error::other)?;
            let taken = usize::try_from(self.0.total_in() - read).map_err(io::Error::other)?;
            left = left.get(taken..).unwrap_or_default();
            if left.is_empty() && packed.len() < packed.capacity() {
                return Ok(packed);
            }
            packed.reserve(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> Headers {
        Headers(vec![("streamtype".into(), value.into()), ("port".into(), "80".into())])
    }

    #[test]
    fn blocks_share_their_state() {
        let (mut packer, mut unpacker) = (Packer::new(), Unpacker::new());
        let long = "x".repeat(20_000);
        let mut sizes = Vec::new();
        for value in ["error", "data", "", &long, "data"] {
            let packed = packer.pack(&headers(value)).unwrap();
            sizes.push(packed.len());
            assert_eq!(unpacker.unpack(&packed).unwrap(), headers(value));
        }
        assert!(sizes[4] < sizes[0], "later blocks refer to earlier ones");
    }

    #[test]
    fn none_at_all() {
        let packed = Packer::new().pack(&Headers::default()).unwrap();
        assert_eq!(Unpacker::new().unpack(&packed).unwrap(), Headers::default());
    }

    #[test]
    fn what_is_refused() {
        assert!(Unpacker::new().unpack(b"").is_err());
        assert!(Unpacker::new().unpack(b"not zlib").is_err());
        let bomb = Packer::new().pack(&headers(&"x".repeat(BLOCK_BYTES_MAX * 4))).unwrap();
        assert!(bomb.len() < BLOCK_BYTES_MAX);
        assert!(Unpacker::new().unpack(&bomb).is_err());
    }
}
