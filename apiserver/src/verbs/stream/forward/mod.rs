//! One forwarded connection between a client's stream and a port of a Pod.
//!
//! Fed by `websocket` and `spdy`, which know how clients name ports and pair their streams.

pub mod spdy;
pub mod websocket;

use super::flow::Said;
use super::job::ForwardJob;
use super::side::{Dial, Side};
use skiff_engine::wire::{StreamExit, StreamFrame, StreamRequest};
use tokio::sync::mpsc;

/// Carries one connection until either side ends it. What the Pod sends goes to `answers`, whose end is for the caller to
/// notice.
///
/// # Errors
/// The text for the client's error stream.
async fn carry(
    dial: &Dial,
    job: &ForwardJob,
    port: u16,
    incoming: &mut mpsc::Receiver<Said>,
    answers: mpsc::Sender<Vec<u8>>,
) -> Result<(), String> {
    let failed = |text: &str| format!("error forwarding port {port} to pod {}, uid {}: {text}", job.pod, job.uid);
    let Some(mut side) = dial(StreamRequest::Forward { key: job.key, port }).await else {
        return Err(failed("error dialing backend: the node does not answer"));
    };
    let Side { from, to, .. } = &mut side;
    tokio::select! {
        ended = downwards(from, &answers) => ended.map_err(|text| failed(&text)),
        () = upwards(incoming, to) => Ok(()),
    }
}

/// Client to Pod; returns when the client is gone.
async fn upwards(incoming: &mut mpsc::Receiver<Said>, to: &mpsc::Sender<StreamFrame>) {
    while let Some(said) = incoming.recv().await {
        let frame = match said {
            // An empty frame would mean the end.
            Said::Data(chunk) if chunk.bytes().is_empty() => continue,
            Said::Data(chunk) => StreamFrame::Stdout(chunk.bytes().to_vec()),
            Said::Fin => StreamFrame::Stdin(Vec::new()),
        };
        // A Pod that has stopped listening may still have something to say: the other direction decides.
        let _ = to.send(frame).await;
    }
}

/// Pod to client.
async fn downwards(from: &mut mpsc::Receiver<StreamFrame>, answers: &mpsc::Sender<Vec<u8>>) -> Result<(), String> {
    while let Some(frame) = from.recv().await {
        match frame {
            StreamFrame::Stdout(bytes) => {
                if answers.send(bytes).await.is_err() {
                    return Ok(());
                }
            }
            StreamFrame::Exit(StreamExit::Failed(text)) => return Err(text),
            StreamFrame::Exit(StreamExit::Code(_)) => return Ok(()),
            StreamFrame::Stdin(_) | StreamFrame::Stderr(_) | StreamFrame::Resize { .. } => {}
        }
    }
    Ok(())
}
