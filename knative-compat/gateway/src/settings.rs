//! What a gateway is told at its start. Fed by the binary's command line; knows no file and no environment.

use std::net::{Ipv4Addr, SocketAddr};

/// The gateway's identity towards the control plane (mutual TLS), all in PEM.
#[derive(Clone)]
pub struct AgentTls {
    /// Certificates that the control plane's certificate must lead to.
    pub ca_pem: Vec<u8>,
    /// The gateway's certificate chain (`CN=skiff:gateway:NAME, O=skiff:gateways`).
    pub cert_pem: Vec<u8>,
    /// Its private key.
    pub key_pem: Vec<u8>,
}

impl std::fmt::Debug for AgentTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A key must not get into a log.
        f.debug_struct("AgentTls").finish_non_exhaustive()
    }
}

/// A gateway's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, the one in its certificate.
    pub name: String,
    /// Where users' requests are taken: HTTP/1.1 and HTTP/2 with prior knowledge.
    pub listen: SocketAddr,
    /// The control plane's API address.
    pub control: SocketAddr,
    /// Other members of the control plane, tried in turn when the present one can't be reached.
    pub control_others: Vec<SocketAddr>,
    /// Name to expect in the control plane's certificate; `None` for its IP address.
    pub control_name: Option<String>,
    /// Mutual TLS towards the control plane.
    pub tls: AgentTls,
    /// Add a `Server-Timing` header to answers of cold requests.
    pub server_timing: bool,
    /// Where `/metrics`, `/healthz` and `/readyz` are served.
    pub admin: Option<SocketAddr>,
    /// Networks whose clients count as inside the cluster, for cluster-local hosts: address and prefix length.
    pub inside: Vec<(Ipv4Addr, u8)>,
    /// Seed of traffic splits and choices of sandboxes; `None` for a random one.
    pub seed: Option<u64>,
    /// Users' connections open at a time; further ones wait in the listener's backlog.
    pub connections_max: usize,
    /// Seconds that requests under way have after the stop.
    pub drain_s_max: u32,
}

impl Settings {
    /// Settings with the usual bounds: loopback and private 10/8 are inside, 65,536 connections, 30 s to drain.
    #[must_use]
    pub fn new(name: impl Into<String>, listen: SocketAddr, control: SocketAddr, tls: AgentTls) -> Self {
        Self {
            name: name.into(),
            listen,
            control,
            control_others: Vec::new(),
            control_name: None,
            tls,
            server_timing: true,
            admin: None,
            inside: vec![(Ipv4Addr::new(127, 0, 0, 0), 8), (Ipv4Addr::new(10, 0, 0, 0), 8)],
            seed: None,
            connections_max: 65_536,
            drain_s_max: 30,
        }
    }
}
