//! The node's session: full report up, welcome down, then orders and reports until it breaks; and again, for ever.

use super::{Frames, LinkError, dial, frames};
use crate::node::Node;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use rustls::ClientConfig;
use skiff_engine::wire::{NODE_PATH, Order, Report};
use std::sync::Arc;
use std::time::Duration;

/// Distance of heartbeats.
const BEAT: Duration = Duration::from_secs(10);
/// A session on which the control plane pinged, and then nothing came for so long, is dead; TCP alone takes minutes to notice.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// First and longest wait before dialling again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Keeps a session for ever.
pub async fn keep(node: Arc<Node>, tls: Arc<ClientConfig>) {
    let mut pause = PAUSE.0;
    loop {
        let api = node.settings.api;
        match dial(api, tls.clone(), NODE_PATH).await {
            Ok(stream) => {
                pause = PAUSE.0;
                tracing::info!(%api, "session with the control plane");
                if let Err(error) = session(&node, frames(stream)).await {
                    tracing::warn!(%error, "session ended");
                }
            }
            Err(error) => tracing::debug!(%error, %api, "control plane is not reachable"),
        }
        // Many nodes must not come back in the same instant.
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

async fn send(frames: &mut Frames, report: &Report) -> Result<(), LinkError> {
    let frame = Bytes::from(postcard::to_allocvec(report)?);
    // A peer that takes nothing any more is as good as gone.
    tokio::time::timeout(SILENCE_MAX, frames.send(frame)).await.map_err(|_| LinkError::Silent)??;
    Ok(())
}

async fn session(node: &Arc<Node>, mut frames: Frames) -> Result<(), LinkError> {
    node.outbox.clear();
    send(&mut frames, &node.full_report().await).await?;
    let first = tokio::time::timeout(SILENCE_MAX, frames.next()).await.map_err(|_| LinkError::Silent)?;
    match first.transpose()?.map(|frame| postcard::from_bytes::<Order>(&frame)).transpose()? {
        Some(welcome @ Order::Welcome { .. }) => node.obey(welcome).await?,
        Some(_) => return Err(LinkError::Protocol("the first frame is no welcome")),
        None => return Ok(()),
    }
    let mut beat = tokio::time::interval(BEAT);
    // Set by the first ping: from then on silence means that the other side is gone.
    let mut pinged: Option<tokio::time::Instant> = None;
    loop {
        tokio::select! {
            frame = frames.next() => {
                let Some(frame) = frame.transpose()? else { return Ok(()) };
                pinged = pinged.map(|_| tokio::time::Instant::now());
                match postcard::from_bytes(&frame)? {
                    Order::Ping => {
                        pinged = Some(tokio::time::Instant::now());
                        send(&mut frames, &Report::Beat).await?;
                    }
                    order => node.obey(order).await?,
                }
            }
            (reports, images) = node.outbox.take() => {
                if let Some(images) = images {
                    send(&mut frames, &Report::Images(images)).await?;
                }
                if !reports.is_empty() {
                    send(&mut frames, &Report::Sandboxes(reports)).await?;
                }
            }
            _ = beat.tick() => {
                send(&mut frames, &Report::Beat).await?;
                if pinged.is_some_and(|at| at.elapsed() > SILENCE_MAX) {
                    return Err(LinkError::Silent);
                }
            }
        }
    }
}
