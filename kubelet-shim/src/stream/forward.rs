//! `kubectl port-forward`: one TCP connection to the pod's loopback.

use super::{DATA_BYTES, end, put};
use crate::link::{Frames, LinkError};
use crate::network::connect_inside;
use futures::StreamExt;
use skiff_engine::wire::{StreamExit, StreamFrame};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub async fn serve(mut frames: Frames, netns: Option<PathBuf>, port: u16) -> Result<(), LinkError> {
    let stream = match connect_inside(netns, port).await {
        Ok(stream) => stream,
        Err(error) => {
            let message = format!("failed to connect to localhost:{port} inside namespace: {error}");
            return end(&mut frames, StreamExit::Failed(message)).await;
        }
    };
    stream.set_nodelay(true).ok();
    let (mut from_pod, mut to_pod) = stream.into_split();
    let (mut sink, mut source) = frames.split();
    let mut upwards = tokio::spawn(async move {
        while let Some(Ok(frame)) = source.next().await {
            match postcard::from_bytes(&frame) {
                Ok(StreamFrame::Stdin(bytes) | StreamFrame::Stdout(bytes)) => {
                    let sent = if bytes.is_empty() { to_pod.shutdown().await } else { to_pod.write_all(&bytes).await };
                    if sent.is_err() {
                        break;
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    });
    let mut buffer = vec![0; DATA_BYTES];
    let mut client_here = true;
    loop {
        tokio::select! {
            count = from_pod.read(&mut buffer) => match count {
                Ok(0) | Err(_) => break,
                Ok(count) => put(&mut sink, &StreamFrame::Stdout(buffer[..count].to_vec())).await?,
            },
            _ = &mut upwards, if client_here => {
                client_here = false;
                break;
            }
        }
    }
    upwards.abort();
    if client_here { end(&mut sink, StreamExit::Code(0)).await } else { Ok(()) }
}
