//! A byte stream inside of WebSocket binary messages, whose borders mean nothing: what `SPDY/3.1+…` subprotocols tunnel.
//!
//! Fed by the upgrade. Knows bytes only.

use super::channel::goodbye;
use super::flow::LINGER;
use axum::extract::ws::{Message, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

/// Bytes that wait in the tunnel, in each direction.
const TUNNEL_BYTES: usize = 64 << 10;

/// The far end of a tunnel through a socket. Dropping it closes the socket.
#[must_use]
pub fn through(socket: WebSocket) -> DuplexStream {
    let (near, far) = tokio::io::duplex(TUNNEL_BYTES);
    tokio::spawn(async move {
        let (sink, source) = socket.split();
        let (read, write) = tokio::io::split(near);
        let (up, down) = (upwards(source, write), downwards(read, sink));
        tokio::pin!(up, down);
        tokio::select! {
            // The far end learns that the client is gone, and is dropped.
            () = &mut up => down.await,
            // The client answers the close frame.
            () = &mut down => drop(tokio::time::timeout(LINGER, up).await),
        }
    });
    far
}

async fn upwards(mut source: SplitStream<WebSocket>, mut write: WriteHalf<DuplexStream>) {
    while let Some(Ok(message)) = source.next().await {
        match message {
            Message::Binary(bytes) => {
                // A far end that is gone takes nothing; the other direction says so to the client.
                let _ = write.write_all(&bytes).await;
            }
            Message::Text(_) => break,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    let _ = write.shutdown().await;
}

async fn downwards(mut read: ReadHalf<DuplexStream>, mut sink: SplitSink<WebSocket, Message>) {
    let mut buffer = vec![0; TUNNEL_BYTES / 2];
    while let Ok(count @ 1..) = read.read(&mut buffer).await {
        if sink.send(Message::Binary(buffer[..count].to_vec().into())).await.is_err() {
            return;
        }
    }
    let _ = sink.send(goodbye()).await;
}
