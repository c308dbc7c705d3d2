//! A gateway's session: routes, revisions and endpoints out, cold requests and load in.
//!
//! The first pass sends everything; after that only what the notes name. Each note is looked up in the tables when it is sent,
//! so ten changes of one revision are one frame. What hosts a Route had is remembered here, to drop those that it lost.

use super::session::{Frames, Sink, split};
use super::{Agents, Cold, GatewayNotes, GatewaySession};
use crate::observe::events;
use crate::project::knative::routes;
use crate::registry::ids;
use crate::store::Core;
use crate::verbs::house::House;
use hyper::upgrade::Upgraded;
use parking_lot::Mutex;
use skiff_engine::record::Phase;
use skiff_engine::wire::{ContainerState, Endpoint, HostRoute, Load, LoadSample, Route};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

/// Revisions or Routes looked up under one lock.
const LOOKUPS_MAX: usize = 64;
/// Quiet time after which the gateway is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// A gateway that says nothing for so long has its session ended.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// Stages of one cold request that are recorded.
const STAGES_MAX: usize = 16;

/// What a session has told its gateway.
#[derive(Default)]
struct Sent {
    /// Revisions: version of the document, port, whether it was said to fail.
    revisions: HashMap<u32, (u64, u16, bool)>,
    /// Hosts by what they follow from: the key of a Route, or of a DomainMapping with a leading `!`.
    hosts: HashMap<Box<str>, Vec<String>>,
    /// Who has a host, so that a loser does not drop what a winner has taken.
    owners: HashMap<String, Box<str>>,
}

impl Agents {
    /// Serves a gateway until its connection ends. `name` is what its certificate says.
    pub async fn serve_gateway(self: Arc<Self>, house: Arc<House>, upgraded: Upgraded, name: String) {
        let (mut frames, sink) = split(upgraded);
        match tokio::time::timeout(SILENCE_MAX, frames.next::<Load>()).await {
            Ok(Ok(Some(Load::Hello { name: said }))) if said == name => {}
            Ok(Ok(Some(Load::Hello { name: said }))) => {
                tracing::warn!(gateway = name, said, "a gateway's name differs from its certificate's");
                return;
            }
            _ => {
                tracing::warn!(gateway = name, "the first word of a gateway's session was not its hello");
                return;
            }
        }
        let session = self.session_number();
        let entry = Arc::new(GatewaySession { session, notes: Mutex::default(), wake: Notify::new() });
        self.gateways.lock().push(entry.clone());
        let _there = Presence::begin(house.clone());
        tracing::info!(gateway = name, "gateway joined");
        tokio::select! {
            result = send(&house, &entry, sink) => if let Err(error) = result { tracing::warn!(gateway = name, %error, "gateway session"); },
            () = self.hear(&house, &mut frames, session, &name) => {}
        }
        self.gateways.lock().retain(|g| g.session != session);
        tracing::info!(gateway = name, "gateway session ended");
    }

    async fn hear<R: AsyncRead + Unpin>(&self, house: &House, frames: &mut Frames<R>, session: u64, name: &str) {
        loop {
            let load = match tokio::time::timeout(SILENCE_MAX, frames.next::<Load>()).await {
                Err(_) => {
                    tracing::warn!(gateway = name, "gateway is silent");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(gateway = name, %error, "gateway session");
                    return;
                }
                Ok(Ok(None)) => return,
                Ok(Ok(Some(load))) => load,
            };
            match load {
                Load::Cold { revision, waiting } => self.demand(house, revision, waiting),
                Load::Samples(samples) => observe(house, session, &samples),
                Load::Served { revision, key, stages_us } => {
                    self.cold.remove(&revision);
                    for (stage, micros) in stages_us.iter().take(STAGES_MAX) {
                        house.metrics.cold_stages.with_label_values(&[stage.as_str()]).observe(f64::from(*micros) / 1e6);
                    }
                    events::of_cold(house, key, &stages_us[..stages_us.len().min(STAGES_MAX)]);
                }
                Load::Beat => {}
                Load::Hello { .. } => tracing::warn!(gateway = name, "a second hello in one session is ignored"),
            }
        }
    }

    /// Requests wait: decided in this turn, and its order leaves right after it.
    fn demand(&self, house: &House, revision: u32, waiting: u32) {
        let reported = Instant::now();
        house.store.turn(|world, turn| {
            if !world.revisions.contains_key(&revision) {
                return;
            }
            world.demand(turn, revision, waiting);
            // Noted before the turn ends: the node's session may take up the order before this call returns.
            self.cold.insert(revision, Cold { reported, decided: Instant::now() });
        });
    }
}

fn observe(house: &House, session: u64, samples: &[LoadSample]) {
    house.store.turn(|world, turn| samples.iter().for_each(|sample| world.observe_load(turn, session, *sample)));
}

/// A gateway as the engine counts it. Without one silence is not "no traffic", and autoscalers wait. Counted out when dropped,
/// so that a session whose task is ended from outside is not counted for ever.
struct Presence(Arc<House>);

impl Presence {
    fn begin(house: Arc<House>) -> Presence {
        house.store.turn(|world, turn| world.gateway_joined(turn));
        Presence(house)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store.turn(|world, turn| world.gateway_left(turn));
    }
}

async fn send<W: AsyncWrite + Unpin>(house: &House, session: &GatewaySession, mut sink: Sink<W>) -> std::io::Result<()> {
    let epoch = house.store.read().first_version;
    sink.put(&Route::Welcome { epoch }).await?;
    let mut sent = Sent::default();
    let all = everything(house);
    tell(house, &mut sink, &mut sent, all).await?;
    sink.put(&Route::Synced).await?;
    sink.flush().await?;
    let mut pinged = Instant::now();
    loop {
        let mut notes = std::mem::take(&mut *session.notes.lock());
        if notes.everything {
            let all = everything(house);
            notes.routes.extend(all.routes);
        }
        if pinged.elapsed() >= PING_EVERY {
            pinged = Instant::now();
            sink.put(&Route::Ping).await?;
            sink.flush().await?;
        }
        if notes.revisions.is_empty() && notes.routes.is_empty() && notes.progress.is_empty() {
            // A gateway beats only when asked, so it is asked however busy this side is.
            let _ = tokio::time::timeout(PING_EVERY.saturating_sub(pinged.elapsed()), session.wake.notified()).await;
            continue;
        }
        tell(house, &mut sink, &mut sent, notes).await?;
        sink.flush().await?;
    }
}

fn everything(house: &House) -> GatewayNotes {
    let core = house.store.read();
    let documents = &core.world.documents;
    GatewayNotes {
        revisions: documents.table(ids::REVISIONS).values().map(|d| d.serial).collect(),
        routes: documents.table(ids::ROUTES).keys().chain(documents.table(ids::DOMAIN_MAPPINGS).keys()).cloned().collect(),
        ..GatewayNotes::default()
    }
}

/// Sends what notes name, a few look-ups at a time: writers wait for the lock.
async fn tell<W: AsyncWrite + Unpin>(
    house: &House,
    sink: &mut Sink<W>,
    sent: &mut Sent,
    notes: GatewayNotes,
) -> std::io::Result<()> {
    for (revision, decided_us, ordered_us) in notes.progress {
        sink.put(&Route::Progress { revision, decided_us, ordered_us }).await?;
    }
    // Rules before the hosts that lead to them.
    let revisions: Vec<u32> = notes.revisions.into_iter().collect();
    let mut gone = Vec::new();
    for few in revisions.chunks(LOOKUPS_MAX) {
        let mut frames = Vec::new();
        {
            let core = house.store.read();
            for serial in few {
                if !revision(&core, *serial, sent, &mut frames) {
                    gone.push(*serial);
                }
            }
        }
        for frame in &frames {
            sink.put(frame).await?;
        }
    }
    let keys: Vec<Box<str>> = notes.routes.into_iter().collect();
    for few in keys.chunks(LOOKUPS_MAX) {
        let mut frames = Vec::new();
        {
            let core = house.store.read();
            let mut mappings = BTreeSet::new();
            for key in few {
                mappings.extend(routes::mappings_to(&core, key));
                hosts(key.clone(), routes::hosts_of_route(&core, key), sent, &mut frames);
            }
            for key in mappings.iter().chain(few) {
                hosts(format!("!{key}").into(), routes::host_of_mapping(&core, key).into_iter().collect(), sent, &mut frames);
            }
        }
        for frame in &frames {
            sink.put(frame).await?;
        }
    }
    for revision in gone.into_iter().filter(|serial| sent.revisions.remove(serial).is_some()) {
        sink.put(&Route::DropRevision { revision }).await?;
    }
    Ok(())
}

/// The frames of a Revision; false if it is gone.
fn revision(core: &Core, serial: u32, sent: &mut Sent, frames: &mut Vec<Route>) -> bool {
    let Some((ids::REVISIONS, key)) = core.index.location(serial) else { return false };
    let Some(document) = core.world.documents.get(ids::REVISIONS, &key) else { return false };
    let known = sent.revisions.get(&serial).copied();
    let (port, failed) = match known {
        Some((version, port, failed)) if version == document.version => (port, failed),
        _ => {
            let (route, port) = routes::rules(core, &key, document);
            frames.push(Route::Revision(route));
            (port, known.is_some_and(|(_, _, failed)| failed))
        }
    };
    frames.push(Route::Endpoints { revision: serial, endpoints: endpoints(core, serial, port) });
    let failure = failure(core, serial);
    if failed || failure.is_some() {
        frames.push(Route::Failing { revision: serial, message: failure.clone().unwrap_or_default() });
    }
    sent.revisions.insert(serial, (document.version, port, failure.is_some()));
    true
}

fn endpoints(core: &Core, serial: u32, port: u16) -> Vec<Endpoint> {
    let Some(record) = core.world.revisions.get(&serial) else { return Vec::new() };
    let endpoint = |row: &skiff_engine::record::Row| {
        let sandbox = core.world.sandboxes.get(*row);
        if sandbox.phase() != Phase::Ready {
            return None;
        }
        let node = core.world.nodes.get(sandbox.node() as usize)?;
        let own = core.pod_network(node.number) + u32::from(sandbox.slot());
        let (address, port) = node.facts.serve_at.unwrap_or((own, port));
        let key = sandbox.key();
        Some(Endpoint { key, address, port, stages: core.world.stages.get(key) })
    };
    record.members.iter().filter_map(endpoint).collect()
}

/// Why no sandbox of a Revision comes up, for requests that wait for one.
fn failure(core: &Core, serial: u32) -> Option<String> {
    let record = core.world.revisions.get(&serial).filter(|r| r.counts.ready == 0)?;
    let failure = record.failure.as_ref()?;
    let ended = failure.container.last.as_ref().filter(|last| matches!(last, ContainerState::Terminated { .. }));
    Some(match ended.unwrap_or(&failure.container.state) {
        ContainerState::Waiting { reason, message } => format!("{reason}: {message}"),
        ContainerState::Terminated { exit_code, reason, message, .. } => {
            format!("{reason}: container {} exited with code {exit_code}: {message}", failure.container.name)
        }
        ContainerState::Running { .. } => return None,
    })
}

/// The frames of what now follows from a Route or a DomainMapping.
fn hosts(source: Box<str>, now: Vec<HostRoute>, sent: &mut Sent, frames: &mut Vec<Route>) {
    let names: HashSet<&str> = now.iter().map(|route| route.host.as_str()).collect();
    for host in sent.hosts.remove(&source).unwrap_or_default() {
        let ours = sent.owners.get(&host) == Some(&source);
        if ours && !names.contains(host.as_str()) {
            sent.owners.remove(&host);
            frames.push(Route::DropHost { host });
        }
    }
    if now.is_empty() {
        return;
    }
    sent.hosts.insert(source.clone(), now.iter().map(|route| route.host.clone()).collect());
    for route in now {
        sent.owners.insert(route.host.clone(), source.clone());
        frames.push(Route::Host(route));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: &str) -> HostRoute {
        HostRoute { host: host.into(), cluster_local: false, splits: vec![(1, 100)], redirect_https: false, tags: Vec::new() }
    }

    fn drops(frames: &[Route]) -> Vec<&str> {
        frames.iter().filter_map(|f| if let Route::DropHost { host } = f { Some(host.as_str()) } else { None }).collect()
    }

    #[test]
    fn lost_hosts_are_dropped_and_taken_ones_are_not() {
        let (mut sent, mut frames) = (Sent::default(), Vec::new());
        hosts("ns/a".into(), vec![route("a.x"), route("tag-a.x")], &mut sent, &mut frames);
        hosts("ns/a".into(), vec![route("a.x")], &mut sent, &mut frames);
        assert_eq!(drops(&frames), ["tag-a.x"]);
        frames.clear();
        // The host moves to another source before its old one is looked at again.
        hosts("ns/b".into(), vec![route("a.x")], &mut sent, &mut frames);
        hosts("ns/a".into(), Vec::new(), &mut sent, &mut frames);
        assert!(drops(&frames).is_empty());
        hosts("ns/b".into(), Vec::new(), &mut sent, &mut frames);
        assert_eq!(drops(&frames), ["a.x"]);
        assert!(sent.hosts.is_empty() && sent.owners.is_empty());
    }
}
