//! One upgraded connection as frames: a length, then a postcard value. Shared by nodes, gateways and side streams.

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use skiff_engine::wire::FRAME_BYTES_MAX;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, ReadHalf, WriteHalf};

/// Both halves of an upgraded connection.
pub(super) type Half = TokioIo<Upgraded>;

/// Reads frames.
pub(super) struct Frames<R>(BufReader<R>);

/// Writes frames; flushed by the caller after a batch.
pub(super) struct Sink<W: AsyncWrite>(BufWriter<W>);

/// Splits a connection.
pub(super) fn split(upgraded: Upgraded) -> (Frames<ReadHalf<Half>>, Sink<WriteHalf<Half>>) {
    let (read, write) = tokio::io::split(TokioIo::new(upgraded));
    (Frames(BufReader::with_capacity(64 << 10, read)), Sink(BufWriter::with_capacity(64 << 10, write)))
}

fn bad(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// The next frame; `None` at the end of the stream.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut head = [0; 4];
        match self.0.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = u32::from_le_bytes(head);
        if length > FRAME_BYTES_MAX {
            return Err(bad(format!("a frame of {length} bytes")));
        }
        let mut frame = vec![0; length as usize];
        self.0.read_exact(&mut frame).await?;
        postcard::from_bytes(&frame).map(Some).map_err(bad)
    }
}

impl<W: AsyncWrite + Unpin> Sink<W> {
    /// Writes a frame into the buffer.
    pub(super) async fn put<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let frame = postcard::to_allocvec(value).map_err(bad)?;
        let length = u32::try_from(frame.len()).ok().filter(|n| *n <= FRAME_BYTES_MAX).ok_or_else(|| bad("frame too large"))?;
        self.0.write_all(&length.to_le_bytes()).await?;
        self.0.write_all(&frame).await
    }

    /// Sends what is buffered.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }
}
