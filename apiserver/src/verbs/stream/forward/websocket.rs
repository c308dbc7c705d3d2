//! A port-forward over WebSocket channels: of the i-th port, 2i carries data and 2i+1 errors, each after a message with the
//! port's number. kube-rs and the Python client speak it.
//!
//! Fed by the upgrade. Knows channels, not how the Pod is reached.

use super::carry;
use crate::status::{Outcome, Refusal};
use crate::verbs::stream::channel::{Form, goodbye};
use crate::verbs::stream::flow::{Budget, LINGER, Pulse, QUEUE_MAX, SILENCE, Said};
use crate::verbs::stream::job::ForwardJob;
use crate::verbs::stream::side::Dial;
use axum::extract::ws::{Message, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Ports of one request: in the base64 form, the digit `0` plus a channel must stay an ASCII character.
pub const PORTS_MAX: usize = 40;

/// Subprotocols and how their messages look; the empty one is for a client that offers none.
pub const PROTOCOLS: [(&str, Form); 4] = [
    ("", Form::Binary),
    ("v4.channel.k8s.io", Form::Binary),
    ("portforward.k8s.io", Form::Binary),
    ("v4.base64.channel.k8s.io", Form::Base64),
];

/// Reads `ports`.
///
/// # Errors
/// 400 in upstream's words.
pub fn ports(values: &[String]) -> Outcome<Vec<u16>> {
    if values.is_empty() {
        return Err(Refusal::bad_request("query parameter \"ports\" is required"));
    }
    let mut ports = Vec::new();
    for value in values {
        if value.is_empty() {
            return Err(Refusal::bad_request("query parameter \"ports\" cannot be empty"));
        }
        for text in value.split(',') {
            match text.parse::<u16>() {
                Ok(0) => return Err(Refusal::bad_request(format!("port {value:?} must be > 0"))),
                Ok(port) => ports.push(port),
                Err(error) => return Err(Refusal::bad_request(format!("unable to parse {value:?} as a port: {error}"))),
            }
        }
    }
    if ports.len() > PORTS_MAX {
        return Err(Refusal::bad_request(format!("at most {PORTS_MAX} ports")));
    }
    Ok(ports)
}

fn channel(index: usize) -> u8 {
    u8::try_from(index * 2).unwrap_or(u8::MAX)
}

/// Serves a client to the end.
pub async fn serve(socket: WebSocket, form: Form, ports: Vec<u16>, job: ForwardJob, dial: Dial) {
    let (sink, source) = socket.split();
    let (messages, queue) = mpsc::channel(QUEUE_MAX);
    let pulse = Pulse::new();
    let (mut reading, mut writing, mut running) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    writing.spawn(write(sink, queue, pulse.clone()));
    let mut inlets = Vec::with_capacity(ports.len());
    for (index, port) in ports.into_iter().enumerate() {
        let (inlet, incoming) = mpsc::channel(QUEUE_MAX);
        inlets.push(inlet);
        let (dial, job, messages) = (dial.clone(), job.clone(), messages.clone());
        running.spawn(async move { connection(&dial, &job, port, (form, channel(index)), incoming, messages).await });
    }
    reading.spawn(read(source, form, inlets, pulse.clone()));
    tokio::select! {
        // All ports have ended, or the client is gone: either way it is over.
        () = async { while running.join_next().await.is_some() {} } => {}
        _ = reading.join_next() => {}
        () = pulse.silent(SILENCE) => {}
    }
    running.shutdown().await;
    drop(messages);
    let _ = tokio::time::timeout(LINGER, writing.join_next()).await;
    let _ = tokio::time::timeout(LINGER, reading.join_next()).await;
}

async fn read(mut source: SplitStream<WebSocket>, form: Form, inlets: Vec<mpsc::Sender<Said>>, pulse: Arc<Pulse>) {
    let budget = Budget::new();
    while let Some(Ok(message)) = source.next().await {
        pulse.beat();
        let Some((channel, bytes)) = form.unwrap(message) else { continue };
        if channel % 2 == 0
            && let Some(inlet) = inlets.get(usize::from(channel / 2))
        {
            // A port that has ended takes nothing more; the others may.
            let _ = inlet.send(Said::Data(budget.hold(bytes).await)).await;
        }
    }
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Message>, pulse: Arc<Pulse>) {
    while let Some(message) = queue.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
        pulse.beat();
    }
    let _ = sink.send(goodbye()).await;
}

async fn connection(
    dial: &Dial,
    job: &ForwardJob,
    port: u16,
    (form, data): (Form, u8),
    mut incoming: mpsc::Receiver<Said>,
    messages: mpsc::Sender<Message>,
) {
    for channel in [data, data + 1] {
        if messages.send(form.wrap(channel, &port.to_le_bytes())).await.is_err() {
            return;
        }
    }
    let (answers, mut answered) = mpsc::channel::<Vec<u8>>(QUEUE_MAX);
    let back = async {
        while let Some(bytes) = answered.recv().await {
            if messages.send(form.wrap(data, &bytes)).await.is_err() {
                return;
            }
        }
    };
    let (ended, ()) = tokio::join!(carry(dial, job, port, &mut incoming, answers), back);
    if let Err(text) = ended {
        tracing::debug!(pod = job.pod, port, text, "port-forward");
        let _ = messages.send(form.wrap(data + 1, text.as_bytes())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_a_query() {
        let of = |values: &[&str]| ports(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["80", "81,82"]), Ok(vec![80, 81, 82]));
        for wrong in [&[][..], &[""], &["0"], &["x"], &["65536"], &["80,"]] {
            assert_eq!(of(wrong).map_err(|r| r.code), Err(400), "{wrong:?}");
        }
        assert!(of(&vec!["1"; PORTS_MAX + 1]).is_err());
    }
}
