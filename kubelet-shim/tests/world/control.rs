//! A control plane that only speaks the wire: accepts the node's session and its side streams.

use super::Identities;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use parking_lot::Mutex;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use skiff_engine::wire::{
    ContainerState, Create, Delete, Material, NODE_PATH, NodeFacts, Order, Report, STREAM_PATH, SandboxKey, SandboxReport,
    SandboxState, StreamExit, StreamFrame, StreamRequest, Template,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

type Frames = Framed<TlsStream<TcpStream>, LengthDelimitedCodec>;

/// A side stream as it came in: the header with an error, if any, and the bytes.
pub struct Stream {
    pub error: Option<String>,
    pub io: TlsStream<TcpStream>,
}

#[derive(Default)]
struct State {
    latest: HashMap<SandboxKey, SandboxReport>,
    history: Vec<SandboxReport>,
    full: Vec<(NodeFacts, Vec<SandboxReport>)>,
    images: Vec<(String, u64)>,
    orders: Option<mpsc::Sender<Order>>,
    streams: HashMap<u64, mpsc::Sender<Stream>>,
}

pub struct Control {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    next: std::sync::atomic::AtomicU64,
    network: u32,
}

fn framed(io: TlsStream<TcpStream>) -> Frames {
    LengthDelimitedCodec::builder().little_endian().length_field_length(4).max_frame_length(16 << 20).new_framed(io)
}

impl Control {
    pub async fn listen(identities: &Identities, network: u32) -> Control {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(identities.ca_pem.as_bytes()).expect("pem")).expect("root");
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(clients.build().expect("verifier"))
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(identities.server.0.as_bytes()).expect("pem")],
                PrivateKeyDer::from_pem_slice(identities.server.1.as_bytes()).expect("pem"),
            )
            .expect("server certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let control = Control {
            address: listener.local_addr().expect("address"),
            state: Arc::default(),
            changed: Arc::default(),
            next: std::sync::atomic::AtomicU64::new(1),
            network,
        };
        let (state, changed) = (control.state.clone(), control.changed.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(accept(tcp, acceptor.clone(), state.clone(), changed.clone(), network));
            }
        });
        control
    }

    async fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = look(&mut self.state.lock()) {
                    return found;
                }
                tokio::time::timeout(Duration::from_millis(200), changed).await.ok();
            }
        };
        match tokio::time::timeout(Duration::from_secs(40), waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited for {what}; history: {:#?}", self.state.lock().history),
        }
    }

    /// Waits for a session; its first frame.
    pub async fn session(&self) -> (NodeFacts, Vec<SandboxReport>) {
        self.wait("a session", |s| s.orders.is_some().then(|| s.full.last().cloned()).flatten()).await
    }

    pub async fn forget_session(&self) {
        self.state.lock().orders = None;
    }

    pub async fn order(&self, order: Order) {
        let orders = self.state.lock().orders.clone().expect("a session");
        orders.send(order).await.expect("session");
    }

    pub async fn template(&self, revision: u32, pod: Value, material: Material) {
        self.order(Order::Template(Template { revision, pod: pod.to_string().into_bytes(), material })).await;
    }

    /// Orders a sandbox of a revision; `seq` is also its slot minus two.
    pub async fn create(&self, revision: u32, seq: u32) -> SandboxKey {
        let key = SandboxKey { revision, seq };
        let create = Create {
            key,
            generation: 1,
            slot: u16::try_from(seq + 2).expect("slot"),
            name: format!("pod-{revision}-{seq}"),
            uid: self.uid(key),
            decided_ms: 0,
        };
        self.order(Order::Create(vec![create])).await;
        key
    }

    /// Uids of worlds that live at the same time must differ: runc keeps its state by container id for the whole machine.
    pub fn uid(&self, key: SandboxKey) -> String {
        format!("{:08x}-0000-4000-8000-{:06}{:06}", self.network, key.revision, key.seq)
    }

    pub async fn delete(&self, key: SandboxKey, grace_seconds: u32) {
        self.order(Order::Delete(vec![Delete { key, generation: 2, grace_seconds }])).await;
    }

    pub async fn until(&self, what: &str, key: SandboxKey, mut fits: impl FnMut(&SandboxReport) -> bool) -> SandboxReport {
        self.wait(what, |s| s.latest.get(&key).filter(|r| fits(r)).cloned()).await
    }

    pub async fn until_state(&self, key: SandboxKey, state: SandboxState) -> SandboxReport {
        self.until(&format!("{state:?}"), key, |r| r.state == state).await
    }

    /// Waits until the first container waits for this reason; its message.
    pub async fn until_waiting(&self, key: SandboxKey, wanted: &str) -> String {
        let report = self.until(wanted, key, |r| reason(r).as_deref() == Some(wanted)).await;
        match &report.containers[0].state {
            ContainerState::Waiting { message, .. } | ContainerState::Terminated { message, .. } => message.clone(),
            ContainerState::Running { .. } => String::new(),
        }
    }

    pub async fn gone(&self, key: SandboxKey) {
        self.delete(key, 1).await;
        self.until_state(key, SandboxState::Gone).await;
    }

    /// All states of a sandbox that were reported, in order.
    pub fn states(&self, key: SandboxKey) -> Vec<SandboxState> {
        self.state.lock().history.iter().filter(|r| r.key == key).map(|r| r.state).collect()
    }

    pub async fn until_image(&self, name: &str) {
        self.wait("an image", |s| s.images.iter().any(|(n, _)| n == name).then_some(())).await;
    }

    /// Asks for a side stream.
    pub async fn open(&self, request: StreamRequest) -> Stream {
        let stream = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, mut receiver) = mpsc::channel(1);
        self.state.lock().streams.insert(stream, sender);
        self.order(Order::Open { stream, request }).await;
        tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await.expect("dialled back").expect("stream")
    }

    /// A log, whole.
    pub async fn log(&self, request: StreamRequest) -> Result<String, String> {
        let mut stream = self.open(request).await;
        if let Some(error) = stream.error {
            return Err(error);
        }
        let mut text = Vec::new();
        // The node hangs up without a TLS goodbye; what came before counts.
        stream.io.read_to_end(&mut text).await.ok();
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs a command with this input; stdout, stderr, end.
    pub async fn exec(&self, key: SandboxKey, command: &[&str], stdin: Option<&str>, tty: bool) -> (String, String, StreamExit) {
        let command = command.iter().map(|s| (*s).to_owned()).collect();
        let request = StreamRequest::Exec { key, container: "c".into(), command, stdin: stdin.is_some(), tty };
        let stream = self.open(request).await;
        converse(stream, stdin.into_iter().flat_map(|s| [StreamFrame::Stdin(s.into()), StreamFrame::Stdin(vec![])]).collect())
            .await
    }
}

/// Sends these frames and collects until the end.
pub async fn converse(stream: Stream, send: Vec<StreamFrame>) -> (String, String, StreamExit) {
    let mut frames = framed(stream.io);
    for frame in send {
        frames.send(Bytes::from(postcard::to_allocvec(&frame).expect("frame"))).await.expect("send");
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let collecting = async {
        while let Some(Ok(frame)) = frames.next().await {
            match postcard::from_bytes(&frame).expect("frame") {
                StreamFrame::Stdout(bytes) => out.extend(bytes),
                StreamFrame::Stderr(bytes) => err.extend(bytes),
                StreamFrame::Exit(exit) => return exit,
                StreamFrame::Stdin(_) | StreamFrame::Resize { .. } => {}
            }
        }
        StreamExit::Failed("the stream broke".into())
    };
    let exit = tokio::time::timeout(Duration::from_secs(20), collecting).await.expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(out), text(err), exit)
}

/// Reason of the first container that is not running.
pub fn reason(report: &SandboxReport) -> Option<String> {
    report.containers.iter().find_map(|c| match &c.state {
        ContainerState::Waiting { reason, .. } | ContainerState::Terminated { reason, .. } => Some(reason.clone()),
        ContainerState::Running { .. } => None,
    })
}

async fn accept(tcp: TcpStream, acceptor: TlsAcceptor, state: Arc<Mutex<State>>, changed: Arc<Notify>, network: u32) {
    let Ok(mut io) = acceptor.accept(tcp).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match io.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.contains("upgrade: skiff-agent") && head.contains("skiff-wire: 1"), "{head}");
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    io.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: skiff-agent\r\n\r\n")
        .await
        .expect("answer");
    if path == NODE_PATH {
        session(framed(io), state, changed, network).await;
    } else if let Some(stream) = path.strip_prefix(STREAM_PATH).and_then(|n| n.parse::<u64>().ok()) {
        let error = head.lines().find_map(|l| l.strip_prefix("skiff-stream-error: ")).map(str::to_owned);
        let waiting = state.lock().streams.remove(&stream);
        if let Some(waiting) = waiting {
            waiting.send(Stream { error, io }).await.ok();
        }
    }
}

async fn session(mut frames: Frames, state: Arc<Mutex<State>>, changed: Arc<Notify>, network: u32) {
    let (sender, mut orders) = mpsc::channel::<Order>(64);
    let welcome = Order::Welcome {
        epoch: 1,
        node: 1,
        pod_network: network,
        pod_prefix: 24,
        service_network: u32::from(std::net::Ipv4Addr::new(10, 96, 0, 0)),
        service_prefix: 16,
    };
    frames.send(Bytes::from(postcard::to_allocvec(&welcome).expect("frame"))).await.expect("welcome");
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(order) = order else { return };
                frames.send(Bytes::from(postcard::to_allocvec(&order).expect("frame"))).await.ok();
            }
            frame = frames.next() => {
                let Some(Ok(frame)) = frame else { return };
                let mut state = state.lock();
                match postcard::from_bytes(&frame).expect("a report") {
                    Report::Full(facts, sandboxes) => {
                        state.images.clone_from(&facts.images);
                        for report in &sandboxes {
                            state.latest.insert(report.key, report.clone());
                        }
                        state.full.push((facts, sandboxes));
                        state.orders = Some(sender.clone());
                    }
                    Report::Sandboxes(reports) => for report in reports {
                        state.history.push(report.clone());
                        state.latest.insert(report.key, report);
                    },
                    Report::Images(images) => state.images = images,
                    Report::Beat => {}
                }
                drop(state);
                changed.notify_waiters();
            }
        }
    }
}
