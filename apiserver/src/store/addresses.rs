//! Addresses and node ports that Services hold, so that giving one out does not read all Services. Derived, memory only.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

/// What one Service holds.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Cluster address, host order.
    pub address: Option<u32>,
    /// Its first port, for the environment of Pods.
    pub port: u16,
    node_ports: Vec<u16>,
}

/// Who holds what.
#[derive(Default)]
pub struct Addresses {
    by_service: BTreeMap<Box<str>, Held>,
    addresses: HashMap<u32, Box<str>>,
    ports: HashMap<u16, Box<str>>,
}

impl Addresses {
    /// A Service came, changed or went.
    pub(super) fn put(&mut self, key: &str, service: Option<&Value>) {
        if let Some(held) = self.by_service.remove(key) {
            if let Some(address) = held.address {
                self.addresses.remove(&address);
            }
            for port in held.node_ports {
                self.ports.remove(&port);
            }
        }
        let Some(service) = service else { return };
        let address =
            service.pointer("/spec/clusterIP").and_then(Value::as_str).and_then(|a| a.parse::<Ipv4Addr>().ok()).map(u32::from);
        let list = service.pointer("/spec/ports").and_then(Value::as_array);
        let port = |p: &Value| p.get("nodePort").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
        let first =
            service.pointer("/spec/ports/0/port").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
        let ports: Vec<u16> = list.into_iter().flatten().filter_map(port).collect();
        if let Some(address) = address {
            self.addresses.insert(address, key.into());
        }
        for port in &ports {
            self.ports.insert(*port, key.into());
        }
        if address.is_some() || !ports.is_empty() {
            self.by_service.insert(key.into(), Held { address, port: first, node_ports: ports });
        }
    }

    /// The Service (`namespace/name`) that holds an address, host order.
    #[must_use]
    pub fn holder(&self, address: u32) -> Option<&str> {
        self.addresses.get(&address).map(AsRef::as_ref)
    }

    /// What a Service holds, if anything.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Held> {
        self.by_service.get(key)
    }

    /// Services of a namespace that hold something, by name.
    pub fn in_namespace<'a>(&'a self, namespace: &str) -> impl Iterator<Item = (&'a str, &'a Held)> {
        let prefix = format!("{namespace}/");
        let from = (std::ops::Bound::Included(prefix.clone().into_boxed_str()), std::ops::Bound::Unbounded);
        let inside = self.by_service.range::<Box<str>, _>(from).take_while(move |(key, _)| key.starts_with(&prefix));
        inside.map(|(key, held)| (key.rsplit('/').next().unwrap_or_default(), held))
    }

    /// The Service that holds a node port.
    #[must_use]
    pub fn port_holder(&self, port: u16) -> Option<&str> {
        self.ports.get(&port).map(AsRef::as_ref)
    }
}
