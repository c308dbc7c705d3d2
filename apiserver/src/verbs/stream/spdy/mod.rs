//! The server's side of a SPDY/3.1 connection: streams that clients open, of which no Rust crate exists.
//!
//! Fed by any byte stream (an upgraded connection, a tunnel). Must not know what the streams are for.
//!
//! Bounds: [`STREAMS_MAX`] live streams; [`super::flow::HELD_BYTES_MAX`] bytes of a client held; [`FRAMES_MAX`] frames to write.

mod dictionary;
pub(super) mod frame;
mod header;

pub use header::Headers;

use super::flow::{Budget, LINGER, PIECE_BYTES_MAX, Pulse, QUEUE_MAX, SILENCE, Said};
use bytes::Bytes;
use frame::{Frame, Reading, Reason, Writing};
use futures::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::codec::{FramedRead, FramedWrite};

/// Streams of a connection that live at once; more are refused.
pub const STREAMS_MAX: usize = 512;
/// Frames that wait to be written.
pub const FRAMES_MAX: usize = 32;

/// A connection. Dropping it ends it at once.
pub struct Session {
    opened: mpsc::Receiver<Stream>,
    frames: mpsc::Sender<Frame>,
    reading: JoinSet<()>,
    writing: JoinSet<()>,
}

/// A stream that a client opened; to be accepted or refused.
pub struct Stream {
    /// Its number.
    pub id: u32,
    /// What it is for.
    pub headers: Headers,
    /// What the client says on it.
    pub incoming: mpsc::Receiver<Said>,
    /// The way back.
    pub outlet: Outlet,
}

/// Writes on a stream.
pub struct Outlet {
    stream: u32,
    frames: mpsc::Sender<Frame>,
}

impl Session {
    /// Begins to serve a connection.
    pub fn new<T: AsyncRead + AsyncWrite + Send + 'static>(io: T) -> Session {
        let (read, write) = tokio::io::split(io);
        let (frames, queue) = mpsc::channel(FRAMES_MAX);
        let (accept, opened) = mpsc::channel(QUEUE_MAX);
        let pulse = Pulse::new();
        let (mut reading, mut writing) = (JoinSet::new(), JoinSet::new());
        writing.spawn(drain(FramedWrite::new(write, Writing::new()), queue, pulse.clone()));
        let desk = Desk { streams: HashMap::new(), last: 0, budget: Budget::new(), frames: frames.clone(), accept };
        reading.spawn(listen(FramedRead::new(read, Reading::new()), desk, pulse));
        Session { opened, frames, reading, writing }
    }

    /// The next stream that the client opens; `None` once the client is gone.
    pub async fn opened(&mut self) -> Option<Stream> {
        self.opened.recv().await
    }

    /// Returns once the client is gone; refuses further streams until then.
    pub async fn gone(&mut self) {
        while let Some(stream) = self.opened().await {
            stream.refuse().await;
        }
    }

    /// Ends the connection after what waits to be written.
    pub async fn end(mut self) {
        // Whoever still listens is told; the others do not mind.
        let _ = self.frames.try_send(Frame::GoAway { last: 0 });
        self.reading.shutdown().await;
        drop(self.frames);
        let _ = tokio::time::timeout(LINGER, self.writing.join_next()).await;
    }
}

impl Stream {
    /// Accepts it; false if the client is gone.
    pub async fn accept(&self) -> bool {
        let frame = Frame::Reply { stream: self.id, headers: Headers::default(), fin: false };
        self.outlet.frames.send(frame).await.is_ok()
    }

    /// Refuses it.
    pub async fn refuse(self) {
        self.outlet.reset(Reason::RefusedStream).await;
    }
}

impl Outlet {
    /// Sends bytes; false if the client is gone.
    pub async fn send(&self, mut bytes: Bytes) -> bool {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
            if self.frames.send(Frame::Data { stream: self.stream, bytes: piece, fin: false }).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Says that no more will come.
    pub async fn finish(&self) {
        // A client that is gone knows.
        let _ = self.frames.send(Frame::Data { stream: self.stream, bytes: Bytes::new(), fin: true }).await;
    }

    async fn reset(&self, reason: Reason) {
        let _ = self.frames.send(Frame::Reset { stream: self.stream, reason: reason as u32 }).await;
    }

    /// Ends the stream in both directions.
    pub async fn cancel(&self) {
        self.reset(Reason::Cancel).await;
    }
}

/// Writes frames until nobody can send any more.
async fn drain<W: AsyncWrite + Unpin>(mut sink: FramedWrite<W, Writing>, mut queue: mpsc::Receiver<Frame>, pulse: Arc<Pulse>) {
    while let Some(frame) = queue.recv().await {
        let mut sent = sink.feed(frame).await;
        while sent.is_ok()
            && let Ok(frame) = queue.try_recv()
        {
            sent = sink.feed(frame).await;
        }
        if sent.is_err() || sink.flush().await.is_err() {
            return;
        }
        pulse.beat();
    }
    let _ = sink.close().await;
}

/// Reads frames until the client is gone.
async fn listen<R: AsyncRead + Unpin>(mut frames: FramedRead<R, Reading>, mut desk: Desk, pulse: Arc<Pulse>) {
    loop {
        let frame = tokio::select! {
            frame = frames.next() => frame,
            () = pulse.silent(SILENCE) => return,
        };
        match frame {
            Some(Ok(frame)) => {
                pulse.beat();
                if !desk.take(frame).await {
                    return;
                }
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "SPDY connection");
                return;
            }
            None => return,
        }
    }
}

/// Where frames of a client are sorted.
struct Desk {
    streams: HashMap<u32, mpsc::Sender<Said>>,
    last: u32,
    budget: Budget,
    frames: mpsc::Sender<Frame>,
    accept: mpsc::Sender<Stream>,
}

impl Desk {
    /// Takes a frame; false at the end. A stream whose queue is full holds up the others, as in upstream's server.
    async fn take(&mut self, frame: Frame) -> bool {
        match frame {
            Frame::Open { stream, headers, fin } => return self.open(stream, headers, fin).await,
            Frame::Data { stream, bytes, fin } => {
                // Bytes for a stream that has ended are dropped: the client may not know yet.
                let Some(queue) = self.streams.get(&stream) else { return true };
                if !bytes.is_empty() {
                    let _ = queue.send(Said::Data(self.budget.hold(bytes).await)).await;
                }
                if fin {
                    let _ = queue.send(Said::Fin).await;
                }
            }
            Frame::Reset { stream, .. } => drop(self.streams.remove(&stream)),
            // Odd numbers are the client's. A full queue means that it does not read anyway; waiting here could block both.
            Frame::Ping(number) if number % 2 == 1 => drop(self.frames.try_send(Frame::Ping(number))),
            Frame::GoAway { .. } => return false,
            Frame::Reply { .. } | Frame::Ping(_) | Frame::Other => {}
        }
        true
    }

    async fn open(&mut self, stream: u32, headers: Headers, fin: bool) -> bool {
        self.streams.retain(|_, queue| !queue.is_closed());
        let wrong = stream.is_multiple_of(2) || stream <= self.last;
        if wrong || self.streams.len() >= STREAMS_MAX {
            let reason = if wrong { Reason::ProtocolError } else { Reason::RefusedStream };
            return self.frames.send(Frame::Reset { stream, reason: reason as u32 }).await.is_ok();
        }
        self.last = stream;
        let (queue, incoming) = mpsc::channel(QUEUE_MAX);
        if fin {
            // The queue is empty.
            let _ = queue.try_send(Said::Fin);
        }
        self.streams.insert(stream, queue);
        let outlet = Outlet { stream, frames: self.frames.clone() };
        self.accept.send(Stream { id: stream, headers, incoming, outlet }).await.is_ok()
    }
}

#[cfg(test)]
mod tests;
