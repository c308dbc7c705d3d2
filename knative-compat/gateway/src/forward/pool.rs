//! Connections to one sandbox.
//!
//! Fed by [`super`]; knows addresses and HTTP connections only. HTTP/1.1 connections are kept when their answer was read to its
//! end ([`IDLE_LINES_MAX`] for one sandbox and [`IDLE_LINES_ALL_MAX`] for all, the rest are closed), until the revision has
//! been silent for a while; HTTP/2 needs one connection, opened again when it broke.

use crate::revision::Slot;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// Idle HTTP/1.1 connections kept for one sandbox.
const IDLE_LINES_MAX: usize = 128;
/// Idle HTTP/1.1 connections kept for all sandboxes of the process; each is a file descriptor.
const IDLE_LINES_ALL_MAX: usize = 16_384;
/// Opening a connection.
const CONNECT_MS_MAX: u64 = 1_000;
/// Flow-control window of one HTTP/2 stream and, times eight, of the connection.
const WINDOW_BYTES: u32 = 1 << 20;

static IDLE_LINES: AtomicUsize = AtomicUsize::new(0);

/// The connections of one sandbox.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<http1::SendRequest<Incoming>>>,
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Incoming>>>,
}

/// A connection for one request.
pub(crate) enum Line {
    /// Alone on it.
    Http1(http1::SendRequest<Incoming>),
    /// Beside others.
    Http2(http2::SendRequest<Incoming>),
}

/// A request that failed; `unsent` holds it when nothing of it was written.
pub(crate) struct SendError {
    pub(crate) error: String,
    pub(crate) unsent: Option<Box<Request<Incoming>>>,
}

impl Line {
    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&mut self, request: Request<Incoming>) -> Result<Response<Incoming>, SendError> {
        let sent = match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut failed| {
            let unsent = failed.take_message().map(Box::new);
            SendError { error: failed.into_error().to_string(), unsent }
        })
    }
}

impl Pool {
    /// A connection to `address`: an idle one, or a new one.
    pub(crate) async fn take(&self, address: SocketAddr, h2c: bool) -> io::Result<Line> {
        if h2c {
            return self.share(address).await.map(Line::Http2);
        }
        loop {
            let Some(sender) = self.idle.lock().pop() else { break };
            IDLE_LINES.fetch_sub(1, Ordering::Relaxed);
            if sender.is_ready() {
                return Ok(Line::Http1(sender));
            }
        }
        let (sender, connection) = http1::handshake(TokioIo::new(connect(address).await?)).await.map_err(io::Error::other)?;
        // Its end is seen by the sender.
        tokio::spawn(connection.with_upgrades());
        Ok(Line::Http1(sender))
    }

    async fn share(&self, address: SocketAddr) -> io::Result<http2::SendRequest<Incoming>> {
        // Held while connecting, so that a burst opens one connection.
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = TokioIo::new(connect(address).await?);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES * 8)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        *shared = Some(sender.clone());
        Ok(sender)
    }

    fn keep(&self, sender: http1::SendRequest<Incoming>) {
        let mut idle = self.idle.lock();
        if idle.len() >= IDLE_LINES_MAX {
            return;
        }
        if IDLE_LINES.fetch_add(1, Ordering::Relaxed) < IDLE_LINES_ALL_MAX {
            idle.push(sender);
        } else {
            IDLE_LINES.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Closes what is idle.
    pub(crate) fn close_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        IDLE_LINES.fetch_sub(idle.len(), Ordering::Relaxed);
        // An HTTP/2 connection in use lives on with its requests.
        if let Ok(mut shared) = self.shared.try_lock() {
            *shared = None;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        IDLE_LINES.fetch_sub(self.idle.get_mut().len(), Ordering::Relaxed);
    }
}

/// Gives a connection back whose answer was read to its end.
pub(crate) fn give_back(slot: &Arc<Slot>, line: Line) {
    let Line::Http1(mut sender) = line else { return };
    if sender.is_ready() {
        slot.pool.keep(sender);
    } else if !sender.is_closed() {
        // The request's body is still being sent, or the connection's task has not come round yet.
        let slot = Arc::clone(slot);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                slot.pool.keep(sender);
            }
        });
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    let stream = match tokio::time::timeout(Duration::from_millis(CONNECT_MS_MAX), connecting).await {
        Ok(connected) => connected?,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")),
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}
