//! The session with the control plane.
//!
//! Fed by frames from the control plane (into [`crate::table`]) and by [`crate::load::Uplink`] (out to it). It is opened again with
//! a growing pause whenever it breaks; meanwhile requests go on with the last routes. Must not know requests.

use crate::Gate;
use crate::settings::Settings;
use anyhow::{Context, bail};
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use skiff_engine::policy::{below, scatter};
use skiff_engine::wire::{self, Load, Route};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsConnector;

/// Opening a session, TLS and upgrade included.
const OPEN_S_MAX: u64 = 5;
/// Pause before the first new attempt, doubled with each further one.
const PAUSE_MS_MIN: u64 = 50;
/// Longest pause between attempts.
const PAUSE_MS_MAX: u64 = 5_000;
/// A control plane that pings is taken for dead after so many seconds of silence.
const SILENCE_S_MAX: u64 = 45;
/// Messages written in one go.
const BATCH_LOADS_MAX: usize = 256;

/// Keeps the session.
pub(crate) struct Link {
    gate: Arc<Gate>,
    loads: mpsc::Receiver<Load>,
    name: String,
    members: Vec<SocketAddr>,
    member_name: Option<ServerName<'static>>,
    tls: TlsConnector,
    /// Highest epoch heard; a leader of an older one is refused.
    epoch: u64,
}

impl Link {
    pub(crate) fn new(gate: Arc<Gate>, loads: mpsc::Receiver<Load>, settings: &Settings) -> anyhow::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&settings.tls.ca_pem) {
            roots.add(certificate.context("cannot read the CA certificate")?)?;
        }
        let chain = CertificateDer::pem_slice_iter(&settings.tls.cert_pem)
            .collect::<Result<Vec<_>, _>>()
            .context("cannot read the gateway's certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&settings.tls.key_pem).context("cannot read the gateway's key")?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        let member_name = settings.control_name.clone().map(ServerName::try_from).transpose()?;
        let members = std::iter::once(settings.control).chain(settings.control_others.iter().copied()).collect();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { gate, loads, name: settings.name.clone(), members, member_name, tls, epoch: 0 })
    }

    /// Runs until the task is ended.
    pub(crate) async fn run(mut self) {
        let (mut member, mut pause_ms) = (0, PAUSE_MS_MIN);
        loop {
            let address = self.members[member % self.members.len()];
            let (lived, error) = match self.open(address).await {
                Ok(stream) => (true, self.talk(stream).await),
                Err(error) => (false, error),
            };
            self.gate.uplink.set_up(false);
            tracing::warn!(%address, error = format!("{error:#}"), "no session with the control plane");
            if lived {
                self.gate.metrics.sessions_lost.inc();
                pause_ms = PAUSE_MS_MIN;
            } else {
                member += 1;
            }
            // Between half and all of the pause, so that gateways don't come back all at once.
            let jitter = below(scatter(crate::now_us()), (pause_ms / 2) as usize) as u64;
            tokio::time::sleep(Duration::from_millis(pause_ms / 2 + jitter)).await;
            pause_ms = (pause_ms * 2).min(PAUSE_MS_MAX);
        }
    }

    async fn open(&self, address: SocketAddr) -> anyhow::Result<hyper::upgrade::Upgraded> {
        let opened = tokio::time::timeout(Duration::from_secs(OPEN_S_MAX), self.upgrade(address)).await;
        opened.context("the session could not be opened in time")?
    }

    async fn upgrade(&self, address: SocketAddr) -> anyhow::Result<hyper::upgrade::Upgraded> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = self.member_name.clone().unwrap_or_else(|| ServerName::IpAddress(address.ip().into()));
        let stream = self.tls.connect(name, stream).await.context("TLS")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        let request = Request::get(wire::GATEWAY_PATH)
            .header(header::HOST, address.to_string())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, wire::UPGRADE)
            .header("Skiff-Wire", wire::WIRE_VERSION)
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            bail!("the control plane answered {}", response.status());
        }
        Ok(hyper::upgrade::on(response).await?)
    }

    /// One session, to its end.
    async fn talk(&mut self, stream: hyper::upgrade::Upgraded) -> anyhow::Error {
        let (reader, mut writer) = tokio::io::split(TokioIo::new(stream));
        // What was said to the session before is stale.
        while self.loads.try_recv().is_ok() {}
        if let Err(error) = write_frames(&mut writer, &[Load::Hello { name: self.name.clone() }]).await {
            return error;
        }
        self.gate.table.begin_session();
        self.gate.uplink.set_up(true);
        for (revision, waiting) in self.gate.table.waiting() {
            self.gate.uplink.send(Load::Cold { revision: revision.number, waiting });
        }
        let pinged = Notify::new();
        tokio::select! {
            error = listen(&self.gate, &mut self.epoch, BufReader::with_capacity(1 << 16, reader), &pinged) => error,
            error = speak(&mut self.loads, writer, &pinged) => error,
        }
    }
}

/// Takes in frames until the session ends.
async fn listen(gate: &Gate, epoch: &mut u64, mut reader: impl AsyncRead + Unpin, pinged: &Notify) -> anyhow::Error {
    let (mut pings, mut buffer) = (false, Vec::new());
    loop {
        let silence = if pings { Duration::from_secs(SILENCE_S_MAX) } else { Duration::MAX };
        let route = match tokio::time::timeout(silence, read_frame(&mut reader, &mut buffer)).await {
            Ok(Ok(route)) => route,
            Ok(Err(error)) => return error,
            Err(_) => return anyhow::anyhow!("the control plane is silent"),
        };
        match &route {
            Route::Welcome { epoch: theirs } if *theirs < *epoch => {
                return anyhow::anyhow!("the leader's epoch {theirs} is older than {epoch}");
            }
            Route::Welcome { epoch: theirs } => *epoch = *theirs,
            Route::Ping => {
                pings = true;
                pinged.notify_one();
            }
            Route::Synced => tracing::info!(counts = ?gate.table.counts(), "all routes heard"),
            _ => {}
        }
        gate.table.apply(route, &gate.metrics);
    }
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> anyhow::Result<Route> {
    let length = reader.read_u32_le().await?;
    if length > wire::FRAME_BYTES_MAX {
        bail!("a frame of {length} bytes");
    }
    buffer.resize(length as usize, 0);
    reader.read_exact(buffer).await?;
    let route = postcard::from_bytes(buffer).map_err(|error| anyhow::anyhow!("a frame that can't be read: {error}"))?;
    // One large frame must not be held for the rest of the session.
    buffer.shrink_to(1 << 16);
    Ok(route)
}

/// Writes messages until the session ends.
async fn speak(loads: &mut mpsc::Receiver<Load>, mut writer: impl AsyncWrite + Unpin, pinged: &Notify) -> anyhow::Error {
    let mut batch = Vec::with_capacity(BATCH_LOADS_MAX);
    loop {
        tokio::select! {
            () = pinged.notified() => batch.push(Load::Beat),
            count = loads.recv_many(&mut batch, BATCH_LOADS_MAX) => if count == 0 {
                return anyhow::anyhow!("the gateway is going down");
            },
        }
        if let Err(error) = write_frames(&mut writer, &batch).await {
            return error;
        }
        batch.clear();
    }
}

async fn write_frames(writer: &mut (impl AsyncWrite + Unpin), loads: &[Load]) -> anyhow::Result<()> {
    let mut bytes = Vec::with_capacity(64 * loads.len());
    for load in loads {
        let frame = postcard::to_allocvec(load).map_err(|error| anyhow::anyhow!("a frame that can't be written: {error}"))?;
        let length = u32::try_from(frame.len()).ok().filter(|length| *length <= wire::FRAME_BYTES_MAX);
        bytes.extend_from_slice(&length.context("a frame that is too long")?.to_le_bytes());
        bytes.extend_from_slice(&frame);
    }
    writer.write_all(&bytes).await?;
    writer.flush().await?;
    Ok(())
}
