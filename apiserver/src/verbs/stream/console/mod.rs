//! A process's streams between a client and a node, whatever the client speaks: `exec` and `attach`.
//!
//! Fed by `websocket` and `spdy`, which turn their frames into [`Input`] and [`Output`] into their frames.

mod ending;
pub mod spdy;
pub mod websocket;

pub use ending::Deed;

use super::flow::{Chunk, Pulse, SILENCE};
use super::side::{Dial, Side};
use serde::Deserialize;
use skiff_engine::wire::{StreamExit, StreamFrame, StreamRequest};
use tokio::sync::mpsc;

/// From the client. The end of the queue means that the client is gone.
pub enum Input {
    /// For the process.
    Stdin(Chunk),
    /// No more input.
    StdinEnd,
    /// The terminal's new size.
    Resize(Size),
}

/// For the client. The end of the queue without [`Output::End`] means that nothing more is to be said.
pub enum Output {
    /// The process's output.
    Stdout(Vec<u8>),
    /// The process's errors.
    Stderr(Vec<u8>),
    /// How it ended; the last.
    End(StreamExit),
}

/// A terminal's size, as clients write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// The sizes in a message; clients may send several at once. What is none is dropped.
pub fn sizes(bytes: &[u8]) -> impl Iterator<Item = Size> {
    serde_json::Deserializer::from_slice(bytes).into_iter().map_while(Result::ok)
}

/// Joins a client with a process until either is gone. A failure to start is told as an ending, as upstream does after 101.
pub async fn run(dial: &Dial, request: StreamRequest, mut input: mpsc::Receiver<Input>, output: mpsc::Sender<Output>) {
    let Some(mut side) = dial(request).await else {
        let failed = StreamExit::Failed("error dialing backend: the node does not answer".into());
        // A client that has gone meanwhile misses nothing.
        let _ = output.send(Output::End(failed)).await;
        return;
    };
    let pulse = Pulse::new();
    let Side { from, to, .. } = &mut side;
    let exit = tokio::select! {
        exit = downwards(from, &output, &pulse) => exit,
        () = upwards(&mut input, to, &pulse) => None,
        () = pulse.silent(SILENCE) => None,
    };
    drop(side);
    if let Some(exit) = exit {
        let _ = output.send(Output::End(exit)).await;
    }
}

/// Client to process; returns when the client is gone.
async fn upwards(input: &mut mpsc::Receiver<Input>, to: &mpsc::Sender<StreamFrame>, pulse: &Pulse) {
    while let Some(said) = input.recv().await {
        pulse.beat();
        let frame = match said {
            // An empty frame would mean the end of input.
            Input::Stdin(chunk) if chunk.bytes().is_empty() => continue,
            Input::Stdin(chunk) => StreamFrame::Stdin(chunk.bytes().to_vec()),
            Input::StdinEnd => StreamFrame::Stdin(Vec::new()),
            Input::Resize(size) => StreamFrame::Resize { width: size.width, height: size.height },
        };
        // A node that has stopped listening may still have something to say: the other direction decides.
        let _ = to.send(frame).await;
    }
}

/// Process to client; `None` when the client is gone.
async fn downwards(from: &mut mpsc::Receiver<StreamFrame>, output: &mpsc::Sender<Output>, pulse: &Pulse) -> Option<StreamExit> {
    while let Some(frame) = from.recv().await {
        pulse.beat();
        let said = match frame {
            StreamFrame::Stdout(bytes) => Output::Stdout(bytes),
            StreamFrame::Stderr(bytes) => Output::Stderr(bytes),
            StreamFrame::Exit(exit) => return Some(exit),
            StreamFrame::Stdin(_) | StreamFrame::Resize { .. } => continue,
        };
        output.send(said).await.ok()?;
    }
    Some(StreamExit::Failed("the node ended the stream".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sizes() {
        let two: Vec<Size> = sizes(b"{\"Width\":80,\"Height\":24}\n{\"Width\":100,\"Height\":40}\n").collect();
        assert_eq!(two, [Size { width: 80, height: 24 }, Size { width: 100, height: 40 }]);
        assert_eq!(sizes(b"{\"Width\":-1}").count(), 0);
        assert_eq!(sizes(b"junk").count(), 0);
    }
}
