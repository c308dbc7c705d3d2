//! Side streams: a client's logs, exec or port-forward ask a node to dial back, and the two connections meet here.
//!
//! Bound: a stream that the node does not answer within [`DIAL_SECONDS_MAX`] is given up.

use super::session::{Half, split};
use hyper::upgrade::Upgraded;
use parking_lot::Mutex;
use skiff_engine::wire::{StreamFrame, StreamRequest};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

/// Seconds that a node has to dial back.
pub const DIAL_SECONDS_MAX: u64 = 10;
/// Streams that wait to be told to a node.
const OPEN_MAX: usize = 256;

/// Streams that wait for their node.
#[derive(Default)]
pub struct Streams {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, (u16, oneshot::Sender<Upgraded>)>>,
    nodes: Mutex<HashMap<u16, mpsc::Sender<(u64, StreamRequest)>>>,
}

/// A connected side stream.
pub struct SideStream {
    frames: super::session::Frames<ReadHalf<Half>>,
    sink: super::session::Sink<WriteHalf<Half>>,
}

impl Streams {
    /// A node's session listens for streams to open; a newer session takes over.
    pub(super) fn subscribe(&self, node: u16) -> mpsc::Receiver<(u64, StreamRequest)> {
        let (sender, receiver) = mpsc::channel(OPEN_MAX);
        self.nodes.lock().insert(node, sender);
        receiver
    }

    /// The node dialled back.
    pub fn arrive(&self, stream: u64, upgraded: Upgraded) {
        if let Some((_, waiting)) = self.waiting.lock().remove(&stream) {
            // The client may have gone away meanwhile; then the connection is dropped.
            let _ = waiting.send(upgraded);
        }
    }

    /// Whether a stream is waited for from a node.
    #[must_use]
    pub fn awaits(&self, stream: u64) -> Option<u16> {
        self.waiting.lock().get(&stream).map(|(node, _)| *node)
    }

    /// Opens a stream at a node. `None` if the node does not answer.
    pub async fn open(&self, node: u16, request: StreamRequest) -> Option<Upgraded> {
        let stream = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().insert(stream, (node, sender));
        let session = self.nodes.lock().get(&node).cloned();
        let sent = match session {
            Some(session) => session.try_send((stream, request)).is_ok(),
            None => false,
        };
        let answer = if sent { tokio::time::timeout(Duration::from_secs(DIAL_SECONDS_MAX), receiver).await.ok() } else { None };
        self.waiting.lock().remove(&stream);
        answer.and_then(Result::ok)
    }
}

impl SideStream {
    /// Frames over a dialled-back connection.
    #[must_use]
    pub fn new(upgraded: Upgraded) -> SideStream {
        let (frames, sink) = split(upgraded);
        SideStream { frames, sink }
    }

    /// Splits it, so that both directions run at once.
    #[must_use]
    pub fn split(self) -> (Incoming, Outgoing) {
        (Incoming(self.frames), Outgoing(self.sink))
    }
}

/// From the node.
pub struct Incoming(super::session::Frames<ReadHalf<Half>>);

/// To the node.
pub struct Outgoing(super::session::Sink<WriteHalf<Half>>);

impl Incoming {
    /// The next frame; `None` when the stream ended.
    pub async fn next(&mut self) -> Option<StreamFrame> {
        self.0.next().await.ok().flatten()
    }
}

impl Outgoing {
    /// Sends a frame; false when the stream has ended.
    pub async fn send(&mut self, frame: &StreamFrame) -> bool {
        self.0.put(frame).await.is_ok() && self.0.flush().await.is_ok()
    }
}

/// Reads raw bytes (a log stream) to the end or until `send` says stop.
pub async fn copy_raw(upgraded: Upgraded, sender: mpsc::Sender<bytes::Bytes>) {
    let mut io = hyper_util::rt::TokioIo::new(upgraded);
    let mut chunk = vec![0; 32 << 10];
    loop {
        match io.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if sender.send(bytes::Bytes::copy_from_slice(&chunk[..n])).await.is_err() {
                    return;
                }
            }
        }
    }
}
