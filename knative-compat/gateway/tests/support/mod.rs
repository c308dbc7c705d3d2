//! What a test of the gateway needs around it: a control plane, applications, and clients, all on loopback.

#![allow(dead_code)]
#![allow(clippy::unwrap_used)]

pub mod app;
pub mod client;
pub mod control;

use skiff_engine::wire::{Endpoint, HostRoute, RevisionRoute, Route, SandboxKey, Stages};
use skiff_gateway::{Gateway, Settings};
use std::net::SocketAddr;

/// A gateway in session with a control plane that the test plays.
pub struct Stage {
    pub address: SocketAddr,
    pub control: control::Control,
    pub session: control::Session,
    pub admin: SocketAddr,
}

pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Starts a gateway and takes its first session; no route has been sent.
pub async fn stage() -> Stage {
    stage_with(|_| {}).await
}

pub async fn stage_with(change: impl FnOnce(&mut Settings)) -> Stage {
    let control = control::Control::start().await;
    let mut settings = Settings::new("g1", any_port(), control.address, control.gateway_tls());
    settings.admin = Some(any_port());
    settings.seed = Some(1);
    change(&mut settings);
    let gateway = Gateway::bind(settings).await.unwrap();
    let (address, admin) = (gateway.address().unwrap(), gateway.admin_address().unwrap().unwrap());
    tokio::spawn(gateway.serve(std::future::pending()));
    let session = control.accept().await;
    Stage { address, control, session, admin }
}

impl Stage {
    /// One host `hello.example` that leads to revision 1 with these sandboxes.
    pub async fn route(&mut self, change: impl FnOnce(&mut RevisionRoute), apps: &[SocketAddr]) {
        self.session.send(Route::Welcome { epoch: 1 }).await;
        self.session.send(Route::Host(host("hello.example", &[(1, 100)]))).await;
        let mut route = revision(1);
        change(&mut route);
        self.session.send(Route::Revision(route)).await;
        self.session.send(endpoints(1, apps)).await;
        self.session.send(Route::Synced).await;
        self.session.settle().await;
    }
}

pub fn host(name: &str, splits: &[(u32, u8)]) -> HostRoute {
    HostRoute { host: name.into(), cluster_local: false, splits: splits.to_vec(), redirect_https: false, tags: Vec::new() }
}

pub fn revision(number: u32) -> RevisionRoute {
    RevisionRoute {
        revision: number,
        namespace: "default".into(),
        name: format!("hello-{number:05}"),
        concurrency_max: 0,
        queue_max: 10_000,
        timeout_s: 30,
        response_start_timeout_s: 0,
        idle_timeout_s: 0,
        h2c: false,
    }
}

pub fn endpoints(number: u32, apps: &[SocketAddr]) -> Route {
    let endpoint = |(seq, address): (usize, &SocketAddr)| {
        let SocketAddr::V4(address) = address else { panic!("IPv4 only") };
        Endpoint {
            key: SandboxKey { revision: number, seq: seq as u32 },
            address: (*address.ip()).into(),
            port: address.port(),
            stages: Stages { network_us: 1, created_us: 2, started_us: 3, ready_us: 4 },
        }
    };
    Route::Endpoints { revision: number, endpoints: apps.iter().enumerate().map(endpoint).collect() }
}
