//! Side streams: what `kubectl logs`, `exec`, `attach` and `port-forward` come down to. The node dials back, serves one
//! request, and hangs up. Knows no Kubernetes protocol; that is the control plane's.

mod attach;
mod exec;
mod forward;
mod log;

use crate::link::{Frames, LinkError, dial, frames};
use crate::node::{Live, Node};
use bytes::Bytes;
use futures::{Sink, SinkExt};
use skiff_engine::wire::{STREAM_PATH, SandboxKey, StreamExit, StreamFrame, StreamRequest};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of data in one frame.
const DATA_BYTES: usize = 32 << 10;

/// Answers `Order::Open`.
pub async fn serve(node: Arc<Node>, stream: u64, request: StreamRequest) {
    let path = format!("{STREAM_PATH}{stream}");
    let result = match request {
        StreamRequest::Log { .. } => log::serve(&node, &path, &request).await,
        StreamRequest::Exec { key, container, command, stdin, tty } => match dialled(&node, &path).await {
            Ok(mut frames) => match find(&node, key, &container) {
                Ok(live) => exec::serve(&node, frames, &live, &command, stdin, tty).await,
                Err(message) => end(&mut frames, StreamExit::Failed(message)).await,
            },
            Err(error) => Err(error),
        },
        StreamRequest::Attach { key, container, stdin, tty } => match dialled(&node, &path).await {
            Ok(mut frames) => match find(&node, key, &container) {
                Ok(live) => attach::serve(&node, frames, &live, stdin, tty).await,
                Err(message) => end(&mut frames, StreamExit::Failed(message)).await,
            },
            Err(error) => Err(error),
        },
        StreamRequest::Forward { key, port } => match dialled(&node, &path).await {
            Ok(mut frames) => match netns(&node, key) {
                Ok(netns) => forward::serve(frames, netns, port).await,
                Err(message) => end(&mut frames, StreamExit::Failed(message)).await,
            },
            Err(error) => Err(error),
        },
    };
    if let Err(error) = result {
        tracing::debug!(%error, stream, "side stream broke");
    }
}

async fn dialled(node: &Node, path: &str) -> Result<Frames, LinkError> {
    Ok(frames(dial(node.settings.api, node.tls.clone(), path).await?))
}

fn find(node: &Node, key: SandboxKey, container: &str) -> Result<Live, String> {
    let live = node.live.lock();
    let found = if container.is_empty() {
        live.iter().find(|((k, _), _)| *k == key).map(|(_, live)| live)
    } else {
        live.get(&(key, container.to_owned()))
    };
    found.cloned().ok_or_else(|| format!("container not found (\"{container}\")"))
}

fn netns(node: &Node, key: SandboxKey) -> Result<Option<PathBuf>, String> {
    let sandboxes = node.sandboxes.lock();
    let sandbox = sandboxes.get(&key).ok_or("pod does not exist")?;
    Ok(sandbox.netns.lock().clone())
}

async fn put<S>(sink: &mut S, frame: &StreamFrame) -> Result<(), LinkError>
where
    S: Sink<Bytes, Error = std::io::Error> + Unpin,
{
    sink.send(Bytes::from(postcard::to_allocvec(frame)?)).await?;
    Ok(())
}

async fn end<S>(sink: &mut S, exit: StreamExit) -> Result<(), LinkError>
where
    S: Sink<Bytes, Error = std::io::Error> + Unpin,
{
    put(sink, &StreamFrame::Exit(exit)).await?;
    sink.close().await?;
    Ok(())
}
