//! A console over SPDY: one stream each for error, stdin, stdout, stderr and resize, told apart by their header `streamType`.
//!
//! Fed by the upgrade. Knows streams, not how the process is reached.

use super::{Deed, Input, Output, run, sizes};
use crate::verbs::stream::flow::{CREATION, FAREWELL, QUEUE_MAX, Said};
use crate::verbs::stream::job::{ConsoleJob, Wants};
use crate::verbs::stream::side::Dial;
use crate::verbs::stream::spdy::{Outlet, Session, Stream};
use bytes::Bytes;
use skiff_engine::wire::StreamExit;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// As offered and answered.
    pub name: &'static str,
    /// Since v4 the error stream carries a Status.
    pub with_status: bool,
    /// Since v3 terminals can be resized.
    pub resizes: bool,
}

const fn version(name: &'static str, with_status: bool, resizes: bool) -> Protocol {
    Protocol { name, with_status, resizes }
}

/// All that are spoken. Over SPDY, v5 is the same as v4.
pub const PROTOCOLS: [Protocol; 5] = [
    version("v5.channel.k8s.io", true, true),
    version("v4.channel.k8s.io", true, true),
    version("v3.channel.k8s.io", false, true),
    version("v2.channel.k8s.io", false, false),
    version("channel.k8s.io", false, false),
];

/// The streams of a console, as they come.
#[derive(Default)]
struct Streams {
    error: Option<Stream>,
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    resize: Option<Stream>,
}

impl Streams {
    fn place(&mut self, kind: &str) -> Option<&mut Option<Stream>> {
        Some(match kind {
            "error" => &mut self.error,
            "stdin" => &mut self.stdin,
            "stdout" => &mut self.stdout,
            "stderr" => &mut self.stderr,
            "resize" => &mut self.resize,
            _ => return None,
        })
    }

    /// Waits for as many streams as were announced; `None` if the client is gone before.
    async fn gather(session: &mut Session, wants: Wants, protocol: Protocol) -> Option<Streams> {
        let announced = [true, wants.stdin, wants.stdout, wants.stderr, wants.tty && protocol.resizes];
        let mut missing = announced.into_iter().filter(|wanted| *wanted).count();
        let mut streams = Streams::default();
        while missing > 0 {
            let stream = session.opened().await?;
            let kind = stream.headers.get("streamtype").to_owned();
            match streams.place(&kind) {
                Some(place @ None) => {
                    if !stream.accept().await {
                        return None;
                    }
                    *place = Some(stream);
                    missing -= 1;
                }
                _ => stream.refuse().await,
            }
        }
        Some(streams)
    }
}

/// The ways back.
struct Outlets {
    error: Option<Outlet>,
    stdout: Option<Outlet>,
    stderr: Option<Outlet>,
    silent: Vec<Outlet>,
}

/// Serves a client to the end.
pub async fn serve(mut session: Session, protocol: Protocol, job: ConsoleJob, dial: Dial) {
    let gathered = tokio::time::timeout(CREATION, Streams::gather(&mut session, job.wants, protocol)).await;
    // Nothing runs yet; upstream hangs up in silence, too.
    let Ok(Some(streams)) = gathered else { return session.end().await };
    let (input, inputs) = mpsc::channel(QUEUE_MAX);
    let (output, outputs) = mpsc::channel(QUEUE_MAX);
    let mut tasks = JoinSet::new();
    let mut silent = Vec::new();
    if let Some(stream) = streams.stdin {
        tasks.spawn(feed(stream.incoming, input.clone()));
        silent.push(stream.outlet);
    }
    if let Some(stream) = streams.resize {
        tasks.spawn(resize(stream.incoming, input.clone()));
        silent.push(stream.outlet);
    }
    let outlet = |stream: Option<Stream>| stream.map(|s| s.outlet);
    let outlets =
        Outlets { error: outlet(streams.error), stdout: outlet(streams.stdout), stderr: outlet(streams.stderr), silent };
    let deed = job.deed;
    tasks.spawn(async move { run(&dial, job.request, inputs, output).await });
    tokio::select! {
        said_all = write(outlets, protocol, deed, outputs) => if said_all {
            // Hanging up at once could lose what is still on its way to a slow client: that one hangs up when it has read all.
            let _ = tokio::time::timeout(FAREWELL, session.gone()).await;
        },
        () = session.gone() => {}
    }
    // Until here, so that the end of stdin is not taken for the client's.
    drop(input);
    tasks.shutdown().await;
    session.end().await;
}

async fn feed(mut incoming: mpsc::Receiver<Said>, input: mpsc::Sender<Input>) {
    while let Some(Said::Data(chunk)) = incoming.recv().await {
        if input.send(Input::Stdin(chunk)).await.is_err() {
            return;
        }
    }
    let _ = input.send(Input::StdinEnd).await;
}

async fn resize(mut incoming: mpsc::Receiver<Said>, input: mpsc::Sender<Input>) {
    while let Some(Said::Data(chunk)) = incoming.recv().await {
        for size in sizes(chunk.bytes()) {
            if input.send(Input::Resize(size)).await.is_err() {
                return;
            }
        }
    }
}

/// Process to client; says whether the end was told.
async fn write(outlets: Outlets, protocol: Protocol, deed: Deed, mut outputs: mpsc::Receiver<Output>) -> bool {
    while let Some(output) = outputs.recv().await {
        let (outlet, bytes) = match output {
            Output::Stdout(bytes) => (&outlets.stdout, bytes),
            Output::Stderr(bytes) => (&outlets.stderr, bytes),
            Output::End(exit) => return finish(&outlets, protocol, deed, &exit).await,
        };
        let Some(outlet) = outlet else { continue };
        if !outlet.send(bytes.into()).await {
            return false;
        }
    }
    false
}

async fn finish(outlets: &Outlets, protocol: Protocol, deed: Deed, exit: &StreamExit) -> bool {
    let words = Bytes::from(deed.last_words(exit, protocol.with_status));
    if let Some(error) = &outlets.error
        && !error.send(words).await
    {
        return false;
    }
    let loud = [&outlets.error, &outlets.stdout, &outlets.stderr];
    for outlet in loud.into_iter().flatten().chain(&outlets.silent) {
        outlet.finish().await;
    }
    true
}
