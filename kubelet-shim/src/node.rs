//! The node: what all sandboxes share, and where orders, events and streams find the one they mean.
//! Fed by the session (orders) and by containerd (events); must not know how a sandbox does its work.

use crate::image::{ImageError, content};
use crate::ledger::{Entry, Journal, Record, Verdict};
use crate::link::LinkError;
use crate::link::outbox::Outbox;
use crate::log::Output;
use crate::network::{Network, Range, Services};
use crate::pod::Pod;
use crate::runtime::events::{ExecWaits, Seen};
use crate::runtime::images::Images;
use crate::runtime::{Containerd, oci};
use crate::sandbox::{self, Signal};
use crate::settings::Settings;
use crate::{facts, stream};
use parking_lot::Mutex;
use rustls::ClientConfig;
use serde_json::Value;
use skiff_engine::wire::{Create, Delete, Material, NodeFacts, Order, Report, SandboxKey, SandboxReport, SandboxState, Template};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// What sandboxes of one revision run.
pub struct Revision {
    pub pod: Pod,
    pub material: Material,
}

/// A running container, for whoever wants to talk to it.
#[derive(Clone)]
pub struct Live {
    pub id: String,
    pub attempt: u32,
    /// `process` of its spec.
    pub process: Arc<Value>,
    pub output: Output,
    /// Pipe of its standard input, if it has one.
    pub stdin: Option<PathBuf>,
    /// Signal number that asks it to stop.
    pub stop_signal: u32,
}

/// A sandbox, seen from outside.
#[derive(Clone)]
pub struct Handle {
    pub mail: mpsc::Sender<Signal>,
    pub latest: Arc<Mutex<SandboxReport>>,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// `None` on the node's own network, or before there is one.
    pub netns: Arc<Mutex<Option<PathBuf>>>,
}

/// Everything that is shared.
pub struct Node {
    pub settings: Settings,
    pub tls: Arc<ClientConfig>,
    pub runtime: Containerd,
    pub images: Images,
    pub execs: ExecWaits,
    pub network: Arc<Network>,
    pub services: Services,
    pub outbox: Outbox,
    pub starts: Semaphore,
    /// Capabilities that can be given here.
    pub allowed: u64,
    pub facts: NodeFacts,
    pub journal: Mutex<Journal>,
    pub sandboxes: Mutex<HashMap<SandboxKey, Handle>>,
    /// Running containers by sandbox and name.
    pub live: Mutex<HashMap<(SandboxKey, String), Live>>,
    /// Who is to hear of a container's end, by container id.
    pub containers: Mutex<HashMap<String, mpsc::Sender<Signal>>>,
    revisions: Mutex<HashMap<u32, Arc<Revision>>>,
    dropped: Mutex<HashSet<u32>>,
}

impl Node {
    pub fn new(
        settings: Settings,
        tls: Arc<ClientConfig>,
        runtime: Containerd,
        version: &str,
        journal: Journal,
    ) -> anyhow::Result<Arc<Node>> {
        let network = Network::new(settings.netns_dir(), &settings.bridge, settings.pool)?;
        let mut revisions = HashMap::new();
        for template in journal.ledger.templates.values() {
            revisions.insert(template.revision, Arc::new(read(template)));
        }
        Ok(Arc::new(Node {
            facts: facts::of_this_machine(&settings, version),
            starts: Semaphore::new(settings.starts_max.max(1)),
            allowed: oci::allowed_capabilities(),
            images: Images::default(),
            execs: ExecWaits::default(),
            outbox: Outbox::default(),
            services: Services::new(&settings.bridge),
            sandboxes: Mutex::default(),
            live: Mutex::default(),
            containers: Mutex::default(),
            revisions: Mutex::new(revisions),
            dropped: Mutex::default(),
            journal: Mutex::new(journal),
            settings,
            tls,
            runtime,
            network,
        }))
    }

    pub fn revision(&self, number: u32) -> Option<Arc<Revision>> {
        self.revisions.lock().get(&number).cloned()
    }

    /// First frame of a session.
    pub async fn full_report(&self) -> Report {
        let mut facts = self.facts.clone();
        facts.images = self.list_images().await.unwrap_or_default();
        let sandboxes = self.sandboxes.lock().values().map(|s| s.latest.lock().clone()).collect();
        Report::Full(facts, sandboxes)
    }

    async fn list_images(&self) -> Result<Vec<(String, u64)>, ImageError> {
        content::list_sized(&self.runtime).await
    }

    /// Does what the control plane says. Never waits for containers.
    pub async fn obey(self: &Arc<Self>, order: Order) -> Result<(), LinkError> {
        match order {
            Order::Welcome { epoch, pod_network, pod_prefix, .. } => {
                if epoch < self.journal.lock().ledger.epoch {
                    return Err(LinkError::Protocol("its epoch is older than one seen before"));
                }
                self.journal.lock().put(Record::Welcome { epoch, network: pod_network, prefix: pod_prefix });
                self.take_range(pod_network, pod_prefix).await;
            }
            Order::Template(template) => self.template(template).await,
            Order::DropTemplate { revision } => {
                if self.journal.lock().ledger.uses(revision) {
                    self.dropped.lock().insert(revision);
                } else {
                    self.forget_revision(revision);
                }
            }
            Order::Create(list) => list.into_iter().for_each(|create| self.create(create)),
            Order::Delete(list) => {
                for delete in list {
                    self.delete(delete).await;
                }
            }
            Order::Open { stream, request } => drop(tokio::spawn(stream::serve(self.clone(), stream, request))),
            Order::Service(rule) => self.services.put(rule),
            Order::Ping => {}
        }
        Ok(())
    }

    pub async fn take_range(&self, network: u32, prefix: u8) {
        if let Err(error) = self.network.set_range(Range { network, prefix }).await {
            tracing::error!(%error, "no pod network");
        }
        self.services.set_range(Range { network, prefix });
    }

    async fn template(&self, template: Template) {
        let number = template.revision;
        let revision = Arc::new(read(&template));
        self.revisions.lock().insert(number, revision.clone());
        self.dropped.lock().remove(&number);
        self.journal.lock().put(Record::Template(template));
        self.tell_all(|key| (key.revision == number).then(|| Signal::Template(revision.clone()))).await;
    }

    fn forget_revision(&self, revision: u32) {
        self.revisions.lock().remove(&revision);
        self.journal.lock().put(Record::DropTemplate(revision));
    }

    async fn tell_all(&self, signal: impl Fn(&SandboxKey) -> Option<Signal>) {
        let mail: Vec<_> =
            self.sandboxes.lock().iter().filter_map(|(key, s)| signal(key).map(|signal| (s.mail.clone(), signal))).collect();
        for (mail, signal) in mail {
            mail.send(signal).await.ok();
        }
    }

    fn create(self: &Arc<Self>, create: Create) {
        let verdict = self.journal.lock().ledger.judge(create.key, create.generation);
        match verdict {
            Verdict::New => match self.revision(create.key.revision) {
                Some(revision) => sandbox::spawn(self.clone(), revision, create),
                None => {
                    tracing::warn!(key = ?create.key, "order to create without a template");
                    self.outbox.put(gone(create.key, create.generation));
                }
            },
            Verdict::Buried => self.outbox.put(gone(create.key, create.generation)),
            Verdict::Known => {}
            Verdict::Stale => tracing::warn!(key = ?create.key, "order of an old generation is refused"),
        }
    }

    async fn delete(&self, delete: Delete) {
        let verdict = self.journal.lock().ledger.judge(delete.key, delete.generation);
        let handle = self.sandboxes.lock().get(&delete.key).cloned();
        match (verdict, handle) {
            (Verdict::Stale, _) => tracing::warn!(key = ?delete.key, "order of an old generation is refused"),
            (_, Some(handle)) => {
                let signal = Signal::Delete { generation: delete.generation, grace_seconds: delete.grace_seconds };
                handle.mail.send(signal).await.ok();
            }
            (_, None) => self.outbox.put(gone(delete.key, delete.generation)),
        }
    }

    /// The last of a sandbox.
    pub fn bury(&self, key: SandboxKey, generation: u32) {
        self.sandboxes.lock().remove(&key);
        let unused = {
            let mut journal = self.journal.lock();
            journal.put(Record::Gone(key, generation));
            !journal.ledger.uses(key.revision)
        };
        if unused && self.dropped.lock().remove(&key.revision) {
            self.forget_revision(key.revision);
        }
        self.outbox.put(gone(key, generation));
    }

    /// Writes a sandbox down.
    pub fn save(&self, entry: &Entry) {
        self.journal.lock().put(Record::Sandbox(Box::new(entry.clone())));
    }

    /// Hands containerd's events on, for ever.
    pub async fn watch(self: Arc<Self>, mut seen: mpsc::Receiver<Seen>) {
        while let Some(event) = seen.recv().await {
            match event {
                Seen::Exit { id, code, at_ms } => self.tell_owner(id, |id| Signal::Exit { id, code, at_ms }).await,
                Seen::Oom { id } => self.tell_owner(id, |id| Signal::Oom { id }).await,
                Seen::Images => {
                    self.images.forget();
                    if let Ok(images) = self.list_images().await {
                        self.outbox.put_images(images);
                    }
                    self.tell_all(|_| Some(Signal::Images)).await;
                }
                Seen::Resumed => self.compare().await,
            }
        }
    }

    async fn tell_owner(&self, id: String, signal: impl FnOnce(String) -> Signal) {
        let owner = self.containers.lock().get(&id).cloned();
        if let Some(owner) = owner {
            owner.send(signal(id)).await.ok();
        }
    }

    /// Events were missed: whoever no longer runs has ended.
    async fn compare(&self) {
        self.images.forget();
        let tasks = match self.runtime.list_tasks().await {
            Ok(tasks) => tasks,
            Err(error) => return tracing::warn!(%error, "tasks cannot be listed"),
        };
        let running: HashSet<_> = tasks.iter().filter(|t| t.status != sandbox::TASK_STOPPED).map(|t| t.id.clone()).collect();
        let live: Vec<_> = self.live.lock().values().map(|l| l.id.clone()).collect();
        for id in live.into_iter().filter(|id| !running.contains(id)) {
            let task = tasks.iter().find(|t| t.id == id);
            let (code, at_ms) = task.map_or((255, 0), |t| (t.exit_status, crate::runtime::containerd::unix_ms(t.exited_at)));
            self.tell_owner(id, |id| Signal::Exit { id, code, at_ms }).await;
        }
    }
}

fn read(template: &Template) -> Revision {
    let pod = Pod::read(&template.pod).unwrap_or_else(|error| {
        // It has no containers then; its sandboxes report that they cannot be created.
        tracing::error!(%error, revision = template.revision, "template");
        Pod::default()
    });
    Revision { pod, material: template.material.clone() }
}

fn gone(key: SandboxKey, generation: u32) -> SandboxReport {
    SandboxReport {
        key,
        generation,
        state: SandboxState::Gone,
        at_ms: sandbox::now_ms(),
        containers: Vec::new(),
        stages: None,
        slot: 0,
        created_s: 0,
    }
}
