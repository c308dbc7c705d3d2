//! The subscription to containerd's events: exits, out-of-memory kills, image changes. It hands each to whoever waits for
//! that process. After a break (containerd restarted) it subscribes again and says so, because exits may have been missed.

use super::containerd::{Containerd, unix_ms};
use containerd_client::events::{TaskExit, TaskOom};
use containerd_client::services::v1::events_client::EventsClient;
use containerd_client::services::v1::{PublishRequest, SubscribeRequest};
use containerd_client::types::Envelope;
use parking_lot::Mutex;
use prost_types::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Topic of our own events, which prove that the subscription is live.
const TOPIC_PING: &str = "/skiff/ping";
/// Events that may wait for the node; containerd's stream is held back beyond that.
pub const SEEN_MAX: usize = 1024;

/// What was seen.
#[derive(Debug)]
pub enum Seen {
    /// A container's main process ended.
    Exit { id: String, code: u32, at_ms: u64 },
    /// The kernel killed something in the container.
    Oom { id: String },
    /// Images were added, changed or removed.
    Images,
    /// The subscription was interrupted and stands again: compare with the list of tasks.
    Resumed,
}

/// Executed processes somebody waits for: (container, exec id) to the one who waits. Bounded by the number of execs.
#[derive(Clone, Default)]
pub struct ExecWaits(Arc<Mutex<Waiting>>);

type Waiting = HashMap<(String, String), oneshot::Sender<u32>>;

impl ExecWaits {
    /// Registers before the start, so that no exit is missed.
    pub fn expect(&self, id: &str, exec: &str) -> oneshot::Receiver<u32> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().insert((id.to_owned(), exec.to_owned()), sender);
        receiver
    }

    /// Nobody waits any more.
    pub fn forget(&self, id: &str, exec: &str) {
        self.0.lock().remove(&(id.to_owned(), exec.to_owned()));
    }

    fn ended(&self, id: &str, exec: &str, code: u32) {
        if let Some(waiting) = self.0.lock().remove(&(id.to_owned(), exec.to_owned())) {
            waiting.send(code).ok();
        }
    }

    /// A container is gone: whatever was executed in it is, too.
    pub fn container_ended(&self, id: &str) {
        self.0.lock().retain(|(container, _), _| container != id);
    }
}

/// Subscribes for ever. `ready` is told when the first subscription is live: before that, nothing may be started.
pub async fn follow(runtime: Containerd, execs: ExecWaits, seen: mpsc::Sender<Seen>, ready: oneshot::Sender<()>) {
    let mut ready = Some(ready);
    let mut pause = Duration::from_millis(10);
    loop {
        let first = ready.is_some();
        match one_subscription(&runtime, &execs, &seen, &mut ready).await {
            Ok(()) if seen.is_closed() => return,
            Ok(()) => pause = Duration::from_millis(10),
            Err(error) => tracing::debug!(%error, "containerd events interrupted"),
        }
        if first && ready.is_none() {
            pause = Duration::from_millis(10);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

async fn one_subscription(
    runtime: &Containerd,
    execs: &ExecWaits,
    seen: &mpsc::Sender<Seen>,
    ready: &mut Option<oneshot::Sender<()>>,
) -> Result<(), tonic::Status> {
    let filters = ["/tasks/exit", "/tasks/oom", "/images/create", "/images/update", "/images/delete", TOPIC_PING]
        .iter()
        .map(|topic| format!("topic==\"{topic}\""))
        .collect();
    let mut client = EventsClient::new(runtime.channel());
    // The answer's headers come only with the first event, so pings are published until one comes back.
    let pings = tokio::spawn(ping(runtime.clone()));
    let stream = client.subscribe(runtime.long_request(SubscribeRequest { filters })).await;
    pings.abort();
    let mut stream = stream?.into_inner();
    match ready.take() {
        Some(first) => drop(first.send(())),
        None => drop(seen.send(Seen::Resumed).await),
    }
    while let Some(envelope) = stream.message().await? {
        if envelope.namespace != runtime.namespace() {
            continue;
        }
        if let Some(event) = read(envelope, execs)
            && seen.send(event).await.is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

async fn ping(runtime: Containerd) {
    loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let event = Some(Any { type_url: "skiff.dev/ping".to_owned(), value: Vec::new() });
        let request = PublishRequest { topic: TOPIC_PING.to_owned(), event };
        if EventsClient::new(runtime.channel()).publish(runtime.request(request)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn read(envelope: Envelope, execs: &ExecWaits) -> Option<Seen> {
    let any = envelope.event?;
    match envelope.topic.as_str() {
        "/tasks/exit" => {
            let exit: TaskExit = named(&any, "TaskExit").to_msg().ok()?;
            if exit.id == exit.container_id || exit.id.is_empty() {
                execs.container_ended(&exit.container_id);
                return Some(Seen::Exit { id: exit.container_id, code: exit.exit_status, at_ms: unix_ms(exit.exited_at) });
            }
            execs.ended(&exit.container_id, &exit.id, exit.exit_status);
            None
        }
        "/tasks/oom" => named(&any, "TaskOOM").to_msg::<TaskOom>().ok().map(|oom| Seen::Oom { id: oom.container_id }),
        topic if topic.starts_with("/images/") => Some(Seen::Images),
        _ => None,
    }
}

// containerd's type URLs lack the domain that `Any::to_msg` insists on, so the name that the topic implies is put in.
fn named(any: &Any, name: &str) -> Any {
    Any { type_url: format!("type.googleapis.com/containerd.events.{name}"), value: any.value.clone() }
}
