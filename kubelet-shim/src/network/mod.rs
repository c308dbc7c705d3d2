//! A network namespace per sandbox: veth into a bridge, address from the slot, loopback up. Namespaces are made ahead of need
//! and kept in a pool; taking one costs an address and a route. The namespace is a bind-mounted file, so it outlives the agent.
//!
//! Fed by the sandbox room with a slot; knows no pod, container or wire.

mod link;
mod netns;
mod service;

pub use netns::{connect_inside, is_namespace};
pub use service::Services;

use link::Links;
use parking_lot::Mutex;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// How long the pool waits before it refills, while it is not empty.
const REFILL_PAUSE: std::time::Duration = std::time::Duration::from_millis(40);

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused a netlink request.
    #[error("{what}: {source}")]
    Netlink { what: &'static str, source: rtnetlink::Error },
    /// The kernel refused something else.
    #[error("{what}: {source}")]
    System { what: &'static str, source: std::io::Error },
    /// The order cannot be right.
    #[error("slot {0} is outside of the pod network")]
    Slot(u16),
    /// Somebody else's network: two nodes on one machine, or the machine's own.
    #[error("pod network {0} overlaps with {1} of this machine's {2}: packets would go astray")]
    Taken(String, String, String),
    /// No welcome yet.
    #[error("the node has no pod network yet")]
    NoRange,
}

/// The node's pod range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Host order.
    pub network: u32,
    /// 8 to 30.
    pub prefix: u8,
}

impl Range {
    /// The bridge: first address of the range.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(self.network + 1)
    }

    /// Whether an address is one of the range's. A wider network around the range does no harm: the narrower one wins.
    fn holds(self, address: Ipv4Addr) -> bool {
        (u64::from(u32::from(address) ^ self.network) >> (32 - u32::from(self.prefix.min(32)))) == 0
    }

    /// Address of a slot; the network's own, the bridge's and the broadcast address are none.
    pub fn address(self, slot: u16) -> Result<Ipv4Addr, NetworkError> {
        let size = 1u64 << (32 - u32::from(self.prefix.clamp(1, 32)));
        if slot < 2 || u64::from(slot) >= size - 1 {
            return Err(NetworkError::Slot(slot));
        }
        Ok(Ipv4Addr::from(self.network + u32::from(slot)))
    }
}

/// A namespace that a sandbox owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub netns: PathBuf,
    pub address: Ipv4Addr,
}

/// A namespace without an address.
struct Ready {
    name: String,
    inside: Links,
}

/// The node's bridge and its pool.
pub struct Network {
    dir: PathBuf,
    bridge: String,
    want: usize,
    host: Links,
    range: Mutex<Option<Range>>,
    bridge_index: Mutex<Option<u32>>,
    ready: Mutex<Vec<Ready>>,
    refill: Notify,
    next: AtomicU64,
}

impl Network {
    /// `dir` is where namespaces are mounted, `want` how many are kept ready.
    pub fn new(dir: PathBuf, bridge: &str, want: usize) -> Result<Arc<Network>, NetworkError> {
        std::fs::create_dir_all(&dir).map_err(|source| NetworkError::System { what: "netns directory", source })?;
        Ok(Arc::new(Network {
            dir,
            bridge: bridge.to_owned(),
            want: want.min(256),
            host: Links::here()?,
            range: Mutex::new(None),
            bridge_index: Mutex::new(None),
            ready: Mutex::default(),
            refill: Notify::new(),
            next: AtomicU64::new(std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_micros() as u64)),
        }))
    }

    /// Takes on the node's range: the bridge exists and has its address afterwards.
    pub async fn set_range(&self, range: Range) -> Result<(), NetworkError> {
        if *self.range.lock() == Some(range) && self.bridge_index.lock().is_some() {
            return Ok(());
        }
        if let Some((link, address, prefix)) = self.host.overlap(&self.bridge, range).await? {
            let own = format!("{}/{}", Ipv4Addr::from(range.network), range.prefix);
            return Err(NetworkError::Taken(own, format!("{address}/{prefix}"), link));
        }
        let index = self.host.bridge(&self.bridge, range.gateway(), range.prefix).await?;
        *self.bridge_index.lock() = Some(index);
        *self.range.lock() = Some(range);
        // Pods that talk to the outside or to services need it; a container of our own may not be allowed to say so.
        if let Err(error) = std::fs::write("/proc/sys/net/ipv4/ip_forward", "1") {
            tracing::warn!(%error, "packets will not be forwarded");
        }
        self.refill.notify_one();
        Ok(())
    }

    /// Keeps the pool full; runs for ever.
    pub async fn keep_ready(self: Arc<Self>) {
        loop {
            self.refill.notified().await;
            if !self.ready.lock().is_empty() {
                // The sandbox that took one is starting now: the CPU and the kernel's network lock are its.
                tokio::time::sleep(REFILL_PAUSE).await;
            }
            while self.ready.lock().len() < self.want {
                match self.make().await {
                    Ok(ready) => self.ready.lock().push(ready),
                    Err(error) => {
                        tracing::warn!(%error, "no spare network namespace");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                        break;
                    }
                }
            }
        }
    }

    async fn make(&self) -> Result<Ready, NetworkError> {
        let bridge = (*self.bridge_index.lock()).ok_or(NetworkError::NoRange)?;
        // 15 bytes are all that an interface name may have.
        let number = self.next.fetch_add(1, Ordering::Relaxed) & 0xfff_ffff_ffff;
        let name = format!("sk{number:011x}");
        let path = self.dir.join(&name);
        let inside = netns::create(path.clone()).await?;
        let made = self.wire_up(&name, &path, bridge, &inside).await;
        if let Err(error) = made {
            netns::remove(&path);
            return Err(error);
        }
        Ok(Ready { name, inside })
    }

    async fn wire_up(&self, name: &str, path: &Path, bridge: u32, inside: &Links) -> Result<(), NetworkError> {
        let file = std::fs::File::open(path).map_err(|source| NetworkError::System { what: "open netns", source })?;
        self.host.veth(name, bridge, &file).await?;
        // A pod that calls a service may be sent to itself: its frame then leaves by the port that it came from.
        if let Err(error) = std::fs::write(format!("/sys/class/net/{name}/brport/hairpin_mode"), "1") {
            tracing::debug!(%error, name, "a pod cannot reach itself through a service");
        }
        inside.up("lo").await?;
        inside.up("eth0").await
    }

    /// A namespace with the slot's address. From the pool if there is one.
    pub async fn attach(&self, slot: u16) -> Result<Attached, NetworkError> {
        let range = (*self.range.lock()).ok_or(NetworkError::NoRange)?;
        let address = range.address(slot)?;
        let taken = self.ready.lock().pop();
        self.refill.notify_one();
        let ready = match taken {
            Some(ready) => ready,
            None => self.make().await?,
        };
        let netns = self.dir.join(&ready.name);
        if let Err(error) = ready.inside.address("eth0", address, range.prefix, range.gateway()).await {
            netns::remove(&netns);
            return Err(error);
        }
        Ok(Attached { netns, address })
    }

    /// Gives a namespace up. The kernel removes it and its veth in its own time.
    pub async fn detach(&self, attached: Attached) {
        tokio::task::spawn_blocking(move || netns::remove(&attached.netns)).await.ok();
    }

    /// Removes namespaces that no sandbox owns: the pool of an agent that was killed.
    pub fn sweep(&self, owned: &[PathBuf]) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            if !owned.contains(&entry.path()) {
                netns::remove(&entry.path());
            }
        }
    }

    /// Removes the pool and the bridge.
    pub async fn remove(&self) {
        self.ready.lock().clear();
        self.sweep(&[]);
        self.host.delete(&self.bridge).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_addresses() {
        let range = Range { network: u32::from(Ipv4Addr::new(10, 1, 16, 0)), prefix: 20 };
        for (address, held) in [([10, 1, 16, 1], true), ([10, 1, 31, 255], true), ([10, 1, 32, 1], false), ([10, 9, 9, 9], false)]
        {
            assert_eq!(range.holds(Ipv4Addr::from(address)), held, "{address:?}");
        }
    }

    #[test]
    fn slots_lie_inside() {
        let range = Range { network: u32::from(Ipv4Addr::new(10, 1, 16, 0)), prefix: 24 };
        assert_eq!(range.gateway(), Ipv4Addr::new(10, 1, 16, 1));
        assert_eq!(range.address(2).ok(), Some(Ipv4Addr::new(10, 1, 16, 2)));
        assert_eq!(range.address(254).ok(), Some(Ipv4Addr::new(10, 1, 16, 254)));
        for outside in [0, 1, 255, 256, u16::MAX] {
            assert!(range.address(outside).is_err(), "{outside}");
        }
    }
}
