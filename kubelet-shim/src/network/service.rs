//! Service addresses on the node: one nftables table that sends cluster addresses and node ports to endpoints, and lets pods
//! reach the outside. The rules are pure text; `nft` loads them, whole and atomically, off every hot path.

use super::Range;
use parking_lot::Mutex;
use skiff_engine::wire::{ServicePort, ServiceRule};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Notify;

/// Distance between two loads: endpoints of a busy function change often, and each load is a process.
const LOAD_PAUSE: Duration = Duration::from_millis(250);
/// Services that are kept; one more is refused with a warning.
const SERVICES_MAX: usize = 10_000;

/// What is to be reachable.
pub struct Services {
    table: String,
    bridge: String,
    wanted: Mutex<Wanted>,
    changed: Notify,
}

#[derive(Default)]
struct Wanted {
    range: Option<Range>,
    rules: BTreeMap<u32, Vec<ServicePort>>,
}

impl Services {
    pub fn new(bridge: &str) -> Services {
        // Names in nftables are letters, digits and underscores.
        let plain: String = bridge.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        Services { table: format!("skiff_{plain}"), bridge: bridge.to_owned(), wanted: Mutex::default(), changed: Notify::new() }
    }

    pub fn set_range(&self, range: Range) {
        self.wanted.lock().range = Some(range);
        self.changed.notify_one();
    }

    /// Replaces what was said of the service; no ports remove it.
    pub fn put(&self, rule: ServiceRule) {
        let mut wanted = self.wanted.lock();
        if rule.ports.is_empty() {
            wanted.rules.remove(&rule.cluster_ip);
        } else if wanted.rules.len() < SERVICES_MAX || wanted.rules.contains_key(&rule.cluster_ip) {
            wanted.rules.insert(rule.cluster_ip, rule.ports);
        } else {
            tracing::warn!(address = %Ipv4Addr::from(rule.cluster_ip), "too many services: this one is not reachable");
        }
        drop(wanted);
        self.changed.notify_one();
    }

    /// Loads what changed, for ever.
    pub async fn keep(&self) {
        loop {
            self.changed.notified().await;
            let text = {
                let wanted = self.wanted.lock();
                wanted.range.map(|range| text(&self.table, &self.bridge, range, &wanted.rules))
            };
            if let Some(text) = text
                && let Err(error) = load(&text).await
            {
                tracing::warn!(%error, "service rules are not loaded");
            }
            tokio::time::sleep(LOAD_PAUSE).await;
        }
    }

    /// Takes the table away.
    pub async fn remove(&self) {
        load(&format!("table ip {0} {{}}\ndelete table ip {0}\n", self.table)).await.ok();
    }
}

async fn load(text: &str) -> std::io::Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(text.as_bytes()).await?;
    }
    let output = nft.wait_with_output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(std::io::Error::other(said.lines().next().unwrap_or("nft failed").to_owned()))
}

/// The whole table. Naming it first makes the deletion succeed whether or not it is there.
fn text(table: &str, bridge: &str, range: Range, rules: &BTreeMap<u32, Vec<ServicePort>>) -> String {
    let mut jumps = String::new();
    for (address, ports) in rules {
        for port in ports.iter().filter(|p| !p.endpoints.is_empty()) {
            let (protocol, to) = (if port.udp { "udp" } else { "tcp" }, target(port));
            let cluster = Ipv4Addr::from(*address);
            writeln!(jumps, "    ip daddr {cluster} {protocol} dport {} {to}", port.port).ok();
            if port.node_port != 0 {
                writeln!(jumps, "    fib daddr type local {protocol} dport {} {to}", port.node_port).ok();
            }
        }
    }
    let network = format!("{}/{}", Ipv4Addr::from(range.network), range.prefix);
    format!(
        "table ip {table} {{}}\ndelete table ip {table}\ntable ip {table} {{\n  chain services {{\n{jumps}  }}\n\
         \x20 chain prerouting {{\n    type nat hook prerouting priority dstnat;\n\
         \x20   iifname \"skiff*\" iifname != \"{bridge}\" return\n    jump services\n  }}\n\
         \x20 chain output {{\n    type nat hook output priority -100;\n    jump services\n  }}\n\
         \x20 chain postrouting {{\n    type nat hook postrouting priority srcnat;\n\
         \x20   ip saddr {network} oifname != \"{bridge}\" masquerade\n\
         \x20   ip saddr {network} oifname \"{bridge}\" ct status dnat masquerade\n  }}\n}}\n"
    )
}

// Endpoints at random, each as likely as the other.
fn target(port: &ServicePort) -> String {
    let place = |(address, port): &(u32, u16)| format!("{} . {port}", Ipv4Addr::from(*address));
    match port.endpoints.as_slice() {
        [(address, to)] => format!("dnat to {}:{to}", Ipv4Addr::from(*address)),
        several => {
            let map: Vec<_> = several.iter().enumerate().map(|(n, e)| format!("{n} : {}", place(e))).collect();
            format!("dnat ip addr . port to numgen random mod {} map {{ {} }}", several.len(), map.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_every_endpoint() {
        let port = |endpoints: Vec<(u32, u16)>| ServicePort { port: 80, node_port: 30_080, udp: false, endpoints };
        let ip = |last: u8| u32::from(Ipv4Addr::new(10, 1, 0, last));
        let rules = BTreeMap::from([
            (u32::from(Ipv4Addr::new(10, 96, 0, 7)), vec![port(vec![(ip(2), 8080)])]),
            (u32::from(Ipv4Addr::new(10, 96, 0, 8)), vec![port(vec![(ip(2), 8080), (ip(3), 8081)])]),
            (u32::from(Ipv4Addr::new(10, 96, 0, 9)), vec![port(vec![])]),
        ]);
        let text = text("skiff_t", "br", Range { network: ip(0), prefix: 24 }, &rules);
        assert!(text.contains("ip daddr 10.96.0.7 tcp dport 80 dnat to 10.1.0.2:8080\n"), "{text}");
        assert!(text.contains("map { 0 : 10.1.0.2 . 8080, 1 : 10.1.0.3 . 8081 }"), "{text}");
        assert!(text.contains("fib daddr type local tcp dport 30080"), "{text}");
        assert!(!text.contains("10.96.0.9"), "{text}");
        assert!(text.contains("ip saddr 10.1.0.0/24 oifname != \"br\" masquerade"), "{text}");
    }
}
