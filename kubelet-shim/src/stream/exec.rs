//! `kubectl exec`: one more process, its pipes, its exit code.

use super::{DATA_BYTES, end, put};
use crate::link::{Frames, LinkError};
use crate::node::{Live, Node};
use crate::runtime::exec::{self, Command, Exec};
use crate::runtime::fifo;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{SplitSink, SplitStream};
use skiff_engine::wire::{StreamExit, StreamFrame};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{Receiver, Sender};

pub async fn serve(
    node: &Node,
    mut frames: Frames,
    live: &Live,
    argv: &[String],
    stdin: bool,
    tty: bool,
) -> Result<(), LinkError> {
    let command = Command { container: &live.id, process: &live.process, argv, stdin, tty };
    let mut exec = match exec::start(&node.runtime, &node.execs, &node.settings.fifo_dir(), command).await {
        Ok(exec) => exec,
        Err(error) => return end(&mut frames, StreamExit::Failed(error.to_string())).await,
    };
    let (mut sink, source) = frames.split();
    let input = Input { runtime: node.runtime.clone(), container: exec.container.clone(), exec: exec.id.clone(), closes: true };
    // Input has a task of its own: a process that does not read must not keep us from reading what it writes.
    let mut input = tokio::spawn(input.feed(source, exec.stdin.take()));
    let result = output(&mut exec, &mut sink, &mut input).await;
    input.abort();
    match result {
        Ok(code) => {
            exec.delete().await;
            rest(&mut sink, &exec.stdout, StreamFrame::Stdout).await?;
            if let Some(stderr) = &exec.stderr {
                rest(&mut sink, stderr, StreamFrame::Stderr).await?;
            }
            end(&mut sink, StreamExit::Code(i32::try_from(code).unwrap_or(255))).await
        }
        Err(error) => {
            exec.abort().await;
            Err(error)
        }
    }
}

// Until the process ends; an error if the client is gone.
async fn output(
    exec: &mut Exec,
    sink: &mut SplitSink<Frames, Bytes>,
    input: &mut tokio::task::JoinHandle<()>,
) -> Result<u32, LinkError> {
    loop {
        let stderr = async {
            match &exec.stderr {
                Some(pipe) => pipe.readable().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            code = &mut exec.exit => return Ok(code.unwrap_or(137)),
            _ = &mut *input => return Err(LinkError::Protocol("the client hung up")),
            _ = exec.stdout.readable() => drain(sink, &exec.stdout, StreamFrame::Stdout).await?,
            _ = stderr => if let Some(pipe) = &exec.stderr { drain(sink, pipe, StreamFrame::Stderr).await? },
        }
    }
}

/// Sends what a pipe holds now.
async fn drain(sink: &mut SplitSink<Frames, Bytes>, pipe: &Receiver, frame: fn(Vec<u8>) -> StreamFrame) -> Result<(), LinkError> {
    let mut buffer = vec![0; DATA_BYTES];
    while let Ok(count @ 1..) = pipe.try_read(&mut buffer) {
        put(sink, &frame(buffer[..count].to_vec())).await?;
    }
    Ok(())
}

/// As [`drain`], after the end.
async fn rest(sink: &mut SplitSink<Frames, Bytes>, pipe: &Receiver, frame: fn(Vec<u8>) -> StreamFrame) -> Result<(), LinkError> {
    let mut buffer = vec![0; DATA_BYTES];
    while let count @ 1.. = fifo::read_now(pipe, &mut buffer) {
        put(sink, &frame(buffer[..count].to_vec())).await?;
    }
    Ok(())
}

/// The client's side of a process: input and terminal sizes.
pub(super) struct Input {
    pub runtime: crate::runtime::Containerd,
    pub container: String,
    /// Empty for the main process.
    pub exec: String,
    /// End of input closes the process's input.
    pub closes: bool,
}

impl Input {
    /// Feeds until the client hangs up.
    pub async fn feed(self, mut source: SplitStream<Frames>, mut stdin: Option<Sender>) {
        while let Some(Ok(frame)) = source.next().await {
            match postcard::from_bytes(&frame) {
                Ok(StreamFrame::Stdin(bytes)) if bytes.is_empty() => {
                    stdin = None;
                    if self.closes {
                        exec::close_stdin(&self.runtime, &self.container, &self.exec).await;
                    }
                }
                Ok(StreamFrame::Stdin(bytes)) => {
                    if let Some(pipe) = &mut stdin
                        && pipe.write_all(&bytes).await.is_err()
                    {
                        stdin = None;
                    }
                }
                Ok(StreamFrame::Resize { width, height }) => {
                    exec::resize(&self.runtime, &self.container, &self.exec, width, height).await;
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}
