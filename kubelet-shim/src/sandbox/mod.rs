//! One sandbox: an actor that owns its ledger entry, asks the plan what to do, and does it. All waiting work runs beside it
//! and comes back as a [`Signal`], so an order to delete is heard at once.

mod adopt;
mod begin;
mod finish;
mod hook;
mod report;
mod start;
mod stop;
mod turn;

pub use adopt::recover;

use crate::env::Facts;
use crate::ledger::Entry;
use crate::network::Attached;
use crate::node::{Handle, Node, Revision};
use crate::plan::{End, Instance};
use crate::probe::Change;
use crate::restart::Policy;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use skiff_engine::wire::{Create, SandboxState};
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Signals that may wait; their senders wait beyond that.
const MAIL_MAX: usize = 256;
/// `Status` numbers of containerd's tasks.
pub const TASK_CREATED: i32 = 1;
pub const TASK_STOPPED: i32 = 3;

/// What a sandbox hears.
pub enum Signal {
    /// containerd: a main process ended.
    Exit { id: String, code: u32, at_ms: u64 },
    /// containerd: out of memory.
    Oom { id: String },
    /// A start came to its end.
    Started { index: usize, result: Box<Result<start::Started, start::StartFailure>> },
    /// An ended container has been removed.
    Ended { id: String, end: End },
    /// A probe has something to say.
    Probe { id: String, change: Change },
    /// Order to go.
    Delete { generation: u32, grace_seconds: u32 },
    /// Its template was sent again.
    Template(Arc<Revision>),
    /// The node's images changed.
    Images,
}

/// How far the things that all containers share have come.
enum Setup {
    Todo,
    Done,
    Failed { message: String, retry_ms: u64 },
}

/// Instants of the first start, for the stages.
struct Timing {
    ordered: Instant,
    network: Option<Instant>,
    created: Option<Instant>,
    started: Option<Instant>,
    sent: bool,
}

/// The actor.
pub struct Sandbox {
    node: Arc<Node>,
    entry: Entry,
    revision: Arc<Revision>,
    mail: mpsc::Sender<Signal>,
    inbox: mpsc::Receiver<Signal>,
    handle: Handle,
    setup: Setup,
    places: Arc<HashMap<String, PathBuf>>,
    timing: Timing,
    probes: HashMap<String, Vec<AbortHandle>>,
    stopping: HashMap<String, (AbortHandle, u32)>,
    /// Containers whose end is being dealt with.
    exiting: HashSet<String>,
    /// Ends that came before the word that the start succeeded.
    early: HashMap<String, (u32, u64)>,
    oomed: HashSet<String>,
    /// When the first "ErrImagePull" turns into "ImagePullBackOff".
    flip_ms: Option<u64>,
    reported: Vec<u8>,
    saved: Vec<u8>,
}

/// Unix milliseconds.
pub fn now_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0))
}

/// Name of a container at containerd: the same for every agent that works on the same ledger.
fn container_id(uid: &str, name: &str, attempt: u32) -> String {
    hex::encode(Sha256::digest(format!("{uid}/{name}/{attempt}")))
}

/// Takes an order to create.
pub fn spawn(node: Arc<Node>, revision: Arc<Revision>, create: Create) {
    let containers = revision.pod.containers().map(|(role, c)| Instance::new(&c.name, role, &c.image)).collect();
    let entry = Entry {
        create,
        containers,
        network: None,
        state: SandboxState::Creating,
        state_ms: now_ms(),
        created_s: now_ms() / 1000,
        deleting: None,
    };
    let sandbox = Sandbox::new(node, revision, entry);
    sandbox.node.save(&sandbox.entry);
    tokio::spawn(sandbox.run());
}

impl Sandbox {
    fn new(node: Arc<Node>, revision: Arc<Revision>, entry: Entry) -> Sandbox {
        let (mail, inbox) = mpsc::channel(MAIL_MAX);
        let handle = Handle {
            mail: mail.clone(),
            latest: Arc::new(Mutex::new(report::of(&entry, &revision, None))),
            namespace: revision.pod.metadata.namespace.clone(),
            name: entry.create.name.clone(),
            uid: entry.create.uid.clone(),
            netns: Arc::new(Mutex::new(entry.network.as_ref().map(|(netns, _)| netns.clone()))),
        };
        node.sandboxes.lock().insert(entry.create.key, handle.clone());
        Sandbox {
            node,
            entry,
            revision,
            mail,
            inbox,
            handle,
            setup: Setup::Todo,
            places: Arc::default(),
            timing: Timing { ordered: Instant::now(), network: None, created: None, started: None, sent: false },
            probes: HashMap::new(),
            stopping: HashMap::new(),
            exiting: HashSet::new(),
            early: HashMap::new(),
            oomed: HashSet::new(),
            flip_ms: None,
            reported: Vec::new(),
            saved: Vec::new(),
        }
    }

    fn policy(&self) -> Policy {
        Policy::of(&self.revision.pod.spec.restart_policy)
    }

    fn dir(&self) -> PathBuf {
        self.node.settings.pod_dir(&self.entry.create.uid)
    }

    fn address(&self) -> Ipv4Addr {
        self.entry.network.as_ref().map_or(self.node.settings.node_address, |(_, address)| *address)
    }

    fn facts(&self) -> Facts {
        let node = &self.node;
        Facts {
            name: self.entry.create.name.clone(),
            uid: self.entry.create.uid.clone(),
            address: self.address(),
            node_name: node.settings.node_name.clone(),
            node_address: node.settings.node_address,
            node_cpu_milli: node.facts.cpu_milli.into(),
            node_memory: u64::from(node.facts.memory_mib) << 20,
        }
    }

    fn attached(&self) -> Option<Attached> {
        self.entry.network.clone().map(|(netns, address)| Attached { netns, address })
    }

    fn index_of(&self, id: &str) -> Option<usize> {
        self.entry.containers.iter().position(|c| c.container_id == id)
    }
}
