//! A fake node's session: full report up, welcome down, then orders and reports until it breaks; and again, for ever.
//!
//! Fed by the control plane's frames, which go to `node` and whose answers are sent in batches. Must not know what a
//! sandbox is.

use super::node::FakeNode;
use super::side;
use crate::link::{Frames, LinkError, dial, frames};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt};
use rustls::ClientConfig;
use skiff_engine::wire::{NODE_PATH, Order, Report, SandboxReport};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Distance of heartbeats.
const BEAT: Duration = Duration::from_secs(10);
/// Longest wait for the welcome.
const WELCOME_MAX: Duration = Duration::from_secs(60);
/// First and longest wait before dialling again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Reports in one frame; more go into the next.
const BATCH_MAX: usize = 1024;
/// Frames that are obeyed before their reports are sent.
const TURN_FRAMES_MAX: usize = 64;

/// What a session needs besides its node.
pub(super) struct Link {
    pub api: SocketAddr,
    pub tls: Arc<ClientConfig>,
    pub dials: Arc<Semaphore>,
}

fn now_ms() -> u64 {
    UNIX_EPOCH.elapsed().map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Keeps a session for ever.
pub(super) async fn keep(mut node: FakeNode, link: Link) {
    let mut pause = PAUSE.0;
    loop {
        let turn = link.dials.acquire().await;
        let dialled = dial(link.api, link.tls.clone(), NODE_PATH).await;
        drop(turn);
        match dialled {
            Ok(stream) => {
                pause = PAUSE.0;
                tracing::debug!(node = node.name(), "session with the control plane");
                if let Err(error) = session(&mut node, &link, frames(stream)).await {
                    tracing::warn!(%error, node = node.name(), "session ended");
                }
            }
            Err(error) => tracing::debug!(%error, node = node.name(), "control plane is not reachable"),
        }
        // Many nodes must not come back in the same instant.
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

async fn session(node: &mut FakeNode, link: &Link, mut frames: Frames) -> Result<(), LinkError> {
    let mut out = Vec::new();
    frames.send(encoded(&node.full())?).await?;
    let first = tokio::time::timeout(WELCOME_MAX, frames.next()).await.map_err(|_| LinkError::Silent)?;
    match first.transpose()? {
        Some(frame) => match postcard::from_bytes(&frame)? {
            welcome @ Order::Welcome { .. } => obey(node, welcome, &mut out)?,
            _ => return Err(LinkError::Protocol("the first frame is no welcome")),
        },
        None => return Ok(()),
    }
    let mut beat = tokio::time::interval(BEAT);
    loop {
        let due = node.next_due_ms().map(|at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms())));
        tokio::select! {
            frame = frames.next() => {
                // What has arrived by now is one turn, so that its reports leave together.
                let (mut next, mut taken) = (Some(frame), 0);
                while let Some(frame) = next {
                    let Some(bytes) = frame.transpose()? else { return Ok(()) };
                    take(node, link, &bytes, &mut frames, &mut out).await?;
                    taken += 1;
                    next = if taken < TURN_FRAMES_MAX { frames.next().now_or_never() } else { None };
                }
            }
            () = tokio::time::sleep(due.unwrap_or(BEAT)), if due.is_some() => node.settle(now_ms(), &mut out),
            _ = beat.tick() => frames.feed(encoded(&Report::Beat)?).await?,
        }
        flush(&mut frames, &mut out).await?;
    }
}

async fn take(
    node: &mut FakeNode,
    link: &Link,
    bytes: &BytesMut,
    frames: &mut Frames,
    out: &mut Vec<SandboxReport>,
) -> Result<(), LinkError> {
    match postcard::from_bytes(bytes)? {
        Order::Ping => frames.feed(encoded(&Report::Beat)?).await?,
        Order::Open { stream, request } => {
            let known = node.runs(&request);
            tokio::spawn(side::serve(link.api, link.tls.clone(), stream, request, known));
        }
        order => obey(node, order, out)?,
    }
    Ok(())
}

fn obey(node: &mut FakeNode, order: Order, out: &mut Vec<SandboxReport>) -> Result<(), LinkError> {
    node.obey(order, now_ms(), out).map_err(|error| {
        tracing::warn!(%error, node = node.name(), "control plane is refused");
        LinkError::Protocol("its epoch is older than one seen before")
    })
}

async fn flush(frames: &mut Frames, out: &mut Vec<SandboxReport>) -> Result<(), LinkError> {
    while !out.is_empty() {
        let rest = out.split_off(out.len().min(BATCH_MAX));
        let batch = std::mem::replace(out, rest);
        frames.feed(encoded(&Report::Sandboxes(batch))?).await?;
    }
    SinkExt::<Bytes>::flush(frames).await?;
    Ok(())
}

fn encoded(report: &Report) -> Result<Bytes, LinkError> {
    Ok(Bytes::from(postcard::to_allocvec(report)?))
}
