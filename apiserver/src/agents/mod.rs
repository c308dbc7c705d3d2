//! Sessions with nodes and gateways: orders and routes out, reports and load in. Knows the wire, not how objects look.
//!
//! After each turn the store tells what changed ([`Outbox`]); that is only noted here, and each session's task turns its notes
//! into frames. A session whose notes pile up is ended and begins anew with a full report.

mod gateway;
mod material;
mod node;
mod session;
mod streams;

pub use streams::{Incoming, Outgoing, SideStream, Streams, copy_raw};

use crate::project::knative::{DOMAIN_CLAIMS, is_config};
use crate::registry::ids;
use crate::store::{Core, Outbox};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use skiff_engine::{Event, Order, Outcome, Said};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::{Notify, mpsc};

/// Orders that wait for a node's session; beyond, the session is ended.
pub const ORDERS_MAX: usize = 1 << 20;
/// Things said that wait to become Events; beyond, they are dropped.
pub const SAID_MAX: usize = 4096;
/// Prefix length of each node's pod range.
pub const POD_PREFIX: u8 = 20;
/// Service addresses: 10.96.0.0/12 would overlap the pod ranges, so services live in 172.20.0.0/16.
pub const SERVICE_NETWORK: u32 = 0xac14_0000;
/// Its prefix length.
pub const SERVICE_PREFIX: u8 = 16;

/// Parts of that length in 10.0.0.0/8.
const POD_PARTS: u32 = 1 << (POD_PREFIX - 8);

/// Network of a node's pods, host order: 10.0.0.0/8 in /20 parts. `first` is the part of the first node: two control planes
/// with nodes on the same machine must not use the same one.
#[must_use]
pub fn pod_network(first: u32, node: u16) -> u32 {
    let node = u32::from(node);
    // Fleets larger than that are not real: they go on behind.
    let part = if node < POD_PARTS { (first + node) % POD_PARTS } else { node };
    0x0a00_0000 + (part << (32 - u32::from(POD_PREFIX)))
}

/// The first node's part, from the cluster's own certificate authority: the same after each start, another for each cluster.
#[must_use]
pub fn first_pod_part(ca_pem: &str) -> u32 {
    // Not the first of 10.0.0.0/8, where machines have networks of their own.
    let digest = Sha256::digest(ca_pem);
    64 + u32::from(digest[0]) * 15 + u32::from(digest[1]) % 15
}

/// Notes for one node's session.
#[derive(Default)]
struct NodeNotes {
    orders: Vec<Order>,
    services: BTreeSet<Box<str>>,
}

/// Notes for one gateway's session.
#[derive(Default)]
struct GatewayNotes {
    revisions: BTreeSet<u32>,
    routes: BTreeSet<Box<str>>,
    progress: Vec<(u32, u32, u32)>,
    /// Something that any host may follow from has changed.
    everything: bool,
}

struct NodeSession {
    session: u64,
    notes: Mutex<NodeNotes>,
    wake: Notify,
}

struct GatewaySession {
    session: u64,
    notes: Mutex<GatewayNotes>,
    wake: Notify,
}

/// All sessions.
pub struct Agents {
    nodes: Mutex<HashMap<u16, Arc<NodeSession>>>,
    gateways: Mutex<Vec<Arc<GatewaySession>>>,
    next_session: AtomicU64,
    /// Side streams that wait for their node.
    pub streams: Streams,
    cold: dashmap::DashMap<u32, Cold>,
    said: mpsc::Sender<(u64, Said)>,
    finals: mpsc::Sender<Box<str>>,
}

/// A cold request under way: when its report came and when it was decided.
struct Cold {
    reported: Instant,
    decided: Instant,
}

/// What other rooms take from the agents.
pub struct Outlets {
    /// Things worth an Event.
    pub said: mpsc::Receiver<(u64, Said)>,
    /// Keys of Pods whose sandbox is gone.
    pub finals: mpsc::Receiver<Box<str>>,
}

impl Agents {
    /// No sessions yet.
    #[must_use]
    pub fn new() -> (Arc<Agents>, Outlets) {
        let (said, said_out) = mpsc::channel(SAID_MAX);
        let (finals, finals_out) = mpsc::channel(SAID_MAX);
        let agents = Agents {
            nodes: Mutex::default(),
            gateways: Mutex::default(),
            next_session: AtomicU64::new(1),
            streams: Streams::default(),
            cold: dashmap::DashMap::new(),
            said,
            finals,
        };
        (Arc::new(agents), Outlets { said: said_out, finals: finals_out })
    }

    fn session_number(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a gateway is connected; without one, silence is not "no traffic".
    #[must_use]
    pub fn has_gateway(&self) -> bool {
        !self.gateways.lock().is_empty()
    }

    fn note_order(&self, node: u16, order: Order) {
        let session = self.nodes.lock().get(&node).cloned();
        // A node without a session learns what it needs from its next full report.
        let Some(session) = session else { return };
        let mut notes = session.notes.lock();
        if notes.orders.len() < ORDERS_MAX {
            notes.orders.push(order);
        } else {
            tracing::warn!(node, "orders pile up; the session is ended");
            self.nodes.lock().remove(&node);
        }
        drop(notes);
        session.wake.notify_one();
    }

    /// Only Services with an address lead anywhere from a node; most functions' Services have none.
    fn note_service(&self, core: &Core, key: &str) {
        if core.index.addresses.of(key).is_none() {
            return;
        }
        for session in self.nodes.lock().values() {
            session.notes.lock().services.insert(key.into());
            session.wake.notify_one();
        }
    }

    fn note_gateways(&self, note: impl Fn(&mut GatewayNotes)) {
        for session in self.gateways.lock().iter() {
            note(&mut session.notes.lock());
            session.wake.notify_one();
        }
    }

    /// A cold request's order has left for its node.
    fn ordered(&self, revision: u32) {
        if let Some((_, cold)) = self.cold.remove(&revision) {
            let micros = |d: std::time::Duration| u32::try_from(d.as_micros()).unwrap_or(u32::MAX);
            let decided = micros(cold.decided.duration_since(cold.reported));
            let ordered = micros(cold.decided.elapsed());
            self.note_gateways(|notes| notes.progress.push((revision, decided, ordered)));
        }
    }

    fn note_event(&self, core: &Core, version: u64, event: &Event) {
        match event {
            Event::Document { resource, key, before, after } => match *resource {
                ids::SERVICES => self.note_service(core, key),
                DOMAIN_CLAIMS => self.note_gateways(|n| n.everything = true),
                ids::CONFIG_MAPS if is_config(*resource, key) => self.note_gateways(|n| n.everything = true),
                ids::ROUTES | ids::KSERVICES | ids::DOMAIN_MAPPINGS => self.note_gateways(|n| {
                    n.routes.insert(key.clone());
                }),
                ids::REVISIONS => {
                    let serial = after.as_ref().or(before.as_ref()).map_or(0, |d| d.serial);
                    self.note_gateways(|n| {
                        n.revisions.insert(serial);
                    });
                }
                _ => {}
            },
            Event::Revision { serial, endpoints } => {
                if *endpoints {
                    for key in core.index.services_of(*serial).iter() {
                        self.note_service(core, key);
                    }
                }
                if core.index.location(*serial).is_some_and(|(resource, _)| resource == ids::REVISIONS) {
                    self.note_gateways(|n| {
                        n.revisions.insert(*serial);
                    });
                    for (resource, key) in core.index.parents_of(*serial) {
                        if resource == ids::ROUTES {
                            self.note_gateways(|n| {
                                n.routes.insert(key.clone());
                            });
                        }
                    }
                }
            }
            Event::Sandbox { before: Some(before), after: None } => {
                if let Some((ids::PODS, key)) = core.index.location(before.sandbox.revision())
                    && self.finals.try_send(key).is_err()
                {
                    tracing::warn!("too many Pods end at once; the sweep finds the rest");
                }
            }
            // Events are best effort upstream too: when the queue is full they are dropped.
            Event::Said(said) => drop(self.said.try_send((version, said.clone()))),
            _ => {}
        }
    }
}

impl Outbox for Agents {
    fn after_turn(&self, core: &Core, outcome: &Outcome) {
        for (version, event) in &outcome.events {
            self.note_event(core, *version, event);
        }
        for (node, order) in &outcome.orders {
            self.note_order(*node, *order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_networks_do_not_overlap() {
        for ca in ["a", "b", "c"] {
            let first = first_pod_part(ca);
            assert!((64..POD_PARTS).contains(&first), "{first}");
            let all: BTreeSet<u32> = (0..6000).map(|node| pod_network(first, node)).collect();
            assert_eq!(all.len(), 6000);
            assert!(all.iter().all(|network| network.trailing_zeros() >= 12 && (10..28).contains(&(network >> 24))));
        }
        assert_ne!(first_pod_part("a"), first_pod_part("b"));
    }
}
