//! A console over WebSocket channels: 0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize, and 255 to close one (v5).
//!
//! Fed by the upgrade. Knows channels and messages, not how the process is reached.

use super::{Input, Output, run, sizes};
use crate::verbs::stream::channel::{Form, goodbye};
use crate::verbs::stream::flow::{Budget, FAREWELL, QUEUE_MAX};
use crate::verbs::stream::job::{ConsoleJob, Wants};
use crate::verbs::stream::side::Dial;
use axum::extract::ws::{Message, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// A subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// As offered and answered; empty if the client offers none.
    pub name: &'static str,
    /// How messages look.
    pub form: Form,
    /// Since v4 the error channel carries a Status.
    pub with_status: bool,
    /// Since v5 a client can close its input.
    pub closes: bool,
}

const fn binary(name: &'static str, with_status: bool, closes: bool) -> Protocol {
    Protocol { name, form: Form::Binary, with_status, closes }
}

const fn base64(name: &'static str, with_status: bool) -> Protocol {
    Protocol { name, form: Form::Base64, with_status, closes: false }
}

/// All that are spoken.
pub const PROTOCOLS: [Protocol; 10] = [
    binary("", false, false),
    binary("channel.k8s.io", false, false),
    binary("v2.channel.k8s.io", false, false),
    binary("v3.channel.k8s.io", false, false),
    binary("v4.channel.k8s.io", true, false),
    binary("v5.channel.k8s.io", true, true),
    base64("base64.channel.k8s.io", false),
    base64("v2.base64.channel.k8s.io", false),
    base64("v3.base64.channel.k8s.io", false),
    base64("v4.base64.channel.k8s.io", true),
];

/// Serves a client to the end.
pub async fn serve(socket: WebSocket, protocol: Protocol, job: ConsoleJob, dial: Dial) {
    let (sink, source) = socket.split();
    let (input, inputs) = mpsc::channel(QUEUE_MAX);
    let (output, outputs) = mpsc::channel(QUEUE_MAX);
    let (wants, deed) = (job.wants, job.deed);
    // Sets of one task each: dropping a set ends its task.
    let (mut reading, mut running) = (JoinSet::new(), JoinSet::new());
    reading.spawn(read(source, protocol, wants, input));
    running.spawn(async move { run(&dial, job.request, inputs, output).await });
    tokio::select! {
        said_all = write(sink, protocol, wants, deed, outputs) => if said_all {
            // Hanging up at once could lose what is still on its way to a slow client: that one hangs up when it has read all.
            let _ = tokio::time::timeout(FAREWELL, reading.join_next()).await;
        },
        _ = reading.join_next() => {}
    }
}

/// Client to process, until the client is gone.
async fn read(mut source: SplitStream<WebSocket>, protocol: Protocol, wants: Wants, input: mpsc::Sender<Input>) {
    let budget = Budget::new();
    while let Some(Ok(message)) = source.next().await {
        if matches!(message, Message::Close(_)) {
            // Reading on sends the answer to the close frame.
            continue;
        }
        let Some((channel, bytes)) = protocol.form.unwrap(message) else { continue };
        // After the end nobody takes input; what still comes is dropped until the client hangs up.
        match channel {
            STDIN if wants.stdin => drop(input.send(Input::Stdin(budget.hold(bytes).await)).await),
            RESIZE => {
                for size in sizes(&bytes) {
                    drop(input.send(Input::Resize(size)).await);
                }
            }
            CLOSE if protocol.closes => match bytes.as_ref() {
                [STDIN] => drop(input.send(Input::StdinEnd).await),
                [STDOUT..=RESIZE] => {}
                _ => return,
            },
            _ => {}
        }
    }
}

/// Process to client; says whether the end was told.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    protocol: Protocol,
    wants: Wants,
    deed: super::Deed,
    mut outputs: mpsc::Receiver<Output>,
) -> bool {
    // An empty message on the lowest channel tells the client that the connection stands.
    let first = if wants.stdout {
        STDOUT
    } else if wants.stderr {
        STDERR
    } else {
        ERROR
    };
    if sink.send(protocol.form.wrap(first, b"")).await.is_err() {
        return false;
    }
    while let Some(output) = outputs.recv().await {
        let sent = match output {
            Output::Stdout(bytes) if wants.stdout => sink.send(protocol.form.wrap(STDOUT, &bytes)).await,
            Output::Stderr(bytes) if wants.stderr => sink.send(protocol.form.wrap(STDERR, &bytes)).await,
            Output::Stdout(_) | Output::Stderr(_) => Ok(()),
            Output::End(exit) => {
                let words = deed.last_words(&exit, protocol.with_status);
                if !words.is_empty() && sink.send(protocol.form.wrap(ERROR, &words)).await.is_err() {
                    return false;
                }
                return sink.send(goodbye()).await.is_ok();
            }
        };
        if sent.is_err() {
            return false;
        }
    }
    false
}
