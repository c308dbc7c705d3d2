//! The node's end: a side stream as two bounded queues of frames, and how to get one.
//!
//! Fed by whoever serves a client; asks the agents for a stream. Must not know what the client speaks.

use super::flow::QUEUE_MAX;
use crate::agents::SideStream;
use crate::verbs::house::House;
use futures::future::BoxFuture;
use skiff_engine::wire::{StreamFrame, StreamRequest};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Opens a side stream at the Pod's node; `None` if the node does not answer.
pub type Dial = Arc<dyn Fn(StreamRequest) -> BoxFuture<'static, Option<Side>> + Send + Sync>;

/// A side stream. Dropping it hangs up.
pub struct Side {
    /// From the node; ends after its last frame.
    pub from: mpsc::Receiver<StreamFrame>,
    /// To the node.
    pub to: mpsc::Sender<StreamFrame>,
    _open: Option<DropGuard>,
}

impl Side {
    /// Over queues that a test feeds.
    #[cfg(test)]
    pub fn over(from: mpsc::Receiver<StreamFrame>, to: mpsc::Sender<StreamFrame>) -> Side {
        Side { from, to, _open: None }
    }

    /// Over a connection. Each direction has a task of its own, so that neither can hold up the other.
    fn connected(stream: SideStream) -> Side {
        let (mut incoming, mut outgoing) = stream.split();
        let (from_node, from) = mpsc::channel(QUEUE_MAX);
        let (to, mut to_node) = mpsc::channel(QUEUE_MAX);
        let open = CancellationToken::new();
        tokio::spawn(open.clone().run_until_cancelled_owned(async move {
            while let Some(frame) = incoming.next().await {
                if from_node.send(frame).await.is_err() {
                    return;
                }
            }
        }));
        tokio::spawn(open.clone().run_until_cancelled_owned(async move {
            while let Some(frame) = to_node.recv().await {
                if !outgoing.send(&frame).await {
                    return;
                }
            }
        }));
        Side { from, to, _open: Some(open.drop_guard()) }
    }
}

/// Dials the node of a Pod.
#[must_use]
pub fn dial(house: Arc<House>, node: u16) -> Dial {
    Arc::new(move |request| {
        let house = house.clone();
        Box::pin(async move {
            // A task of its own: a client that goes away meanwhile must not leave a half-opened stream behind.
            let opening = tokio::spawn(async move { house.agents.streams.open(node, request).await });
            Some(Side::connected(SideStream::new(opening.await.ok()??)))
        })
    })
}
