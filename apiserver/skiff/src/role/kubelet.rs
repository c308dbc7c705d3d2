//! `skiff kubelet`: a node on containerd.

use crate::args::Kubelet;
use skiff_kubelet::{NodeTls, Settings};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Runs until a signal, or removes what an earlier run left.
pub async fn run(args: Kubelet) -> anyhow::Result<()> {
    let stop = super::stop_signal()?;
    let settings = settings(&args)?;
    if args.remove_everything {
        return skiff_kubelet::remove_everything(&settings).await;
    }
    skiff_kubelet::run(settings, stop).await
}

/// The node's settings.
pub fn settings(args: &Kubelet) -> anyhow::Result<Settings> {
    let pems = super::read_pair(&args.pair)?;
    let tls = NodeTls { ca_pem: pems.ca, cert_pem: pems.cert, key_pem: pems.key };
    Ok(Settings {
        containerd_socket: args.containerd_socket.clone(),
        namespace: args.namespace.clone(),
        node_address: args.node_address.unwrap_or_else(default_address),
        bridge: args.bridge.clone(),
        runtime_binary: args.runtime_binary.clone(),
        pods_max: args.pods_max,
        ..Settings::new(&args.node_name, args.api, tls, &args.dir)
    })
}

/// The address that packets to the world leave from. Connecting a datagram socket asks the routing table and sends nothing.
fn default_address() -> Ipv4Addr {
    let asked = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    match asked.map(|address| address.ip()) {
        Ok(IpAddr::V4(address)) => address,
        _ => Ipv4Addr::LOCALHOST,
    }
}
