//! A port-forward over SPDY: each connection is a pair of streams, error and data, with headers `streamType`, `port` and
//! `requestID`.
//!
//! Fed by the upgrade, plain or tunnelled. Knows pairs, not how the Pod is reached.

use super::carry;
use crate::verbs::stream::flow::{CREATION, QUEUE_MAX};
use crate::verbs::stream::job::ForwardJob;
use crate::verbs::stream::side::Dial;
use crate::verbs::stream::spdy::{Session, Stream};
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The protocol, as offered and answered.
pub const PROTOCOL: &str = "portforward.k8s.io";

/// A pair that is not complete.
struct Pair {
    since: Instant,
    error: Option<Stream>,
    data: Option<Stream>,
}

/// Serves a client to the end.
pub async fn serve(mut session: Session, job: ForwardJob, dial: Dial) {
    let mut pairs: HashMap<String, Pair> = HashMap::new();
    let mut running = JoinSet::new();
    let mut sweep = tokio::time::interval(CREATION);
    loop {
        let stream = tokio::select! {
            stream = session.opened() => stream,
            Some(_) = running.join_next() => continue,
            _ = sweep.tick() => {
                give_up(&mut pairs).await;
                continue;
            }
        };
        // Dropping the set ends all connections.
        let Some(stream) = stream else { break };
        if let Some((port, error, data)) = pair(&mut pairs, stream).await {
            let (dial, job) = (dial.clone(), job.clone());
            running.spawn(async move { connection(&dial, &job, port, error, data).await });
        }
    }
    running.shutdown().await;
    drop(pairs);
    session.end().await;
}

fn port(stream: &Stream) -> Option<u16> {
    stream.headers.get("port").parse().ok().filter(|port| *port > 0)
}

/// Clients before Kubernetes 1.2 send no number; their data stream follows their error stream at once.
fn request(stream: &Stream, is_error: bool) -> String {
    match stream.headers.get("requestid") {
        "" if is_error => stream.id.to_string(),
        "" => stream.id.saturating_sub(2).to_string(),
        given => given.to_owned(),
    }
}

/// Takes a stream; both and their port once they are complete.
async fn pair(pairs: &mut HashMap<String, Pair>, stream: Stream) -> Option<(u16, Stream, Stream)> {
    let is_error = match stream.headers.get("streamtype") {
        "error" => true,
        "data" => false,
        _ => {
            stream.refuse().await;
            return None;
        }
    };
    if port(&stream).is_none() {
        stream.refuse().await;
        return None;
    }
    let request = request(&stream, is_error);
    let pair = pairs.entry(request.clone()).or_insert_with(|| Pair { since: Instant::now(), error: None, data: None });
    let place = if is_error { &mut pair.error } else { &mut pair.data };
    if place.is_some() {
        stream.refuse().await;
        return None;
    }
    if !stream.accept().await {
        return None;
    }
    *place = Some(stream);
    match pairs.remove(&request)? {
        Pair { error: Some(error), data: Some(data), .. } => Some((port(&data)?, error, data)),
        half => {
            pairs.insert(request, half);
            None
        }
    }
}

/// Ends pairs that have waited for too long.
async fn give_up(pairs: &mut HashMap<String, Pair>) {
    let late: Vec<String> = pairs.iter().filter(|(_, pair)| pair.since.elapsed() > CREATION).map(|(id, _)| id.clone()).collect();
    for id in late {
        let Some(pair) = pairs.remove(&id) else { continue };
        if let Some(error) = pair.error {
            error.outlet.send(format!("(request={id}) timed out waiting for streams").into()).await;
            error.outlet.finish().await;
        }
        if let Some(data) = pair.data {
            data.outlet.cancel().await;
        }
    }
}

async fn connection(dial: &Dial, job: &ForwardJob, port: u16, error: Stream, data: Stream) {
    let Stream { mut incoming, outlet, .. } = data;
    let (answers, mut answered) = mpsc::channel::<Vec<u8>>(QUEUE_MAX);
    let back = async {
        while let Some(bytes) = answered.recv().await {
            if !outlet.send(bytes.into()).await {
                return;
            }
        }
    };
    let (ended, ()) = tokio::join!(carry(dial, job, port, &mut incoming, answers), back);
    if let Err(text) = ended {
        tracing::debug!(pod = job.pod, port, text, "port-forward");
        error.outlet.send(text.into()).await;
    }
    error.outlet.finish().await;
    outlet.finish().await;
}
