//! `kubectl attach`: the main process's output from now on, and its input.

use super::exec::Input;
use super::{end, put};
use crate::link::{Frames, LinkError};
use crate::log::Chunk;
use crate::node::{Live, Node};
use crate::runtime::fifo;
use futures::StreamExt;
use skiff_engine::wire::{StreamExit, StreamFrame};
use tokio::sync::broadcast::error::RecvError;

pub async fn serve(node: &Node, frames: Frames, live: &Live, stdin: bool, tty: bool) -> Result<(), LinkError> {
    let mut chunks = live.output.follow();
    let mut written = live.output.written();
    let pipe = live.stdin.as_ref().filter(|_| stdin).and_then(|path| fifo::writer(path).ok());
    let (mut sink, source) = frames.split();
    let input = Input { runtime: node.runtime.clone(), container: live.id.clone(), exec: String::new(), closes: pipe.is_some() };
    let mut input = tokio::spawn(input.feed(source, pipe));
    let result = loop {
        tokio::select! {
            chunk = chunks.recv() => match chunk {
                Ok(chunk) => if let Err(error) = put(&mut sink, &framed(&chunk, tty)).await { break Err(error) },
                // The client is slower than the container: it misses some, as it would upstream.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break Ok(()),
            },
            changed = written.changed() => if changed.is_err() { break Ok(()) },
            _ = &mut input => break Err(LinkError::Protocol("the client hung up")),
        }
    };
    input.abort();
    result?;
    while let Ok(chunk) = chunks.try_recv() {
        put(&mut sink, &framed(&chunk, tty)).await?;
    }
    end(&mut sink, StreamExit::Code(0)).await
}

fn framed(chunk: &Chunk, tty: bool) -> StreamFrame {
    let bytes = chunk.bytes.to_vec();
    if chunk.stderr && !tty { StreamFrame::Stderr(bytes) } else { StreamFrame::Stdout(bytes) }
}
