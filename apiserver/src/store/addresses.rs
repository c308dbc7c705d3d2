//! Addresses and node ports that Services hold, so that giving one out does not read all Services. Derived, memory only.

use serde_json::Value;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// Who holds what.
#[derive(Default)]
pub struct Addresses {
    by_service: HashMap<Box<str>, (Option<u32>, Vec<u16>)>,
    addresses: HashMap<u32, Box<str>>,
    ports: HashMap<u16, Box<str>>,
}

impl Addresses {
    /// A Service came, changed or went.
    pub(super) fn put(&mut self, key: &str, service: Option<&Value>) {
        if let Some((address, ports)) = self.by_service.remove(key) {
            if let Some(address) = address {
                self.addresses.remove(&address);
            }
            for port in ports {
                self.ports.remove(&port);
            }
        }
        let Some(service) = service else { return };
        let address = service.pointer("/spec/clusterIP").and_then(Value::as_str).and_then(|a| a.parse::<Ipv4Addr>().ok()).map(u32::from);
        let list = service.pointer("/spec/ports").and_then(Value::as_array);
        let port = |p: &Value| p.get("nodePort").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
        let ports: Vec<u16> = list.into_iter().flatten().filter_map(port).collect();
        if let Some(address) = address {
            self.addresses.insert(address, key.into());
        }
        for port in &ports {
            self.ports.insert(*port, key.into());
        }
        if address.is_some() || !ports.is_empty() {
            self.by_service.insert(key.into(), (address, ports));
        }
    }

    /// The Service (`namespace/name`) that holds an address, host order.
    #[must_use]
    pub fn holder(&self, address: u32) -> Option<&str> {
        self.addresses.get(&address).map(AsRef::as_ref)
    }

    /// The Service that holds a node port.
    #[must_use]
    pub fn port_holder(&self, port: u16) -> Option<&str> {
        self.ports.get(&port).map(AsRef::as_ref)
    }
}
