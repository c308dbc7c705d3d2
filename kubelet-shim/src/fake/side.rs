//! Side streams of a fake node: they say honestly that there is nothing behind them.
//!
//! Fed by `Order::Open`. A log is one line, exec echoes its command, the rest is refused by name.

use crate::link::{LinkError, dial, frames};
use bytes::Bytes;
use futures::SinkExt;
use rustls::ClientConfig;
use skiff_engine::wire::{STREAM_PATH, StreamExit, StreamFrame, StreamRequest};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// All that a fake container has logged.
const LOG: &[u8] = b"fake node: no logs\n";

/// Answers `Order::Open`; `known` says whether the node runs the sandbox that is meant.
pub(super) async fn serve(api: SocketAddr, tls: Arc<ClientConfig>, stream: u64, request: StreamRequest, known: bool) {
    if let Err(error) = answer(api, tls, stream, request, known).await {
        tracing::debug!(%error, stream, "side stream broke");
    }
}

async fn answer(
    api: SocketAddr,
    tls: Arc<ClientConfig>,
    stream: u64,
    request: StreamRequest,
    known: bool,
) -> Result<(), LinkError> {
    let mut io = dial(api, tls, &format!("{STREAM_PATH}{stream}")).await?;
    if matches!(request, StreamRequest::Log { .. }) {
        io.write_all(if known { LOG } else { b"fake node: no such sandbox\n" }).await?;
        io.shutdown().await?;
        return Ok(());
    }
    let (output, exit) = match request {
        _ if !known => (None, StreamExit::Failed("pod does not exist".to_owned())),
        StreamRequest::Exec { command, .. } => (Some(format!("{}\n", command.join(" "))), StreamExit::Code(0)),
        StreamRequest::Attach { .. } => (Some("fake node: nothing runs here\n".to_owned()), StreamExit::Code(0)),
        _ => (None, StreamExit::Failed("fake node: port-forward is not served".to_owned())),
    };
    let mut frames = frames(io);
    if let Some(output) = output {
        frames.feed(encoded(&StreamFrame::Stdout(output.into_bytes()))?).await?;
    }
    frames.send(encoded(&StreamFrame::Exit(exit))?).await?;
    SinkExt::<Bytes>::close(&mut frames).await?;
    Ok(())
}

fn encoded(frame: &StreamFrame) -> Result<Bytes, LinkError> {
    Ok(Bytes::from(postcard::to_allocvec(frame)?))
}
