//! An answer on its way back: frames pass through, time limits are kept, and at the end the connection and the place are
//! given back.
//!
//! Fed by the sandbox's connection, drained by the user's. When a limit is reached after the head was sent, the body ends with
//! an error, which cuts the user's connection (or stream) as upstream does.

use super::pool::{self, Line};
use crate::balance::Lease;
use crate::load::Visit;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// The body of every answer.
pub(crate) enum Body {
    /// The gateway's own words.
    Full(Option<Bytes>),
    /// The application's.
    Reply(Box<Reply>),
}

impl Body {
    pub(crate) fn full(text: impl Into<Bytes>) -> Self {
        let text: Bytes = text.into();
        Self::Full((!text.is_empty()).then_some(text))
    }
}

/// Why a body ended early.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The sandbox's connection broke.
    Sandbox(hyper::Error),
    /// `timeoutSeconds` or `idleTimeoutSeconds` is over.
    TimedOut,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox(error) => write!(f, "the sandbox's answer broke off: {error}"),
            Self::TimedOut => f.write_str("request timeout"),
        }
    }
}

impl std::error::Error for Cut {}

/// Until when an answer may take.
pub(crate) struct Limits {
    /// Its end.
    pub(crate) end: Instant,
    /// Its longest silence.
    pub(crate) idle: Option<Duration>,
}

/// An application's answer.
pub(crate) struct Reply {
    body: Incoming,
    limits: Limits,
    heard: Instant,
    /// Made when the body first has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
    line: Option<Line>,
    lease: Lease,
    _visit: Visit,
}

impl Reply {
    pub(crate) fn new(body: Incoming, line: Line, lease: Lease, visit: Visit, limits: Limits) -> Self {
        let heard = Instant::now();
        Self { body, limits, heard, timer: None, ended: false, line: Some(line), lease, _visit: visit }
    }

    fn deadline(&self) -> Instant {
        self.limits.idle.map_or(self.limits.end, |idle| self.limits.end.min(self.heard + idle))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if self.limits.idle.is_some() {
                    self.heard = Instant::now();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Cut::Sandbox(error)))),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_limit(context),
        }
    }

    fn poll_limit(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let deadline = self.deadline().into();
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        loop {
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if timer.deadline() >= deadline {
                return Poll::Ready(Some(Err(Cut::TimedOut)));
            }
            // Frames came since the timer was set, which moved the deadline.
            timer.as_mut().reset(deadline);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(line) = self.line.take()
            && (self.ended || self.body.is_end_stream())
        {
            pool::give_back(self.lease.slot(), line);
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Full(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Reply(reply) => reply.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(text) => text.is_none(),
            Self::Reply(reply) => reply.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Self::Reply(reply) => reply.body.size_hint(),
        }
    }
}
