//! Reads the settings, wires the rooms in the order of the path, serves until told to stop.

use crate::agents::{Agents, Outlets};
use crate::listen::{self, Certificates};
use crate::observe::{Metrics, events, openapi};
use crate::registry::{Registry, ids};
use crate::store::{self, Applier, Store};
use crate::verbs::house::House;
use crate::{clock, verbs};
use anyhow::{Context as _, Result};
use skiff_access::{StaticTokens, TokenKeys, User};
use skiff_durable::Log;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a restarted control plane waits for its nodes before it creates sandboxes, milliseconds.
const SETTLE_MS: u64 = 10_000;

/// What the control plane is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Holds `ca.crt`, `pki/apiserver.{crt,key}`, `admin.token`, the log and the keys.
    pub data_dir: PathBuf,
    /// Where it listens.
    pub api_address: SocketAddr,
    /// Domain of routes without one of their own.
    pub domain: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { data_dir: ".skiff".into(), api_address: ([127, 0, 0, 1], 6443).into(), domain: "localhost".into() }
    }
}

/// Serves until `stop` is ready.
///
/// # Errors
/// What keeps it from starting: files, the log, the address.
pub async fn run(settings: Settings, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let (house, queue, log, outlets) = open(&settings).await?;
    let read = |name: &str| {
        std::fs::read(settings.data_dir.join(name)).with_context(|| settings.data_dir.join(name).display().to_string())
    };
    let certificates =
        Certificates { ca_pem: read("ca.crt")?, cert_pem: read("pki/apiserver.crt")?, key_pem: read("pki/apiserver.key")? };
    let listener = tokio::net::TcpListener::bind(settings.api_address)
        .await
        .with_context(|| format!("{} is in use: choose another with --api-address", settings.api_address))?;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(store::run(house.store.clone(), queue, log));
    verbs::access::load(&house);
    crate::custom::load(&house);
    crate::admit::policies::load(&house);
    crate::bootstrap::run(&house).await.map_err(|refusal| anyhow::anyhow!("bootstrap objects: {}", refusal.message))?;
    tasks.spawn(events::run(house.clone(), outlets.said));
    tasks.spawn(finish_pods(house.clone(), outlets.finals));
    tasks.spawn(tick(house.clone()));
    tasks.spawn(verbs::knative::follow(house.clone()));
    tasks.spawn(verbs::namespace::given::run(house.clone()));
    resume_namespaces(&house);
    verbs::collect::resume(&house);
    tasks.spawn(listen::run(house.clone(), listener, certificates.acceptor()?));
    tracing::info!(address = %settings.api_address, "serving");
    tokio::select! {
        () = stop => {}
        ended = tasks.join_next() => anyhow::bail!("a room ended: {ended:?}"),
    }
    tasks.shutdown().await;
    Ok(())
}

/// Opens the log, replays it, and makes the house.
async fn open(settings: &Settings) -> Result<(Arc<House>, store::Queue, Log, Outlets)> {
    let dir = &settings.data_dir;
    let registry = Arc::new(Registry::new());
    let (store, queue) = Store::new(registry.clone(), rand::random());
    let log = Log::open(&dir.join("log"), Arc::new(Applier(store.clone()))).await?;
    let (agents, outlets) = Agents::new();
    let ca_pem = std::fs::read_to_string(dir.join("ca.crt")).with_context(|| dir.join("ca.crt").display().to_string())?;
    store.read().first_pod_part.get_or_init(|| crate::agents::first_pod_part(&ca_pem));
    store.read().index.knative.set_domain(&settings.domain);
    store.begin(clock::now_ms(), if log.is_new() { 0 } else { SETTLE_MS });
    let token =
        std::fs::read_to_string(dir.join("admin.token")).with_context(|| dir.join("admin.token").display().to_string())?;
    let house = Arc::new(House {
        store: store.clone(),
        registry,
        agents: agents.clone(),
        roles: Arc::new(parking_lot::RwLock::new(skiff_access::RoleBook::new())),
        policies: crate::admit::policies::PolicyBook::default(),
        tokens: StaticTokens::new(vec![(token.trim().to_owned(), User::admin())]),
        keys: keys(&dir.join("pki/sa.key"))?,
        ca_pem,
        address: settings.api_address,
        domain: settings.domain.clone(),
        metrics: Metrics::new()?,
        given: verbs::namespace::given::Given::default(),
        documents: openapi::Documents::default(),
    });
    store.set_outbox(Arc::new(Followers { agents, house: Arc::downgrade(&house) }));
    Ok((house, queue, log, outlets))
}

/// The key that signs ServiceAccount tokens; made at the first start.
fn keys(path: &Path) -> Result<TokenKeys> {
    if path.exists() {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        return TokenKeys::from_pkcs8(&bytes).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()));
    }
    let keys = TokenKeys::generate().map_err(|e| anyhow::anyhow!("{e}"))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    file.as_mut().map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?.write_all(keys.pkcs8())?;
    Ok(keys)
}

/// Everybody who follows turns: agents, and the book of roles.
struct Followers {
    agents: Arc<Agents>,
    house: std::sync::Weak<House>,
}

impl store::Outbox for Followers {
    fn after_turn(&self, core: &store::Core, outcome: &skiff_engine::Outcome) {
        self.agents.after_turn(core, outcome);
        let Some(house) = self.house.upgrade() else { return };
        for (_, event) in &outcome.events {
            if let skiff_engine::Event::Document { resource, key, after, .. } = event {
                verbs::access::follow(&house, *resource, key, after.as_deref());
                crate::custom::follow(&house.registry, *resource, key, after.as_deref());
                crate::admit::policies::follow(&house, *resource, key, after.as_deref());
                house.given.follow(&house, *resource, key, after.as_deref());
            }
        }
    }
}

/// Time passes.
async fn tick(house: Arc<House>) {
    let mut every = tokio::time::interval(Duration::from_millis(250));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count = 0u64;
    let mut compacted = std::time::Instant::now();
    loop {
        every.tick().await;
        count += 1;
        house.store.turn(|world, turn| world.tick(turn));
        if compacted.elapsed() >= store::COMPACT_EVERY {
            compacted = std::time::Instant::now();
            house.store.compact();
        }
        if count.is_multiple_of(240) {
            house.store.trim(ids::EVENTS, events::EVENTS_MAX, 0);
        }
        house.metrics.sandboxes.set(house.store.read().world.sandboxes.len() as i64);
    }
}

/// A Pod of its own whose sandbox is gone is removed, if its deletion was asked for.
async fn finish_pods(house: Arc<House>, mut finals: mpsc::Receiver<Box<str>>) {
    let pending: Vec<Box<str>> = house.store.read().world.documents.table(ids::PODS).keys().cloned().collect();
    for key in pending {
        finish_pod(&house, &key).await;
    }
    while let Some(key) = finals.recv().await {
        finish_pod(&house, &key).await;
    }
}

async fn finish_pod(house: &Arc<House>, key: &str) {
    let document = house.store.read().world.documents.get(ids::PODS, key).cloned();
    let Some(document) = document else { return };
    let object = store::body::unpack(&document.body);
    let held = object.pointer("/metadata/finalizers").and_then(serde_json::Value::as_array).is_some_and(|f| !f.is_empty());
    if !store::is_deleting(&object) || held || house.store.read().own_sandbox_placed(document.uid) {
        return;
    }
    let mut transaction = Transaction {
        writes: vec![Write { resource: ids::PODS, key: key.into(), expect: Expect::Version(document.version), put: None }],
    };
    verbs::dependents::dependents(&house.store.read(), document.uid, false, &mut transaction);
    if house.store.commit(transaction).await.is_err() {
        tracing::warn!(key, "a Pod's end was not written; the next start finds it");
    }
}

/// Namespaces that were being emptied when the server stopped.
fn resume_namespaces(house: &Arc<House>) {
    let going: Vec<String> = {
        let core = house.store.read();
        let table = core.world.documents.table(ids::NAMESPACES);
        table.iter().filter(|(_, d)| store::is_deleting(&store::body::unpack(&d.body))).map(|(k, _)| k.to_string()).collect()
    };
    going.iter().for_each(|namespace| verbs::namespace::begin_emptying(house, namespace));
}
